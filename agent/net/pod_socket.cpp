// See pod_socket.hpp.
#include "net/pod_socket.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace inpod::agent {
using descriptor = boost::asio::posix::stream_descriptor;
using protocol::Task;

namespace {

int kernel_family(protocol::AddressFamily family) {
  switch (family) {
    case protocol::AddressFamily::ipv4:
      return AF_INET;
    case protocol::AddressFamily::ipv6:
      return AF_INET6;
    default:
      return AF_UNIX;
  }
}

void set_option(int socket, int level, int name) {
  int on = 1;
  ::setsockopt(socket, level, name, &on, sizeof on);
}

}  // namespace

PodSocket::PodSocket(boost::asio::any_io_executor io, UniqueFd connected) : descriptor_(io) {
  boost::system::error_code ignored;
  descriptor_.assign(connected.release(), ignored);
  descriptor_.non_blocking(true, ignored);
}

Result<std::shared_ptr<PodSocket>> PodSocket::create(boost::asio::any_io_executor io,
                                                     protocol::Transport transport,
                                                     const protocol::SocketAddress& remote,
                                                     const protocol::SocketAddress& bind) {
  int family = kernel_family(remote.family);
  bool stream = transport == protocol::Transport::stream;
  UniqueFd fd(::socket(family, (stream ? SOCK_STREAM : SOCK_DGRAM) | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) return fail_errno("socket");
  if (stream && family != AF_UNIX) set_option(fd.get(), IPPROTO_TCP, TCP_NODELAY);
  if (bind.family != protocol::AddressFamily::none) {
    TRY_ASSIGN(from, to_sockaddr(bind));
    // Several sockets of the pod may stand for one of the program's (a UDP socket with many peers), on the
    // same port.
    set_option(fd.get(), SOL_SOCKET, SO_REUSEADDR);
    if (bind.port == 0 && family != AF_UNIX) set_option(fd.get(), IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT);
    if (::bind(fd.get(), from.get(), from.length) != 0) return fail_errno("bind");
  }
  return std::make_shared<PodSocket>(std::move(io), std::move(fd));
}

Task<Result<void>> PodSocket::wait(descriptor::wait_type what) {
  boost::system::error_code failure;
  co_await descriptor_.async_wait(what, boost::asio::redirect_error(boost::asio::use_awaitable, failure));
  if (failure) co_return fail_errno("wait", failure.value());
  if (!descriptor_.is_open())
    co_return fail_errno("wait", ECANCELED);  // closed while the wake-up was on its way
  co_return Result<void>();
}

Task<Result<void>> PodSocket::connect(const KernelAddress& to, std::chrono::milliseconds timeout) {
  if (::connect(native(), to.get(), to.length) == 0) co_return Result<void>();
  if (errno != EINPROGRESS) co_return fail_errno("connect");
  boost::asio::steady_timer timer(descriptor_.get_executor());
  auto timed_out = std::make_shared<bool>(false);
  if (timeout.count() > 0) {
    timer.expires_after(timeout);
    timer.async_wait([self = shared_from_this(),
                      weak = std::weak_ptr<bool>(timed_out)](const boost::system::error_code& cancelled) {
      const auto waiting =
          weak.lock();  // gone: the time was over just as the connection stood, which goes on
      if (cancelled || !waiting) return;
      *waiting = true;
      boost::system::error_code ignored;
      self->descriptor_.cancel(ignored);
    });
  }
  auto ready = co_await wait(descriptor::wait_write);
  timer.cancel();
  const bool late = *timed_out;
  timed_out.reset();
  if (late) co_return fail_errno("connect", ETIMEDOUT);
  if (!ready) co_return Failed(ready.error());
  int code = 0;
  socklen_t length = sizeof code;
  ::getsockopt(native(), SOL_SOCKET, SO_ERROR, &code, &length);
  if (code) co_return fail_errno("connect", code);
  co_return Result<void>();
}

Task<Result<std::size_t>> PodSocket::receive(std::span<std::uint8_t> into) {
  while (true) {
    if (!descriptor_.is_open()) co_return fail_errno("receive", ECANCELED);
    ssize_t count = ::recv(native(), into.data(), into.size(), 0);
    if (count >= 0) co_return static_cast<std::size_t>(count);
    if (errno == EINTR) continue;
    if (errno != EAGAIN) co_return fail_errno("receive");
    auto ready = co_await wait(descriptor::wait_read);
    if (!ready) co_return Failed(ready.error());
  }
}

Task<Result<void>> PodSocket::send(std::span<const std::uint8_t> data) {
  do {
    if (!descriptor_.is_open()) co_return fail_errno("send", ECANCELED);
    ssize_t count = ::send(native(), data.data(), data.size(), MSG_NOSIGNAL);
    if (count >= 0) {
      data = data.subspan(static_cast<std::size_t>(count));
      continue;
    }
    if (errno == EINTR) continue;
    if (errno != EAGAIN) co_return fail_errno("send");
    auto ready = co_await wait(descriptor::wait_write);
    if (!ready) co_return Failed(ready.error());
  } while (!data.empty());
  co_return Result<void>();
}

void PodSocket::shutdown_send() {
  ::shutdown(native(), SHUT_WR);
}

void PodSocket::close(bool abort) {
  if (!descriptor_.is_open()) return;
  if (abort) {
    linger now{1, 0};
    ::setsockopt(native(), SOL_SOCKET, SO_LINGER, &now, sizeof now);
  }
  boost::system::error_code ignored;
  descriptor_.close(ignored);
}

}  // namespace inpod::agent
