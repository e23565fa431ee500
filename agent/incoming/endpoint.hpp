// Endpoint: an IP address and TCP port in one plain value; IPv4 is held in its mapped form (::ffff:a.b.c.d).
//
// The small common currency of this folder: packets, sockets and wire messages all convert to it. No
// allocation, any thread.
#pragma once

#include <sys/socket.h>

#include <array>
#include <compare>
#include <cstdint>
#include <span>
#include <string>

#include "protocol/messages.hpp"

namespace inpod::agent {

using IpAddress = std::array<std::uint8_t, 16>;

struct Endpoint {
  IpAddress ip{};
  std::uint16_t port = 0;   ///< host order
  std::uint32_t scope = 0;  ///< interface index, link-local IPv6 only
  auto operator<=>(const Endpoint&) const = default;
};

IpAddress mapped_ipv4(std::span<const std::uint8_t, 4> bytes);
bool is_ipv4(const IpAddress& ip);
bool is_link_local_ipv6(const IpAddress& ip);

/// AF_INET or AF_INET6; anything else gives the empty endpoint.
Endpoint endpoint_of(const sockaddr* address);
/// Fills `storage` and returns its length: AF_INET for mapped addresses, else AF_INET6.
socklen_t fill_sockaddr(const Endpoint& endpoint, sockaddr_storage& storage);
protocol::SocketAddress to_message(const Endpoint& endpoint);
/// "10.1.2.3:80", "[fd00::1]:80".
std::string to_text(const Endpoint& endpoint);

}  // namespace inpod::agent
