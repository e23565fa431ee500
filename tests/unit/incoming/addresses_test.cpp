// Reading the node's and the pod's addresses out of the kernel's own tables, as text that was taken from real
// machines.
#include "incoming/addresses.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>

#include "catch.hpp"

using namespace inpod::agent;

namespace {

std::set<std::string> shown(const std::set<IpAddress>& found) {
  std::set<std::string> texts;
  for (const auto& ip : found) {
    auto text = to_text({ip, 0, 0});
    text.resize(text.size() - 2);
    texts.insert(text);
  }
  return texts;
}
using Texts = std::set<std::string>;

}  // namespace

TEST_CASE("default gateways") {
  std::set<IpAddress> found;
  add_ipv4_gateways(
      "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n"
      "eth0\t00000000\t01002A0A\t0003\t0\t0\t0\t00000000\t0\t0\t0\n"
      "eth0\t00002A0A\t02002A0A\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n"
      "eth1\t00000000\t00000000\t0001\t0\t0\t0\t00000000\t0\t0\t0\n"
      "eth2\t00000000\tzzz\t0001\t0\t0\t0\t00000000\nshort\n",
      found);
  CHECK(shown(found) == Texts{"10.42.0.1"});
  found.clear();
  add_ipv6_gateways(
      "00000000000000000000000000000000 00 00000000000000000000000000000000 00 "
      "fd420000000000000000000000000001 00000400 00000001 00000000 00000003 eth0\n"
      "fd420000000000000000000000000000 40 00000000000000000000000000000000 00 "
      "fd420000000000000000000000000002 00000100 00000001 00000000 00000001 eth0\n"
      "00000000000000000000000000000000 00 00000000000000000000000000000000 00 "
      "00000000000000000000000000000000 ffffffff 00000001 00000000 00200200 lo\n"
      "00 00\n",
      found);
  CHECK(shown(found) == Texts{"[fd42::1]"});
}

TEST_CASE("a host's own addresses") {
  std::set<IpAddress> found;
  add_ipv4_locals(
      "Main:\n  +-- 0.0.0.0/0 3 0 5\n     |-- 0.0.0.0\n        /0 universe UNICAST\n"
      "     +-- 192.168.1.0/24 2 0 2\n        |-- 192.168.1.0\n           /24 link UNICAST\n"
      "        |-- 192.168.1.7\n           /32 host LOCAL\n        |-- 192.168.1.255\n           /32 link "
      "BROADCAST\n"
      "     |-- 127.0.0.1\n        /32 host LOCAL\n",
      found);
  CHECK(shown(found) == Texts{"192.168.1.7"});
  found.clear();
  add_ipv6_locals(
      "00000000000000000000000000000001 01 80 10 80       lo\n"
      "fd420000000000000000000000000005 02 40 00 80     eth0\nnonsense\n\n",
      found);
  CHECK(shown(found) == Texts{"[fd42::5]"});
}

TEST_CASE("the loopback is always the pod's own, a documentation address never") {
  LocalAddresses local;
  CHECK(local.contains(mapped_ipv4(std::array<std::uint8_t, 4>{127, 0, 0, 1})));
  CHECK(local.contains(mapped_ipv4(std::array<std::uint8_t, 4>{127, 9, 9, 9})));
  IpAddress loopback{};
  loopback[15] = 1;
  CHECK(local.contains(loopback));
  CHECK_FALSE(local.contains(mapped_ipv4(std::array<std::uint8_t, 4>{192, 0, 2, 1})));
}

TEST_CASE("endpoints pass through socket addresses and back") {
  for (const auto* text : {"10.1.2.3", "fd00::5", "fe80::9"}) {
    Endpoint endpoint;
    std::uint8_t raw[16];
    const bool four = inet_pton(AF_INET, text, raw) == 1;
    if (four)
      endpoint.ip = mapped_ipv4(std::span<const std::uint8_t, 4>(raw, 4));
    else
      REQUIRE(inet_pton(AF_INET6, text, endpoint.ip.data()) == 1);
    endpoint.port = 8080;
    if (std::string(text).starts_with("fe80")) endpoint.scope = 3;
    sockaddr_storage storage;
    const auto length = fill_sockaddr(endpoint, storage);
    CHECK(length == (four ? sizeof(sockaddr_in) : sizeof(sockaddr_in6)));
    CHECK(endpoint_of(reinterpret_cast<sockaddr*>(&storage)) == endpoint);
    const auto message = to_message(endpoint);
    CHECK(message.port == 8080);
    CHECK((message.family == inpod::protocol::AddressFamily::ipv4) == four);
    CHECK(message.scope_id == endpoint.scope);
  }
}
