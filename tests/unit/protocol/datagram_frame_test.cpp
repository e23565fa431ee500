#include "protocol/datagram_frame.hpp"

#include "catch.hpp"
#include "protocol/frame.hpp"

using namespace inpod::protocol;

TEST_CASE("a datagram travels with its peer") {
  SocketAddress peer{AddressFamily::ipv4, {10, 1, 2, 3}, 0x1234, 0, {}};
  const Bytes expected = {2, 4, 0x34, 0x12, 111, 0, 0, 0, 10, 1, 2, 3, 'h', 'i'};
  const Bytes data{'h', 'i'};
  CHECK(encode(DatagramKind::failed, peer, 111, data) == expected);
  for (const auto family : {AddressFamily::ipv4, AddressFamily::ipv6})
    for (const std::size_t size : {0, 1, 65507}) {
      peer.family = family;
      peer.scope_id = family == AddressFamily::ipv6 ? 7 : 0;
      if (family == AddressFamily::ipv6) peer.ip[15] = 9;
      const auto bytes = encode(DatagramKind::data, peer, 0, Bytes(size, 'x'));
      CHECK(bytes.size() <= max_data_size);
      const auto frame = decode_datagram(bytes);
      REQUIRE(frame);
      CHECK(frame->kind == DatagramKind::data);
      CHECK(frame->peer == peer);
      CHECK(frame->data == Bytes(size, 'x'));
    }
}

TEST_CASE("what is no datagram with its peer is refused") {
  const auto bytes = encode(DatagramKind::unsent, {AddressFamily::ipv6, {}, 53, 0, {}}, 1, {});
  REQUIRE(decode_datagram(bytes));
  for (std::size_t size = 0; size < bytes.size(); ++size) CHECK_FALSE(decode_datagram({bytes.data(), size}));
  for (const std::size_t at : {0, 1}) {
    auto wrong = bytes;
    wrong[at] = 9;
    CHECK_FALSE(decode_datagram(wrong));
  }
}
