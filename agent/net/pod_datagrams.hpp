// PodDatagrams: a UDP socket of the pod that is not connected, carried by a stream of a client: datagrams of
// any peer both ways, what the network says of those that could not be delivered (IP_RECVERR, ip(7)), and the
// address that the pod uses towards a peer.
//
// Bounded: one datagram at a time in each direction; what comes meanwhile waits in the kernel's buffers, or
// is lost there, as UDP may. Io thread only; its coroutines keep it alive until the stream ends.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <memory>

#include "net/address.hpp"
#include "protocol/datagram_frame.hpp"
#include "protocol/event.hpp"
#include "protocol/link.hpp"
#include "protocol/unique_fd.hpp"

namespace inpod::agent {

class PodDatagrams : public std::enable_shared_from_this<PodDatagrams> {
 public:
  /// socket(2) and bind(2), whose errors it returns; EAFNOSUPPORT for a family that is not IP's.
  static Result<UniqueFd> open(const protocol::SocketAddress& bind);
  /// Carries what `open` made until the stream ends, and returns at once.
  static void carry(boost::asio::any_io_executor io, UniqueFd socket,
                    std::unique_ptr<protocol::Stream> stream);

 private:
  PodDatagrams(const boost::asio::any_io_executor& io, UniqueFd socket,
               std::unique_ptr<protocol::Stream> stream);
  static protocol::Task<void> to_client(std::shared_ptr<PodDatagrams> self);
  static protocol::Task<void> to_pod(std::shared_ptr<PodDatagrams> self);
  protocol::Task<bool> tell_errors(std::span<std::uint8_t> buffer);
  protocol::Task<bool> write(protocol::DatagramKind kind, const protocol::SocketAddress& peer, int code,
                             std::span<const std::uint8_t> data);
  protocol::Task<int> send(const protocol::DatagramFrame& frame);
  protocol::Task<bool> tell_source(const protocol::SocketAddress& peer);
  void allow_broadcast(bool on);
  void close();

  boost::asio::posix::stream_descriptor descriptor_;
  std::unique_ptr<protocol::Stream> stream_;
  protocol::Event written_;  ///< the stream takes one writer at a time
  bool writing_ = false, broadcast_ = false;
};

}  // namespace inpod::agent
