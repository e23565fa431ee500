// Packets for tests, built by hand byte by byte: IPv4 or IPv6 around a TCP segment, with right checksums.
#pragma once

#include <arpa/inet.h>

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

namespace inpod::test {

using Packet = std::vector<std::uint8_t>;

struct TcpFields {
  std::uint16_t source = 40000, destination = 8080;
  std::uint32_t sequence = 1, acknowledgement = 0;
  std::uint8_t flags = 0x10;  // ACK
  std::size_t options = 0;    // bytes, a multiple of 4
};

inline void put16(Packet& packet, std::size_t at, std::uint16_t value) {
  packet[at] = std::uint8_t(value >> 8);
  packet[at + 1] = std::uint8_t(value);
}
inline void put32(Packet& packet, std::size_t at, std::uint32_t value) {
  put16(packet, at, std::uint16_t(value >> 16));
  put16(packet, at + 2, std::uint16_t(value));
}

inline Packet tcp(const TcpFields& fields, std::string_view payload) {
  const std::size_t header = 20 + fields.options;
  Packet segment(header, 1);  // options: NOPs
  put16(segment, 0, fields.source);
  put16(segment, 2, fields.destination);
  put32(segment, 4, fields.sequence);
  put32(segment, 8, fields.acknowledgement);
  segment[12] = std::uint8_t(header / 4 << 4);
  segment[13] = fields.flags;
  put16(segment, 14, 65535);
  put32(segment, 16, 0);
  segment.insert(segment.end(), payload.begin(), payload.end());
  return segment;
}

/// Fills the TCP checksum; `addresses`: source and destination as on the wire.
inline void seal(Packet& segment, const Packet& addresses) {
  Packet all = addresses;
  all.insert(all.end(), {0, 6, std::uint8_t(segment.size() >> 8), std::uint8_t(segment.size())});
  all.insert(all.end(), segment.begin(), segment.end());
  if (all.size() % 2) all.push_back(0);
  std::uint32_t sum = 0;
  for (std::size_t i = 0; i < all.size(); i += 2) sum += std::uint32_t(all[i] << 8 | all[i + 1]);
  while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
  put16(segment, 16, std::uint16_t(~sum));
}

inline Packet ipv4(const char* source, const char* destination, Packet segment, std::size_t options = 0) {
  Packet addresses(8);
  inet_pton(AF_INET, source, addresses.data());
  inet_pton(AF_INET, destination, addresses.data() + 4);
  seal(segment, addresses);
  Packet packet(20 + options, 1);
  packet[0] = std::uint8_t(0x40 | packet.size() / 4);
  packet[1] = 0;
  put16(packet, 2, std::uint16_t(packet.size() + segment.size()));
  put32(packet, 4, 0);
  packet[8] = 64;
  packet[9] = 6;
  put16(packet, 10, 0);
  std::copy(addresses.begin(), addresses.end(), packet.begin() + 12);
  packet.insert(packet.end(), segment.begin(), segment.end());
  return packet;
}

/// extensions: whole extension headers; `first`: the type of the first one (6 when there is none).
inline Packet ipv6(const char* source, const char* destination, Packet segment, const Packet& extensions = {},
                   std::uint8_t first = 6) {
  Packet addresses(32);
  inet_pton(AF_INET6, source, addresses.data());
  inet_pton(AF_INET6, destination, addresses.data() + 16);
  seal(segment, addresses);
  Packet packet(8);
  packet[0] = 0x60;
  put16(packet, 4, std::uint16_t(extensions.size() + segment.size()));
  packet[6] = first;
  packet[7] = 64;
  packet.insert(packet.end(), addresses.begin(), addresses.end());
  packet.insert(packet.end(), extensions.begin(), extensions.end());
  packet.insert(packet.end(), segment.begin(), segment.end());
  return packet;
}

}  // namespace inpod::test
