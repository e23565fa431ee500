// The sockets of a "program" under test and what the layer does with them: shared by the relay's unit and
// integration tests.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/stat.h>

#include "protocol/messages.hpp"
#include "unit/relay/relay_client.hpp"

namespace inpod::test {

using relay::Op;

inline protocol::SocketAddress ipv4(const char* text, std::uint16_t port) {
  protocol::SocketAddress address{protocol::AddressFamily::ipv4, {}, port, 0, {}};
  ::inet_pton(AF_INET, text, address.ip.data());
  return address;
}

struct Raw {
  sockaddr_storage storage{};
  socklen_t length = 0;
  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
};

inline Raw raw(int domain, const char* text, std::uint16_t port) {
  Raw result;
  if (domain == AF_INET) {
    auto* in = reinterpret_cast<sockaddr_in*>(&result.storage);
    in->sin_family = AF_INET, in->sin_port = htons(port);
    ::inet_pton(AF_INET, text, &in->sin_addr);
    result.length = sizeof(*in);
  } else {
    auto* in6 = reinterpret_cast<sockaddr_in6*>(&result.storage);
    in6->sin6_family = AF_INET6, in6->sin6_port = htons(port);
    ::inet_pton(AF_INET6, text, &in6->sin6_addr);
    result.length = sizeof(*in6);
  }
  return result;
}

/// "10.0.0.1:80" or "::1|80".
inline std::string text_of(const sockaddr_storage& storage) {
  char text[64] = "";
  if (storage.ss_family == AF_INET) {
    auto* in = reinterpret_cast<const sockaddr_in*>(&storage);
    ::inet_ntop(AF_INET, &in->sin_addr, text, sizeof(text));
    return text + (":" + std::to_string(ntohs(in->sin_port)));
  }
  auto* in6 = reinterpret_cast<const sockaddr_in6*>(&storage);
  ::inet_ntop(AF_INET6, &in6->sin6_addr, text, sizeof(text));
  return text + ("|" + std::to_string(ntohs(in6->sin6_port)));
}

inline std::string own_address(int fd) {
  Raw at;
  at.length = sizeof(at.storage);
  ::getsockname(fd, reinterpret_cast<sockaddr*>(&at.storage), &at.length);
  return text_of(at.storage);
}

inline std::uint16_t own_port(int fd) {
  Raw at;
  at.length = sizeof(at.storage);
  ::getsockname(fd, reinterpret_cast<sockaddr*>(&at.storage), &at.length);
  return ntohs(reinterpret_cast<const sockaddr_in*>(&at.storage)->sin_port);
}

inline UniqueFd make_socket(int domain, int type) {
  UniqueFd fd(::socket(domain, type | SOCK_CLOEXEC, 0));
  const timeval limit{10, 0};
  ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
  return fd;
}

inline std::uint64_t cookie(int fd) {
  std::uint64_t value = 0;
  socklen_t length = sizeof(value);
  ::getsockopt(fd, SOL_SOCKET, SO_COOKIE, &value, &length);
  return value;
}

inline int socket_error(int fd) {
  int code = 0;
  socklen_t length = sizeof(code);
  ::getsockopt(fd, SOL_SOCKET, SO_ERROR, &code, &length);
  return code;
}

/// How many descriptors of this process, and so of the relay's, lead to the same socket.
inline int descriptors_of(int fd) {
  struct stat wanted {
  }, found{};
  ::fstat(fd, &wanted);
  int count = 0;
  for (int other = 0; other < 4096; ++other)
    count += ::fstat(other, &found) == 0 && found.st_dev == wanted.st_dev && found.st_ino == wanted.st_ino;
  return count;
}

/// op connect, then connect(2) where the relay says; the errno of either, or of connect(2) EINPROGRESS.
inline int connect_in_pod(const RelayClient& client, int fd, const Raw& remote, bool wait) {
  const auto reply = client
                         .call({.op = Op::connect,
                                .a = wait,
                                .fd = fd,
                                .address = remote.get(),
                                .address_length = remote.length})
                         .reply;
  if (reply.error != 0) return reply.error;
  const auto* to = reinterpret_cast<const sockaddr*>(&reply.address);
  return ::connect(fd, to, reply.address_length) == 0 ? 0 : errno;
}

/// As many bytes, or fewer where the stream ends.
inline std::string receive(int fd, std::size_t length) {
  std::string data(length, '\0');
  std::size_t got = 0;
  while (got < length) {
    const auto piece = ::recv(fd, data.data() + got, length - got, 0);
    if (piece <= 0) break;
    got += static_cast<std::size_t>(piece);
  }
  data.resize(got);
  return data;
}

/// An epoll set in the program, edge-triggered, with the socket in it before it connects.
class Poller {
 public:
  explicit Poller(int fd) : epoll_(::epoll_create1(EPOLL_CLOEXEC)) {
    epoll_event event{EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, {}};
    ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event);
    wait(0);  // an unconnected socket hangs up at once, here as natively
  }
  std::uint32_t wait(int limit) {
    epoll_event event{};
    return ::epoll_wait(epoll_.get(), &event, 1, limit) == 1 ? event.events : 0;
  }

 private:
  UniqueFd epoll_;
};

/// A program's listener as the layer makes it: bound to loopback, with what was asked for told to the relay.
struct Listener {
  Listener(const RelayClient& client, int domain, std::uint16_t port, int backlog = 8)
      : fd(make_socket(domain, SOCK_STREAM)) {
    const auto local = raw(domain, domain == AF_INET ? "127.0.0.1" : "::1", 0);
    ::bind(fd.get(), local.get(), local.length);
    const auto asked = raw(domain, domain == AF_INET ? "0.0.0.0" : "::", port);
    const std::uint64_t families =
        domain == AF_INET ? relay::bound_ipv4 : relay::bound_ipv4 | relay::bound_ipv6;
    client.call({.op = Op::bound,
                 .b = families,
                 .fd = fd.get(),
                 .address = asked.get(),
                 .address_length = asked.length});
    ::listen(fd.get(), backlog);
    client.call({.op = Op::listening, .fd = fd.get()});
    local_port = own_port(fd.get());
  }
  UniqueFd accept() const {
    UniqueFd accepted(::accept(fd.get(), nullptr, nullptr));
    const timeval limit{10, 0};
    ::setsockopt(accepted.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    return accepted;
  }
  UniqueFd fd;
  std::uint16_t local_port = 0;
};

}  // namespace inpod::test
