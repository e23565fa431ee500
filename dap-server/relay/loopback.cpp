// Loopback sockets: see loopback.hpp.
#include "relay/loopback.hpp"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstring>

#include "relay/address.hpp"
#include "relay/context.hpp"

namespace inpod::relay {
namespace {

Result<UniqueFd> tcp_socket(protocol::AddressFamily family) {
  const int domain = family == protocol::AddressFamily::ipv4 ? AF_INET : AF_INET6;
  UniqueFd fd(::socket(domain, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd) return fail_errno("cannot make a TCP socket");
  return fd;
}

Result<UniqueFd> unix_socket() {
  UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd) return fail_errno("cannot make the relay's socket");
  return fd;
}

/// Bound to `address` together with others that did the same.
Result<UniqueFd> shared_socket(const protocol::SocketAddress& address) {
  TRY_ASSIGN(fd, tcp_socket(address.family));
  const int on = 1;
  const Endpoint at = to_endpoint(address, AF_UNSPEC);
  if (::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0 ||
      ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) != 0 ||
      ::bind(fd.get(), at.get(), at.length) != 0)
    return fail_errno("cannot bind to " + to_string(address));
  return fd;
}

/// Takes the one place in the accept queue of a listener with backlog 0. When it returns, the queue is full:
/// by this connection, or by a stranger's that came first (then the attempt ends by its time limit).
Result<UniqueFd> fill_queue(const protocol::SocketAddress& listener) {
  UniqueFd fd(::socket(listener.family == protocol::AddressFamily::ipv4 ? AF_INET : AF_INET6,
                       SOCK_STREAM | SOCK_CLOEXEC, 0));
  const timeval limit{1, 0};
  const Endpoint to = to_endpoint(listener, AF_UNSPEC);
  if (!fd || ::setsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)) != 0 ||
      (::connect(fd.get(), to.get(), to.length) != 0 && errno != EINPROGRESS))
    return fail_errno("cannot connect on loopback");
  return fd;
}

using boost::asio::posix::stream_descriptor;

protocol::Task<bool> ready_within(boost::asio::any_io_executor executor, int fd,
                                  stream_descriptor::wait_type what, std::chrono::milliseconds limit) {
  const int copy = ::fcntl(fd, F_DUPFD_CLOEXEC, 0);
  if (copy < 0) co_return false;
  const auto descriptor = std::make_shared<stream_descriptor>(executor, copy);
  boost::asio::steady_timer timer(executor, limit);
  timer.async_wait([descriptor](boost::system::error_code failed) {
    if (!failed)
      descriptor->cancel(failed);  // it may be closed already: the time was over just as it got ready
  });
  auto [failed] = co_await descriptor->async_wait(what, as_result);
  descriptor->close();
  co_return !failed;
}

}  // namespace

Result<std::unique_ptr<BlackHole>> BlackHole::create(protocol::AddressFamily family) {
  TRY_ASSIGN(fd, shared_socket(loopback(family, 0)));
  if (::listen(fd.get(), 0) != 0) return fail_errno("cannot listen on loopback");
  const auto address = local_address(fd.get());
  if (!address) return fail_errno("cannot read a socket's address");
  TRY_ASSIGN(filler, fill_queue(*address));
  auto hole = std::make_unique<BlackHole>();
  hole->fd_ = std::move(fd);
  hole->filler_ = std::move(filler);
  hole->address_ = *address;
  return hole;
}

Result<UniqueFd> BlackHole::meet(const protocol::SocketAddress& program) const {
  TRY_ASSIGN(fd, shared_socket(address_));
  const Endpoint to = to_endpoint(program, AF_UNSPEC);
  if (::connect(fd.get(), to.get(), to.length) != 0 && errno != EINPROGRESS)
    return fail_errno("cannot connect to the program's socket");
  return fd;
}

protocol::AddressFamily loopback_family(protocol::AddressFamily family) {
  static const bool has_ipv6 = [] {
    const UniqueFd fd(::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const Endpoint at = to_endpoint(loopback(protocol::AddressFamily::ipv6, 0), AF_UNSPEC);
    return fd && ::bind(fd.get(), at.get(), at.length) == 0;
  }();
  return has_ipv6 ? family : protocol::AddressFamily::ipv4;
}

void allow_loopback_of(int fd, protocol::AddressFamily family) {
  const int off = 0;
  if (family == protocol::AddressFamily::ipv4)
    ::setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));  // a socket of IPv4 has no such option
}

int bind_on_loopback(int fd, protocol::AddressFamily family, std::uint16_t port) {
  const auto here = loopback_family(family);
  allow_loopback_of(fd, here);
  const Endpoint at = to_endpoint(loopback(here, port), domain_of(fd));
  return ::bind(fd, at.get(), at.length) == 0 ? 0 : errno;
}

Result<UniqueFd> listen_on_loopback(protocol::AddressFamily family) {
  TRY_ASSIGN(fd, tcp_socket(family));
  const Endpoint at = to_endpoint(loopback(family, 0), AF_UNSPEC);
  if (::bind(fd.get(), at.get(), at.length) != 0 || ::listen(fd.get(), 512) != 0)
    return fail_errno("cannot listen on loopback");
  return fd;
}

Result<UniqueFd> listen_on_unix(const std::string& path, int backlog) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof(address.sun_path))
    return fail("the relay's socket path is too long: " + path,
                "set TMPDIR or XDG_RUNTIME_DIR to a shorter directory");
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  TRY_ASSIGN(listener, unix_socket());
  ::unlink(path.c_str());
  ::fchmod(listener.get(), 0600);  // bind(2) takes the mode from here, so the name never stands open
  if (::bind(listener.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0 ||
      ::chmod(path.c_str(), 0600) != 0 || ::listen(listener.get(), backlog) != 0)
    return fail_errno("cannot listen at " + path);
  return listener;
}

Result<UniqueFd> listen_on_abstract(const std::string& name, int backlog) {
  TRY_ASSIGN(listener, unix_socket());
  protocol::SocketAddress address;
  address.family = protocol::AddressFamily::unix_abstract;
  address.path = name;
  const Endpoint at = to_endpoint(address, AF_UNSPEC);
  if (::bind(listener.get(), at.get(), at.length) != 0 || ::listen(listener.get(), backlog) != 0)
    return fail_errno("cannot listen at @" + name);
  return listener;
}

ConnectState connect_state(int fd) {
  tcp_info info{};
  socklen_t length = sizeof(info);
  if (::getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length) != 0) return ConnectState::unconnected;
  if (info.tcpi_state == TCP_SYN_SENT) return ConnectState::connecting;
  return info.tcpi_state == TCP_CLOSE ? ConnectState::unconnected : ConnectState::connected;
}

void dissolve(int fd) {
  const sockaddr none{AF_UNSPEC, {}};
  ::connect(fd, &none, sizeof(none));
}

void reset_on_close(int fd) {
  const linger now{1, 0};
  ::setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
}

protocol::Task<bool> readable_within(boost::asio::any_io_executor executor, int fd,
                                     std::chrono::milliseconds limit) {
  return ready_within(std::move(executor), fd, stream_descriptor::wait_read, limit);
}

protocol::Task<bool> writable_within(boost::asio::any_io_executor executor, int fd,
                                     std::chrono::milliseconds limit) {
  return ready_within(std::move(executor), fd, stream_descriptor::wait_write, limit);
}

}  // namespace inpod::relay
