// See address_order.hpp. Rules 3 and 4 (deprecated and home addresses) need states that a pod's interface
// does not have.
#include "names/address_order.hpp"

#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <memory>
#include <optional>

#include "net/address.hpp"
#include "protocol/unique_fd.hpp"

namespace inpod::agent {
using protocol::AddressFamily;
using protocol::SocketAddress;

namespace {

using Ip = std::array<std::uint8_t, 16>;  // IPv4 as ::ffff:a.b.c.d

struct Policy {
  Ip prefix;
  int bits, value;
};
constexpr Policy labels[] = {
    {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}, 128, 0},
    {{0x20, 0x02}, 16, 2},
    {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff}, 96, 4},
    {{}, 96, 3},
    {{0xfe, 0xc0}, 10, 5},
    {{0xfc}, 7, 6},
    {{0x20, 0x01}, 32, 7},
    {{}, 0, 1},
};
constexpr Policy precedences[] = {
    {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}, 128, 50},
    {{0x20, 0x02}, 16, 30},
    {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff}, 96, 10},
    {{}, 96, 20},
    {{}, 0, 40},
};

int common_bits(const Ip& a, const Ip& b) {
  int bits = 0;
  for (std::size_t i = 0; i < a.size(); ++i, bits += 8) {
    if (a[i] != b[i]) return bits + std::countl_zero(static_cast<std::uint8_t>(a[i] ^ b[i]));
  }
  return bits;
}

template <std::size_t Count>
int value_of(const Policy (&table)[Count], const Ip& ip) {
  for (const Policy& policy : table) {
    if (common_bits(policy.prefix, ip) >= policy.bits) return policy.value;
  }
  return 0;
}

Ip full_ip(const SocketAddress& address) {
  if (address.family == AddressFamily::ipv6) return address.ip;
  Ip ip{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  std::copy_n(address.ip.begin(), 4, ip.begin() + 12);
  return ip;
}

int scope_of(const SocketAddress& address) {
  constexpr int link = 2, site = 5, global = 14;
  const auto& ip = address.ip;
  if (address.family == AddressFamily::ipv4)
    return ip[0] == 127 || (ip[0] == 169 && ip[1] == 254) ? link : global;
  if (ip[0] == 0xff) return ip[1] & 15;
  in6_addr six;
  memcpy(&six, ip.data(), 16);
  if (IN6_IS_ADDR_LINKLOCAL(&six) || IN6_IS_ADDR_LOOPBACK(&six)) return link;
  return IN6_IS_ADDR_SITELOCAL(&six) ? site : global;
}

/// Bits of the netmask of the interface that has this address; 0 if there is none.
int prefix_length(const ifaddrs* interfaces, const SocketAddress& source) {
  for (const ifaddrs* one = interfaces; one; one = one->ifa_next) {
    if (!one->ifa_addr || !one->ifa_netmask || one->ifa_addr->sa_family != AF_INET) continue;
    SocketAddress own = from_sockaddr(one->ifa_addr, sizeof(sockaddr_in));
    if (own.ip != source.ip || source.family != AddressFamily::ipv4) continue;
    return std::popcount(reinterpret_cast<const sockaddr_in*>(one->ifa_netmask)->sin_addr.s_addr);
  }
  return 0;
}

struct Candidate {
  SocketAddress address;
  std::optional<SocketAddress> source;
  int scope, source_scope, label, source_label, precedence, matching;
};

std::optional<SocketAddress> source_for(const SocketAddress& address) {
  auto to = to_sockaddr(address);
  if (!to) return std::nullopt;
  UniqueFd socket(::socket(to->storage.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, IPPROTO_IP));
  if (!socket || ::connect(socket.get(), to->get(), to->length) != 0) return std::nullopt;
  return local_address(socket.get());
}

Candidate examine(SocketAddress address, const ifaddrs* interfaces) {
  Candidate result{std::move(address), std::nullopt, 0, 0, 0, 0, 0, 0};
  result.source = source_for(result.address);
  result.scope = scope_of(result.address);
  Ip ip = full_ip(result.address);
  result.label = value_of(labels, ip);
  result.precedence = value_of(precedences, ip);
  if (!result.source) return result;
  result.source_scope = scope_of(*result.source);
  Ip source_ip = full_ip(*result.source);
  result.source_label = value_of(labels, source_ip);
  result.matching = common_bits(ip, source_ip);
  // Of IPv4, glibc compares only within the source's own network.
  if (result.address.family == AddressFamily::ipv4 &&
      result.matching - 96 < prefix_length(interfaces, *result.source))
    result.matching = 0;
  return result;
}

/// True if a is to be tried before b.
bool preferred(const Candidate& a, const Candidate& b) {
  if (a.source.has_value() != b.source.has_value()) return a.source.has_value();  // rule 1
  if (a.source) {
    bool a_scope = a.scope == a.source_scope, b_scope = b.scope == b.source_scope;
    if (a_scope != b_scope) return a_scope;  // rule 2
    bool a_label = a.label == a.source_label, b_label = b.label == b.source_label;
    if (a_label != b_label) return a_label;  // rule 5
  }
  if (a.precedence != b.precedence) return a.precedence > b.precedence;                  // rule 6
  if (a.scope != b.scope) return a.scope < b.scope;                                      // rule 8
  if (a.source && a.address.family == b.address.family) return a.matching > b.matching;  // rule 9
  return false;
}

using Interfaces = std::unique_ptr<ifaddrs, void (*)(ifaddrs*)>;
Interfaces system_interfaces() {
  ifaddrs* first = nullptr;
  if (::getifaddrs(&first) != 0) first = nullptr;
  return Interfaces(first, ::freeifaddrs);
}

}  // namespace

void order_addresses(std::vector<SocketAddress>& addresses) {
  if (addresses.size() < 2) return;
  Interfaces list = system_interfaces();
  std::vector<Candidate> candidates;
  for (SocketAddress& address : addresses) candidates.push_back(examine(std::move(address), list.get()));
  std::stable_sort(candidates.begin(), candidates.end(), preferred);
  for (std::size_t i = 0; i < candidates.size(); ++i) addresses[i] = std::move(candidates[i].address);
}

ConfiguredFamilies configured_families() {
  ConfiguredFamilies result;
  Interfaces list = system_interfaces();
  for (const ifaddrs* one = list.get(); one; one = one->ifa_next) {
    if (!one->ifa_addr || (one->ifa_flags & IFF_LOOPBACK)) continue;
    result.ipv4 |= one->ifa_addr->sa_family == AF_INET;
    result.ipv6 |= one->ifa_addr->sa_family == AF_INET6;
  }
  return result;
}

}  // namespace inpod::agent
