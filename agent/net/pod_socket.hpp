// PodSocket: a non-blocking socket in the pod's network namespace, of any family and type, for coroutines.
// System calls are tried first and waited for only when they would block. Io thread only; shared by the
// coroutines of both directions.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <chrono>
#include <memory>
#include <span>

#include "net/address.hpp"
#include "protocol/link.hpp"
#include "protocol/unique_fd.hpp"

namespace inpod::agent {

class PodSocket : public std::enable_shared_from_this<PodSocket> {
 public:
  /// Takes a connected socket.
  PodSocket(boost::asio::any_io_executor io, UniqueFd connected);
  /// A new one: socket(2), and bind(2) where `bind` names an address. Not for unix paths, whose meaning is
  /// the pod's.
  static Result<std::shared_ptr<PodSocket>> create(boost::asio::any_io_executor io,
                                                   protocol::Transport transport,
                                                   const protocol::SocketAddress& remote,
                                                   const protocol::SocketAddress& bind);

  /// timeout 0: the kernel's own. Errors are connect(2)'s, ETIMEDOUT after `timeout`, ECANCELED after
  /// close().
  protocol::Task<Result<void>> connect(const KernelAddress& to, std::chrono::milliseconds timeout);
  /// Bytes received; 0 at the end of a stream (and for an empty datagram).
  protocol::Task<Result<std::size_t>> receive(std::span<std::uint8_t> into);
  /// Sends all of it; a datagram as one.
  protocol::Task<Result<void>> send(std::span<const std::uint8_t> data);
  void shutdown_send();
  /// Closes. abort: the peer gets a reset (SO_LINGER 0). Whoever waits gets ECANCELED. Idempotent.
  void close(bool abort);
  int native() { return descriptor_.native_handle(); }

 private:
  protocol::Task<Result<void>> wait(boost::asio::posix::stream_descriptor::wait_type what);
  boost::asio::posix::stream_descriptor descriptor_;
};

}  // namespace inpod::agent
