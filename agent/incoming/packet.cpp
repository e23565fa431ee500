// Parser for captured packets. See packet.hpp.
#include "incoming/packet.hpp"

#include <netinet/in.h>

#include <algorithm>

namespace inpod::agent {
namespace {

using PacketView = std::span<const std::uint8_t>;
using Fault = tl::unexpected<PacketFault>;

constexpr std::size_t ipv4_header = 20, ipv6_header = 40, tcp_header = 20;
constexpr int most_extension_headers = 8;

std::uint16_t read16(PacketView bytes, std::size_t at) {
  return std::uint16_t(bytes[at] << 8 | bytes[at + 1]);
}
std::uint32_t read32(PacketView bytes, std::size_t at) {
  return std::uint32_t(read16(bytes, at)) << 16 | read16(bytes, at + 2);
}

/// What the IP header says: the addresses, and the bytes of TCP.
struct Datagram {
  IpAddress source{}, destination{};
  PacketView tcp;
};

/// What the packet's length field allows; 0 in the field: all.
tl::expected<PacketView, PacketFault> cut_to_length(PacketView packet, std::size_t said, bool all) {
  if (all) return packet;
  if (said > packet.size()) return Fault(PacketFault::truncated);
  return packet.first(said);
}

tl::expected<Datagram, PacketFault> parse_ipv4(PacketView packet) {
  if (packet.size() < ipv4_header) return Fault(PacketFault::malformed);
  const std::size_t header = std::size_t(packet[0] & 0x0f) * 4;
  const std::size_t total = read16(packet, 2);
  if (header < ipv4_header || header > packet.size()) return Fault(PacketFault::malformed);
  if (packet[9] != IPPROTO_TCP) return Fault(PacketFault::not_tcp);
  if (read16(packet, 6) & 0x3fff) return Fault(PacketFault::fragment);  // more-fragments flag or an offset
  auto whole = cut_to_length(packet, total, total == 0);
  if (!whole) return Fault(whole.error());
  if (whole->size() < header) return Fault(PacketFault::malformed);
  Datagram datagram;
  datagram.source = mapped_ipv4(packet.subspan<12, 4>());
  datagram.destination = mapped_ipv4(packet.subspan<16, 4>());
  datagram.tcp = whole->subspan(header);
  return datagram;
}

/// Skips extension headers: the position of the TCP header in `rest`.
tl::expected<std::size_t, PacketFault> find_tcp(PacketView rest, std::uint8_t next) {
  std::size_t at = 0;
  for (int headers = 0; headers <= most_extension_headers; ++headers) {
    if (next == IPPROTO_TCP) return at;
    if (next != IPPROTO_HOPOPTS && next != IPPROTO_ROUTING && next != IPPROTO_DSTOPTS &&
        next != IPPROTO_FRAGMENT && next != IPPROTO_AH)
      return Fault(PacketFault::not_tcp);
    if (rest.size() - at < 8) return Fault(PacketFault::malformed);
    std::size_t length = 8;
    if (next == IPPROTO_FRAGMENT) {
      if (read16(rest, at + 2) & 0xfff9) return Fault(PacketFault::fragment);  // offset or more-fragments
    } else if (next == IPPROTO_AH) {
      length = (std::size_t(rest[at + 1]) + 2) * 4;
    } else {
      length = (std::size_t(rest[at + 1]) + 1) * 8;
    }
    if (rest.size() - at < length) return Fault(PacketFault::malformed);
    next = rest[at];
    at += length;
  }
  return Fault(PacketFault::malformed);
}

tl::expected<Datagram, PacketFault> parse_ipv6(PacketView packet) {
  if (packet.size() < ipv6_header) return Fault(PacketFault::malformed);
  const std::size_t payload = read16(packet, 4);
  auto rest = cut_to_length(packet.subspan(ipv6_header), payload, payload == 0);
  if (!rest) return Fault(rest.error());
  auto at = find_tcp(*rest, packet[6]);
  if (!at) return Fault(at.error());
  Datagram datagram;
  std::copy_n(packet.begin() + 8, 16, datagram.source.begin());
  std::copy_n(packet.begin() + 24, 16, datagram.destination.begin());
  datagram.tcp = rest->subspan(*at);
  return datagram;
}

std::uint64_t sum16(PacketView bytes) {
  std::uint64_t sum = 0;
  std::size_t at = 0;
  for (; at + 1 < bytes.size(); at += 2) sum += read16(bytes, at);
  if (at < bytes.size()) sum += std::uint64_t(bytes[at]) << 8;
  return sum;
}

bool checksum_holds(const Datagram& datagram) {
  const std::size_t skip =
      is_ipv4(datagram.source) ? 12 : 0;  // the mapped prefix is not in the pseudo header
  std::uint64_t sum = sum16(PacketView(datagram.source).subspan(skip)) +
                      sum16(PacketView(datagram.destination).subspan(skip));
  sum += IPPROTO_TCP + datagram.tcp.size() + sum16(datagram.tcp);
  while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
  return sum == 0xffff;
}

}  // namespace

tl::expected<Segment, PacketFault> parse_packet(std::span<const std::uint8_t> packet, bool verify_checksum) {
  if (packet.empty()) return Fault(PacketFault::malformed);
  const int version = packet[0] >> 4;
  if (version != 4 && version != 6) return Fault(PacketFault::not_tcp);
  auto datagram = version == 4 ? parse_ipv4(packet) : parse_ipv6(packet);
  if (!datagram) return Fault(datagram.error());
  const PacketView tcp = datagram->tcp;
  if (tcp.size() < tcp_header) return Fault(PacketFault::malformed);
  const std::size_t header = std::size_t(tcp[12] >> 4) * 4;
  if (header < tcp_header || header > tcp.size()) return Fault(PacketFault::malformed);
  if (verify_checksum && !checksum_holds(*datagram)) return Fault(PacketFault::checksum);

  Segment segment;
  segment.source = {datagram->source, read16(tcp, 0), 0};
  segment.destination = {datagram->destination, read16(tcp, 2), 0};
  segment.sequence = read32(tcp, 4);
  segment.acknowledgement = read32(tcp, 8);
  const std::uint8_t flags = tcp[13];
  segment.fin = flags & 0x01;
  segment.syn = flags & 0x02;
  segment.rst = flags & 0x04;
  segment.ack = flags & 0x10;
  segment.payload = tcp.subspan(header);
  return segment;
}

}  // namespace inpod::agent
