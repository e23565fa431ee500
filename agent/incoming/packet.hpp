// Reads one captured IP packet as a TCP segment: IPv4 with options, IPv6 with extension headers (RFC 791,
// 8200, 9293).
//
// A pure function over hostile bytes: bounded, no allocation, never reads past `packet`. It does not put IP
// fragments together, and does not follow a routing header.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <tl/expected.hpp>

#include "incoming/endpoint.hpp"

namespace inpod::agent {

struct Segment {
  Endpoint source, destination;
  std::uint32_t sequence = 0, acknowledgement = 0;
  bool syn = false, ack = false, fin = false, rst = false;
  std::span<const std::uint8_t> payload;  ///< into the packet
};

enum class PacketFault {
  not_tcp,
  malformed,
  fragment,
  truncated,  ///< the capture holds less than the packet's own length says
  checksum,   ///< damaged on the way; the pod's kernel drops it too
};

/// `packet` begins at the IP header. verify_checksum: for packets whose checksum is complete and not yet
/// checked by the kernel or the card. A length field of 0 (super-packets above 64 KiB) means "all that was
/// captured".
tl::expected<Segment, PacketFault> parse_packet(std::span<const std::uint8_t> packet, bool verify_checksum);

}  // namespace inpod::agent
