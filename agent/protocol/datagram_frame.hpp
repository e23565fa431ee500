// What a stream of OpenDatagrams carries: one frame a datagram of the stream, each with the peer it is about.
//
//   u8 kind, u8 family (4 or 6), u16 port, u32 code, 4 or 16 bytes of address, u32 scope (family 6), data
//
// Integers are little endian. The decoder treats its input as hostile: a frame that is too short, or has
// another kind or family, is none. Pure functions.
#pragma once

#include <optional>
#include <span>

#include "protocol/messages.hpp"

namespace inpod::protocol {

enum class DatagramKind : std::uint8_t {
  data,  ///< to the agent: send it to the peer (code 1: the program has set SO_BROADCAST); to the client: it
         ///< came from the peer
  source,  ///< to the agent: which address does the pod use towards the peer? to the client: the answer.
           ///< code: connect(2)'s errno, else 0, and data is a frame of kind `source` whose peer is the local
           ///< address
  failed,  ///< to the client: the network reports that a datagram did not reach the peer. code: errno; data:
           ///< it
  unsent,  ///< to the client: sendto(2) has failed. code: errno; data: the datagram
};

struct DatagramFrame {
  DatagramKind kind = DatagramKind::data;
  SocketAddress peer;  ///< ipv4 or ipv6
  std::int32_t code = 0;
  Bytes data;
};

/// The bytes of a frame's head at most; what is left of a Data frame (frame.hpp) is the datagram's.
constexpr std::size_t largest_datagram_head = 28;

Bytes encode(DatagramKind kind, const SocketAddress& peer, std::int32_t code,
             std::span<const std::uint8_t> data);
std::optional<DatagramFrame> decode_datagram(std::span<const std::uint8_t> bytes);

}  // namespace inpod::protocol
