// See datagram_frame.hpp.
#include "protocol/datagram_frame.hpp"

#include <algorithm>

#include "protocol/little_endian.hpp"

namespace inpod::protocol {
namespace {

constexpr std::size_t head_size = 8;  // bytes before the address

}  // namespace

Bytes encode(DatagramKind kind, const SocketAddress& peer, std::int32_t code,
             std::span<const std::uint8_t> data) {
  const bool ipv6 = peer.family == AddressFamily::ipv6;
  Bytes bytes(head_size);
  bytes.reserve(largest_datagram_head + data.size());
  bytes[0] = static_cast<std::uint8_t>(kind);
  bytes[1] = ipv6 ? 6 : 4;
  store_little_endian(&bytes[2], peer.port);
  store_little_endian(&bytes[4], code);
  bytes.insert(bytes.end(), peer.ip.begin(), peer.ip.begin() + (ipv6 ? 16 : 4));
  if (ipv6) {
    bytes.resize(bytes.size() + sizeof peer.scope_id);
    store_little_endian(&bytes[bytes.size() - sizeof peer.scope_id], peer.scope_id);
  }
  bytes.insert(bytes.end(), data.begin(), data.end());
  return bytes;
}

std::optional<DatagramFrame> decode_datagram(std::span<const std::uint8_t> bytes) {
  if (bytes.size() < head_size || bytes[0] > static_cast<std::uint8_t>(DatagramKind::unsent) ||
      (bytes[1] != 4 && bytes[1] != 6))
    return std::nullopt;
  const bool ipv6 = bytes[1] == 6;
  const std::size_t address_size = ipv6 ? 16 : 4;
  const std::size_t head = head_size + address_size + (ipv6 ? sizeof(std::uint32_t) : 0);
  if (bytes.size() < head) return std::nullopt;
  DatagramFrame frame;
  frame.kind = static_cast<DatagramKind>(bytes[0]);
  frame.peer.family = ipv6 ? AddressFamily::ipv6 : AddressFamily::ipv4;
  frame.peer.port = load_little_endian<std::uint16_t>(&bytes[2]);
  frame.code = load_little_endian<std::int32_t>(&bytes[4]);
  std::copy_n(bytes.begin() + head_size, address_size, frame.peer.ip.begin());
  if (ipv6) frame.peer.scope_id = load_little_endian<std::uint32_t>(&bytes[head_size + address_size]);
  frame.data.assign(bytes.begin() + static_cast<std::ptrdiff_t>(head), bytes.end());
  return frame;
}

}  // namespace inpod::protocol
