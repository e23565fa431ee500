// Sniffer: copies of the packets of some TCP ports, read from every interface of the pod's network namespace
// (packet(7)).
//
// One AF_PACKET socket with a kernel filter for the subscribed ports, both directions (the pod's
// acknowledgements tell what it took). It never touches the traffic; when it is too slow, the kernel drops
// copies and counts them. Packets are handed over in bounded batches on the executor; while `pause` is set,
// they wait in the socket's buffer.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "incoming/packet.hpp"
#include "incoming/report.hpp"
#include "protocol/result.hpp"
#include "protocol/unique_fd.hpp"

namespace inpod::agent {

class Sniffer {
 public:
  struct Handlers {
    /// A segment of a subscribed port. to_pod: the direction; the segment's endpoints are as on the wire.
    std::function<void(const Segment& segment, bool to_pod)> on_segment;
    /// An IP fragment of a subscribed port came: it can't be read.
    std::function<void()> on_fragment;
    /// The kernel dropped so many packets since the last call.
    std::function<void(std::uint32_t packets)> on_drops;
    /// Asked between batches: true leaves what comes in the socket's buffer for a few milliseconds.
    std::function<bool()> pause;
  };

  /// packets: of PrivilegedNetwork::open_packet_socket.
  static Result<std::unique_ptr<Sniffer>> create(boost::asio::any_io_executor executor, UniqueFd packets,
                                                 Handlers handlers, Note note);
  /// Stops; no handler is called any more.
  ~Sniffer();
  Sniffer(const Sniffer&) = delete;
  Sniffer& operator=(const Sniffer&) = delete;
  /// From now on these ports, at most most_ports.
  Result<void> watch(const std::vector<std::uint16_t>& ports);
  static constexpr std::size_t most_ports = 100;  // what the 8-bit jumps of a classic filter reach

 private:
  struct Impl;
  explicit Sniffer(std::shared_ptr<Impl> impl);
  std::shared_ptr<Impl> impl_;
};

}  // namespace inpod::agent
