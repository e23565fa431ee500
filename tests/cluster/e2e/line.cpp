// A poll(2) loop over pairs of sockets. See line.hpp.
#include "line.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <stdexcept>

namespace inpod::test {
namespace {

int connect_to(const std::string& host, const std::string& port) {
  addrinfo hints{}, *found = nullptr;
  hints.ai_socktype = SOCK_STREAM;
  if (getaddrinfo(host.c_str(), port.c_str(), &hints, &found) != 0) return -1;
  const int fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const bool connected = fd >= 0 && connect(fd, found->ai_addr, found->ai_addrlen) == 0;
  freeaddrinfo(found);
  if (connected) return fd;
  if (fd >= 0) close(fd);
  return -1;
}

void prepare(int fd) {
  const int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
}

/// Closes with a reset instead of an orderly end.
void reset(int fd) {
  const linger at_once{1, 0};
  setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  close(fd);
}

}  // namespace

struct Line::Flow {
  int from, to;
  std::string waiting;
  bool ended = false;  // `from` has said its last

  short wants_in() const { return !ended && waiting.empty() ? POLLIN : 0; }
  short wants_out() const { return waiting.empty() ? 0 : POLLOUT; }
  /// Moves what can be moved; the count of bytes that left, or -1 when the connection is dead.
  long move();
};

long Line::Flow::move() {
  if (waiting.empty() && !ended) {
    char buffer[65536];
    const ssize_t got = recv(from, buffer, sizeof buffer, 0);
    if (got < 0) return errno == EAGAIN ? 0 : -1;
    if (got == 0) {
      ended = true;
      shutdown(to, SHUT_WR);
    }
    waiting.assign(buffer, static_cast<std::size_t>(got));
  }
  if (waiting.empty()) return 0;
  const ssize_t sent = send(to, waiting.data(), waiting.size(), MSG_NOSIGNAL);
  if (sent < 0) return errno == EAGAIN ? 0 : -1;
  waiting.erase(0, static_cast<std::size_t>(sent));
  return sent;
}

struct Line::Connection {
  Connection(int near, int far) : out{near, far, {}}, in{far, near, {}} {}
  ~Connection() {
    reset(out.from);
    reset(in.from);
  }
  bool over() const { return dead || (out.ended && in.ended && out.waiting.empty() && in.waiting.empty()); }
  Flow out, in;
  bool dead = false;
};

Line::Line() {
  const auto view =
      kubectl({"config", "view", "--minify", "-o", "jsonpath={.clusters[0].cluster.server}"}).out;
  const auto begin = view.find("://") + 3;
  const auto end = std::min(view.find('/', begin), view.size());
  const auto colon = view.rfind(':', end);
  const bool has_port = colon != std::string::npos && colon > begin && view.find(']', colon) >= end;
  host_ = view.substr(begin, (has_port ? colon : end) - begin);
  port_ = has_port ? view.substr(colon + 1, end - colon - 1) : "443";
  own_port_ = listen_here();
  wake_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  thread_ = std::thread([this] { work(); });
}

Line::~Line() {
  over_ = true;
  eventfd_write(wake_, 1);
  thread_.join();
  connections_.clear();
  close(listener_);
  close(wake_);
}

unsigned short Line::listen_here() {
  listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  if (listener_ < 0 || bind(listener_, reinterpret_cast<sockaddr*>(&address), length) != 0 ||
      listen(listener_, 64) != 0 ||
      getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &length) != 0)
    throw std::runtime_error("the line can't listen");
  return ntohs(address.sin_port);
}

void Line::become(State state) {
  wanted_ = state;
  eventfd_write(wake_, 1);
  if (!eventually(seconds(10), [&] { return is_ == state; }))
    throw std::runtime_error("the line's thread does not answer");
}

std::string Line::kubeconfig(const Developer& developer) const {
  const auto cluster =
      kubectl({"config", "view", "--minify", "-o", "jsonpath={.contexts[0].context.cluster}"}).out;
  std::vector<std::string> change{"set-cluster", cluster,
                                  "--server=https://127.0.0.1:" + std::to_string(own_port_)};
  if (host_ != "127.0.0.1") change.push_back("--tls-server-name=" + host_);
  return developer.kubeconfig_with("line.conf", {change});
}

void Line::work() {
  while (!over_) {
    if (const State wanted = wanted_; wanted != is_) {
      if (wanted == State::broken) connections_.clear();
      is_ = wanted;
    }
    step();
  }
}

void Line::step() {
  const State state = is_;
  std::vector<pollfd> fds{{wake_, POLLIN, 0}};
  if (state != State::silent) fds.push_back({listener_, POLLIN, 0});
  for (const auto& connection : connections_) {
    if (state != State::whole) break;
    const auto &out = connection->out, &in = connection->in;
    fds.push_back({out.from, static_cast<short>(out.wants_in() | in.wants_out()), 0});
    fds.push_back({in.from, static_cast<short>(in.wants_in() | out.wants_out()), 0});
  }
  // Sockets with nothing to wait for still report their death, again and again: leave them out.
  for (auto& entry : fds)
    if (entry.events == 0) entry.fd = -1;
  if (poll(fds.data(), fds.size(), 1000) <= 0) return;
  std::uint64_t ignored = 0;
  eventfd_read(wake_, &ignored);
  if (wanted_ != state || state == State::silent) return;
  for (const auto& connection : connections_) {
    for (Flow* flow : {&connection->out, &connection->in}) {
      const long moved = flow->move();
      if (moved < 0)
        connection->dead = true;
      else
        carried_ += static_cast<std::uint64_t>(moved);
    }
  }
  std::erase_if(connections_, [](const auto& connection) { return connection->over(); });
  accept_one();
}

void Line::accept_one() {
  const int near = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
  if (near < 0) return;
  const int far = is_ == State::whole ? connect_to(host_, port_) : -1;
  if (far < 0) return reset(near);
  prepare(near);
  prepare(far);
  connections_.push_back(std::make_unique<Connection>(near, far));
}

}  // namespace inpod::test
