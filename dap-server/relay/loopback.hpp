// The loopback sockets by which a program's own TCP socket gets connected (relay_protocol.hpp, head comment):
// the black hole that leaves it in SYN_SENT, the simultaneous open that establishes it, and the plain
// listener.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <chrono>
#include <memory>

#include "protocol/link.hpp"
#include "protocol/unique_fd.hpp"

namespace inpod::relay {

class BlackHole {
 public:
  /// A loopback listener whose accept queue is full, so that the kernel drops each SYN (tcp(7), listen(2))
  /// and a connect(2) to it stays in SYN_SENT. A socket filter would do the same, but takes rights on some
  /// kernels.
  static Result<std::unique_ptr<BlackHole>> create(protocol::AddressFamily family);
  const protocol::SocketAddress& address() const { return address_; }
  /// Connects, from this address, to a socket in SYN_SENT towards it: both are established at once (RFC
  /// 9293, 3.5).
  Result<UniqueFd> meet(const protocol::SocketAddress& program) const;

 private:
  UniqueFd fd_, filler_;
  protocol::SocketAddress address_;
};

/// The family whose loopback address stands for an address of `family`: IPv4's where this machine has no ::1.
protocol::AddressFamily loopback_family(protocol::AddressFamily family);
/// Lets a program's socket reach IPv4 loopback in place of ::1, where it must. Before it is bound.
void allow_loopback_of(int fd, protocol::AddressFamily family);
/// Binds a program's socket to loopback for an address of `family`; port 0: a free one. 0, or bind(2)'s
/// errno.
int bind_on_loopback(int fd, protocol::AddressFamily family, std::uint16_t port);

/// A non-blocking listener on a free loopback port.
Result<UniqueFd> listen_on_loopback(protocol::AddressFamily family);
/// A unix stream listener at `path`, of mode 0600 from the start; what lay there is removed.
Result<UniqueFd> listen_on_unix(const std::string& path, int backlog);
/// The same in the abstract namespace, "\0" before `name`: for programs that may not, or can no longer, see
/// our directories. Anybody can connect: whoever accepts asks Processes::admits.
Result<UniqueFd> listen_on_abstract(const std::string& name, int backlog);

enum class ConnectState { unconnected, connecting, connected };
/// By TCP_INFO.
ConnectState connect_state(int fd);
/// Ends an attempt: pollers wake with an error, SO_ERROR is ECONNRESET.
void dissolve(int fd);
/// close(2) will send a RST.
void reset_on_close(int fd);

/// Waits until `fd` can be read (or written, or has an error), without taking it over; false when `limit`
/// passed first.
protocol::Task<bool> readable_within(boost::asio::any_io_executor executor, int fd,
                                     std::chrono::milliseconds limit);
protocol::Task<bool> writable_within(boost::asio::any_io_executor executor, int fd,
                                     std::chrono::milliseconds limit);

}  // namespace inpod::relay
