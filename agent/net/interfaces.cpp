// See interfaces.hpp.
#include "net/interfaces.hpp"

#include <ifaddrs.h>
#include <linux/if_link.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/ioctl.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <memory>

#include "net/address.hpp"
#include "protocol/unique_fd.hpp"

namespace inpod::agent {
namespace {

using protocol::AddressFamily;
using protocol::Bytes;
using protocol::SocketAddress;

constexpr std::size_t most_interfaces =
    1024;  ///< of interfaces, and of their addresses: an answer is one message

SocketAddress address_of(const sockaddr* address) {
  if (!address) return {};
  if (address->sa_family == AF_INET) return from_sockaddr(address, sizeof(sockaddr_in));
  return address->sa_family == AF_INET6 ? from_sockaddr(address, sizeof(sockaddr_in6)) : SocketAddress{};
}

Bytes hardware_of(const sockaddr* address) {
  sockaddr_ll link{};
  if (!address) return {};
  memcpy(&link, address, sizeof link);
  // The kernel has addresses of up to 32 bytes (InfiniBand's has 20); getifaddrs(3) cuts what is longer.
  const auto length = std::min<std::size_t>(link.sll_halen, sizeof link.sll_addr);
  return Bytes(link.sll_addr, link.sll_addr + length);
}

std::uint32_t mtu_of(int socket, const char* name) {
  ifreq request{};
  strncpy(request.ifr_name, name, sizeof request.ifr_name - 1);
  return ::ioctl(socket, SIOCGIFMTU, &request) == 0 ? static_cast<std::uint32_t>(request.ifr_mtu) : 0;
}

protocol::Interface link_of(const ifaddrs& one, int socket) {
  sockaddr_ll link{};
  memcpy(&link, one.ifa_addr, sizeof link);
  protocol::Interface found;
  found.name = one.ifa_name;
  found.index = static_cast<std::uint32_t>(link.sll_ifindex);
  found.flags = one.ifa_flags;
  found.type = link.sll_hatype;
  found.mtu = mtu_of(socket, one.ifa_name);
  found.hardware = hardware_of(one.ifa_addr);
  found.hardware_broadcast = hardware_of(one.ifa_broadaddr);
  if (one.ifa_data) {
    const auto* bytes = static_cast<const std::uint8_t*>(one.ifa_data);
    found.statistics.assign(bytes, bytes + sizeof(rtnl_link_stats));
  }
  return found;
}

std::uint8_t prefix_of(const SocketAddress& mask) {
  int bits = 0;
  for (const auto byte : mask.ip) bits += std::popcount(byte);
  return static_cast<std::uint8_t>(bits);
}

protocol::Interface* interface_of(protocol::Interfaces& all, std::string_view label) {
  const auto name = label.substr(0, label.find(':'));
  for (auto& one : all.interfaces)
    if (one.name == label || one.name == name) return &one;
  return nullptr;
}

}  // namespace

protocol::Interfaces interfaces() {
  protocol::Interfaces all;
  ifaddrs* first = nullptr;
  const UniqueFd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (::getifaddrs(&first) != 0) return all;
  const std::unique_ptr<ifaddrs, void (*)(ifaddrs*)> list(first, ::freeifaddrs);
  // Interfaces come first, then the addresses of all of them.
  for (const ifaddrs* one = first; one && all.interfaces.size() < most_interfaces; one = one->ifa_next)
    if (one->ifa_addr && one->ifa_addr->sa_family == AF_PACKET)
      all.interfaces.push_back(link_of(*one, socket.get()));
  std::size_t addresses = 0;
  for (const ifaddrs* one = first; one && addresses < most_interfaces; one = one->ifa_next) {
    const auto address = address_of(one->ifa_addr);
    auto* interface = address.family == AddressFamily::none ? nullptr : interface_of(all, one->ifa_name);
    if (!interface) continue;
    ++addresses;
    interface->addresses.push_back(
        {address, address_of(one->ifa_dstaddr), prefix_of(address_of(one->ifa_netmask)), one->ifa_name});
  }
  return all;
}

}  // namespace inpod::agent
