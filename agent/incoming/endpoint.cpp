// Conversions of Endpoint. See endpoint.hpp.
#include "incoming/endpoint.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <cstring>

namespace inpod::agent {
namespace {

constexpr std::array<std::uint8_t, 12> mapped_prefix{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

}  // namespace

IpAddress mapped_ipv4(std::span<const std::uint8_t, 4> bytes) {
  IpAddress ip{};
  std::copy(mapped_prefix.begin(), mapped_prefix.end(), ip.begin());
  std::copy(bytes.begin(), bytes.end(), ip.begin() + mapped_prefix.size());
  return ip;
}

bool is_ipv4(const IpAddress& ip) {
  return std::equal(mapped_prefix.begin(), mapped_prefix.end(), ip.begin());
}

bool is_link_local_ipv6(const IpAddress& ip) {
  return ip[0] == 0xfe && (ip[1] & 0xc0) == 0x80;
}

Endpoint endpoint_of(const sockaddr* address) {
  Endpoint endpoint;
  if (address->sa_family == AF_INET) {
    sockaddr_in v4;
    memcpy(&v4, address, sizeof v4);
    std::array<std::uint8_t, 4> bytes;
    memcpy(bytes.data(), &v4.sin_addr, bytes.size());
    endpoint.ip = mapped_ipv4(bytes);
    endpoint.port = ntohs(v4.sin_port);
  } else if (address->sa_family == AF_INET6) {
    sockaddr_in6 v6;
    memcpy(&v6, address, sizeof v6);
    memcpy(endpoint.ip.data(), &v6.sin6_addr, endpoint.ip.size());
    endpoint.port = ntohs(v6.sin6_port);
    if (is_link_local_ipv6(endpoint.ip)) endpoint.scope = v6.sin6_scope_id;
  }
  return endpoint;
}

socklen_t fill_sockaddr(const Endpoint& endpoint, sockaddr_storage& storage) {
  storage = {};
  if (is_ipv4(endpoint.ip)) {
    sockaddr_in v4{};
    v4.sin_family = AF_INET;
    v4.sin_port = htons(endpoint.port);
    memcpy(&v4.sin_addr, endpoint.ip.data() + mapped_prefix.size(), 4);
    memcpy(&storage, &v4, sizeof v4);
    return sizeof v4;
  }
  sockaddr_in6 v6{};
  v6.sin6_family = AF_INET6;
  v6.sin6_port = htons(endpoint.port);
  memcpy(&v6.sin6_addr, endpoint.ip.data(), endpoint.ip.size());
  v6.sin6_scope_id = endpoint.scope;
  memcpy(&storage, &v6, sizeof v6);
  return sizeof v6;
}

protocol::SocketAddress to_message(const Endpoint& endpoint) {
  protocol::SocketAddress address;
  address.port = endpoint.port;
  if (is_ipv4(endpoint.ip)) {
    address.family = protocol::AddressFamily::ipv4;
    std::copy(endpoint.ip.begin() + mapped_prefix.size(), endpoint.ip.end(), address.ip.begin());
  } else {
    address.family = protocol::AddressFamily::ipv6;
    address.ip = endpoint.ip;
    address.scope_id = endpoint.scope;
  }
  return address;
}

std::string to_text(const Endpoint& endpoint) {
  char text[INET6_ADDRSTRLEN] = "?";
  const std::string port = std::to_string(endpoint.port);
  if (is_ipv4(endpoint.ip)) {
    inet_ntop(AF_INET, endpoint.ip.data() + mapped_prefix.size(), text, sizeof text);
    return std::string(text) + ":" + port;
  }
  inet_ntop(AF_INET6, endpoint.ip.data(), text, sizeof text);
  return "[" + std::string(text) + "]:" + port;
}

}  // namespace inpod::agent
