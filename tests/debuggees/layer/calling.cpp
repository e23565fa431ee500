// Connects to servers in the pod's world, in every way. Usage: calling HOST PORT
// HOST:PORT is an echo server (TCP and UDP); PORT+1 refuses.
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <vector>

#include "report.hpp"

static sockaddr_in server;

static std::string text_of(const sockaddr_in& address, bool with_port) {
  char text[INET_ADDRSTRLEN];
  return std::string(inet_ntop(AF_INET, &address.sin_addr, text, sizeof text)) +
         (with_port ? ":" + std::to_string(ntohs(address.sin_port)) : "");
}

static sockaddr_in at_port(int more) {
  sockaddr_in address = server;
  address.sin_port = htons(static_cast<std::uint16_t>(ntohs(server.sin_port) + more));
  return address;
}

static int dial(int fd, const sockaddr_in& address) {
  return connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address);
}

static int error_of(int fd) {
  int error = -1;
  socklen_t size = sizeof error;
  getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
  return error;
}

static void names(int fd) {
  sockaddr_in address{};
  socklen_t size = sizeof address;
  report("getpeername", getpeername(fd, reinterpret_cast<sockaddr*>(&address), &size));
  report("peer", text_of(address, true));
  size = sizeof address;
  report("getsockname", getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size));
  report("local", text_of(address, false));
}

static void echo(int fd, std::size_t size) {
  std::vector<char> out(size), in(size);
  for (std::size_t i = 0; i < size; ++i) out[i] = static_cast<char>(i * 31 + size);
  std::size_t sent = 0, got = 0;
  while (got < size) {
    pollfd one{fd, static_cast<short>(POLLIN | (sent < size ? POLLOUT : 0)), 0};
    if (poll(&one, 1, 10000) != 1) break;
    if ((one.revents & POLLOUT) != 0) {
      const ssize_t n = send(fd, out.data() + sent, std::min<std::size_t>(size - sent, 65536), MSG_DONTWAIT);
      if (n > 0) sent += static_cast<std::size_t>(n);
    }
    if ((one.revents & POLLIN) != 0) {
      const ssize_t n = recv(fd, in.data() + got, size - got, MSG_DONTWAIT);
      if (n == 0) break;
      if (n > 0) got += static_cast<std::size_t>(n);
    }
  }
  report_bytes("echo", in.data(), static_cast<long>(got));
  report("the same", in == out);
}

static void blocking() {
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  report("connect", dial(fd, server));
  names(fd);
  echo(fd, 100);
  echo(fd, 1 << 20);
  report("connect again", dial(fd, server));
  report("shutdown", shutdown(fd, SHUT_WR));
  char byte;
  report("end of stream", read(fd, &byte, 1));
  close(fd);
  const int refused = socket(AF_INET, SOCK_STREAM, 0);
  report("refused", dial(refused, at_port(1)));
  report("SO_ERROR", error_of(refused));
  report("getpeername", getpeername(refused, nullptr, nullptr));
  report("connect after a refusal", dial(refused, server));
  echo(refused, 10);
  close(refused);
}

enum class Waiter { poll, select, epoll };

static int wait_writable(int fd, Waiter how) {
  if (how == Waiter::poll) {
    pollfd one{fd, POLLOUT, 0};
    return poll(&one, 1, 10000) == 1 ? one.revents : -1;
  }
  if (how == Waiter::select) {
    fd_set set;
    FD_ZERO(&set);
    FD_SET(fd, &set);
    timeval limit{10, 0};
    return select(fd + 1, nullptr, &set, nullptr, &limit);
  }
  const int set = epoll_create1(EPOLL_CLOEXEC);
  epoll_event event{EPOLLOUT | EPOLLET, {}};
  epoll_ctl(set, EPOLL_CTL_ADD, fd, &event);
  const int count = epoll_wait(set, &event, 1, 10000);
  close(set);
  return count == 1 ? static_cast<int>(event.events) : -1;
}

static void not_blocking(Waiter how) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  report("connect", dial(fd, server));
  report("writable", wait_writable(fd, how));
  report("SO_ERROR", error_of(fd));
  names(fd);
  echo(fd, 5000);
  close(fd);
  const int refused = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  report("connect", dial(refused, at_port(1)));
  report("writable", wait_writable(refused, how) > 0);
  report("SO_ERROR", error_of(refused));
  report("SO_ERROR again", error_of(refused));
  report("write", send(refused, "x", 1, MSG_NOSIGNAL));
  close(refused);
}

static void second_connect() {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  report("connect", dial(fd, server));
  const int again = dial(fd, server);
  report("under way", again == -1 && errno == EALREADY ? 1 : again == 0 ? 1 : -1);
  wait_writable(fd, Waiter::poll);
  const int done = dial(fd, server);
  report("done", done == 0 || (done == -1 && errno == EISCONN) ? 1 : -1);
  report("once more", dial(fd, server));
  close(fd);
  const int refused = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  dial(refused, at_port(1));
  wait_writable(refused, Waiter::poll);
  report("after a refusal", dial(refused, at_port(1)));
  close(refused);
}

static void reading_the_error() {
  const int refused = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  dial(refused, at_port(1));
  wait_writable(refused, Waiter::poll);
  char byte;
  report("read after a refusal", read(refused, &byte, 1));
  close(refused);
}

static void datagrams() {
  const int fd = socket(AF_INET, SOCK_DGRAM, 0);
  timeval limit{5, 0};
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  report("connect", dial(fd, server));
  sockaddr_in peer{};
  socklen_t size = sizeof peer;
  report("getpeername", getpeername(fd, reinterpret_cast<sockaddr*>(&peer), &size));
  report("peer", text_of(peer, true));
  char bytes[2000];
  report("send", send(fd, "ping", 4, 0));
  report_bytes("recv", bytes, recv(fd, bytes, sizeof bytes, 0));
  report("write", write(fd, bytes, 1200));
  sockaddr_in from{};
  size = sizeof from;
  report("recvfrom", recvfrom(fd, bytes, sizeof bytes, 0, reinterpret_cast<sockaddr*>(&from), &size));
  report("from", text_of(from, true));
  close(fd);

  const int loose = socket(AF_INET, SOCK_DGRAM, 0);
  setsockopt(loose, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  report("sendto", sendto(loose, "pong", 4, 0, reinterpret_cast<sockaddr*>(&server), sizeof server));
  iovec part{bytes, sizeof bytes};
  msghdr message{};
  message.msg_name = &from;
  message.msg_namelen = sizeof from;
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  report("recvmsg", recvmsg(loose, &message, 0));
  report("from", text_of(from, true));
  message.msg_name = &server;
  message.msg_namelen = sizeof server;
  part.iov_len = 10;
  report("sendmsg", sendmsg(loose, &message, 0));
  size = sizeof from;
  report("recvfrom", recvfrom(loose, bytes, sizeof bytes, 0, reinterpret_cast<sockaddr*>(&from), &size));
  close(loose);
}

int main(int, char** arguments) {
  setvbuf(stdout, nullptr, _IOLBF, 0);
  server.sin_family = AF_INET;
  inet_pton(AF_INET, arguments[1], &server.sin_addr);
  server.sin_port = htons(static_cast<std::uint16_t>(std::stoi(arguments[2])));
  printf("-- blocking\n");
  blocking();
  for (const Waiter how : {Waiter::poll, Waiter::select, Waiter::epoll}) {
    printf("-- not blocking, %d\n", static_cast<int>(how));
    not_blocking(how);
  }
  printf("-- a second connect\n");
  second_connect();
  reading_the_error();
  printf("-- datagrams\n");
  datagrams();
  return 0;
}
