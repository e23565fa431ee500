// The packet parser against packets built by hand: each header form, each kind of damage, every truncation.
#include "incoming/packet.hpp"

#include "catch.hpp"
#include "packets.hpp"

using namespace inpod::agent;
using namespace inpod::test;

namespace {

std::string text(const Segment& segment) {
  return {segment.payload.begin(), segment.payload.end()};
}
PacketFault fault(const Packet& packet, bool verify = false) {
  auto parsed = parse_packet(packet, verify);
  REQUIRE_FALSE(parsed);
  return parsed.error();
}

}  // namespace

TEST_CASE("IPv4 with and without options") {
  for (const std::size_t options : {0u, 4u, 40u}) {
    for (const std::size_t tcp_options : {0u, 12u, 40u}) {
      const auto packet = ipv4("10.1.2.3", "10.4.5.6",
                               tcp({40001, 8080, 0xfffffff0, 77, 0x19, tcp_options}, "hello"), options);
      auto segment = parse_packet(packet, true);
      REQUIRE(segment);
      CHECK(to_text(segment->source) == "10.1.2.3:40001");
      CHECK(to_text(segment->destination) == "10.4.5.6:8080");
      CHECK(segment->sequence == 0xfffffff0);
      CHECK(segment->acknowledgement == 77);
      CHECK((segment->fin && segment->ack && !segment->syn && !segment->rst));
      CHECK(text(*segment) == "hello");
    }
  }
}

TEST_CASE("bytes behind the packet's own length are not payload") {
  auto packet = ipv4("10.1.2.3", "10.4.5.6", tcp({}, "x"));
  packet.insert(packet.end(), 5, 0xee);  // Ethernet padding
  CHECK(text(parse_packet(packet, true).value()) == "x");
}

TEST_CASE("a length of 0 means all that was captured") {
  auto packet = ipv4("10.1.2.3", "10.4.5.6", tcp({}, "super"));
  put16(packet, 2, 0);
  CHECK(text(parse_packet(packet, false).value()) == "super");
  auto six = ipv6("fd00::1", "fd00::2", tcp({}, "super"));
  put16(six, 4, 0);
  CHECK(text(parse_packet(six, false).value()) == "super");
}

TEST_CASE("IPv6 with extension headers") {
  const auto plain = ipv6("fd00::1", "fd00::2", tcp({}, "plain"));
  CHECK(text(parse_packet(plain, true).value()) == "plain");
  const Packet hop{60, 0, 1, 4, 0, 0, 0, 0};  // hop-by-hop, 8 bytes, then destination options
  const Packet destination{44, 1, 1, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};  // 16 bytes, then fragment
  const Packet atomic{51, 0, 0, 0, 0, 0, 0, 9};                     // an atomic fragment, then authentication
  const Packet authentication{6, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};  // 12 bytes, then TCP
  Packet all = hop;
  for (const auto* more : {&destination, &atomic, &authentication})
    all.insert(all.end(), more->begin(), more->end());
  const auto packet = ipv6("fd00::1", "fd00::2", tcp({}, "deep"), all, 0);
  auto segment = parse_packet(packet, true);
  REQUIRE(segment);
  CHECK(text(*segment) == "deep");
  CHECK(to_text(segment->source) == "[fd00::1]:40000");
}

TEST_CASE("fragments are told apart") {
  auto packet = ipv4("10.1.2.3", "10.4.5.6", tcp({}, "x"));
  put16(packet, 6, 0x2000);
  CHECK(fault(packet) == PacketFault::fragment);
  put16(packet, 6, 0x00b9);
  CHECK(fault(packet) == PacketFault::fragment);
  put16(packet, 6, 0x4000);  // don't fragment
  CHECK(parse_packet(packet, false));
  CHECK(fault(ipv6("fd00::1", "fd00::2", tcp({}, "x"), {6, 0, 0, 1, 0, 0, 0, 9}, 44)) ==
        PacketFault::fragment);
}

TEST_CASE("a wrong checksum counts only where it is asked for") {
  for (auto packet :
       {ipv4("10.1.2.3", "10.4.5.6", tcp({}, "abc")), ipv6("fd00::1", "fd00::2", tcp({}, "abc"))}) {
    packet.back() ^= 1;
    CHECK(parse_packet(packet, false));
    CHECK(fault(packet, true) == PacketFault::checksum);
  }
}

TEST_CASE("what is not TCP, or no packet at all") {
  auto udp = ipv4("10.1.2.3", "10.4.5.6", tcp({}, ""));
  udp[9] = 17;
  CHECK(fault(udp) == PacketFault::not_tcp);
  CHECK(fault(ipv6("fd00::1", "fd00::2", tcp({}, ""), {}, 58)) == PacketFault::not_tcp);
  CHECK(fault({}) == PacketFault::malformed);
  CHECK(fault({0x00}) == PacketFault::not_tcp);
  CHECK(fault({0x45}) == PacketFault::malformed);
  auto short_header = ipv4("10.1.2.3", "10.4.5.6", tcp({}, ""));
  short_header[0] = 0x44;
  CHECK(fault(short_header) == PacketFault::malformed);
  auto bad_offset = ipv4("10.1.2.3", "10.4.5.6", tcp({}, ""));
  bad_offset[20 + 12] = 0x40;
  CHECK(fault(bad_offset) == PacketFault::malformed);
  bad_offset[20 + 12] = 0xf0;
  CHECK(fault(bad_offset) == PacketFault::malformed);
  Packet chain;  // more extension headers than any sane packet has
  for (int i = 0; i < 12; ++i) chain.insert(chain.end(), {60, 0, 1, 4, 0, 0, 0, 0});
  CHECK(fault(ipv6("fd00::1", "fd00::2", tcp({}, ""), chain, 60)) == PacketFault::malformed);
}

TEST_CASE("every truncation is an error, never a shorter payload") {
  const Packet extensions{6, 0, 1, 4, 0, 0, 0, 0};
  for (const auto& packet : {ipv4("10.1.2.3", "10.4.5.6", tcp({}, "payload"), 8),
                             ipv6("fd00::1", "fd00::2", tcp({}, "payload"), extensions, 0)}) {
    for (std::size_t length = 0; length < packet.size(); ++length)
      CHECK_FALSE(parse_packet(Packet(packet.begin(), packet.begin() + std::ptrdiff_t(length)), false));
  }
}
