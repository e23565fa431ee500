// Socket addresses: see address.hpp.
#include "relay/address.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/un.h>

#include <algorithm>
#include <cstddef>
#include <cstring>

namespace inpod::relay {
namespace {

using protocol::AddressFamily;
using protocol::SocketAddress;

constexpr std::uint8_t mapped_prefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

Endpoint unix_endpoint(const SocketAddress& address) {
  Endpoint result;
  sockaddr_un un{};
  un.sun_family = AF_UNIX;
  const bool abstract = address.family == AddressFamily::unix_abstract;
  const auto length = std::min(address.path.size(), sizeof(un.sun_path) - 1);
  std::memcpy(un.sun_path + (abstract ? 1 : 0), address.path.data(), length);
  std::memcpy(&result.storage, &un, sizeof(un));
  result.length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + length + 1);
  return result;
}

Endpoint ipv6_endpoint(const SocketAddress& address) {
  Endpoint result;
  sockaddr_in6 in6{};
  in6.sin6_family = AF_INET6;
  in6.sin6_port = htons(address.port);
  in6.sin6_scope_id = address.scope_id;
  if (address.family == AddressFamily::ipv4) {
    std::memcpy(in6.sin6_addr.s6_addr, mapped_prefix, 12);
    std::memcpy(in6.sin6_addr.s6_addr + 12, address.ip.data(), 4);
  } else {
    std::memcpy(in6.sin6_addr.s6_addr, address.ip.data(), 16);
  }
  std::memcpy(&result.storage, &in6, sizeof(in6));
  result.length = sizeof(in6);
  return result;
}

std::optional<SocketAddress> from_unix(const sockaddr_storage& storage, socklen_t length) {
  sockaddr_un un{};
  constexpr socklen_t start = offsetof(sockaddr_un, sun_path);
  if (length < start || length > sizeof(un)) return std::nullopt;
  std::memcpy(&un, &storage, length);
  SocketAddress address;
  address.family = AddressFamily::unix_path;
  if (length == start) return address;  // unnamed
  if (un.sun_path[0] == '\0') {
    address.family = AddressFamily::unix_abstract;
    address.path.assign(un.sun_path + 1, length - start - 1);
  } else {
    address.path.assign(un.sun_path, ::strnlen(un.sun_path, length - start));
  }
  return address;
}

int option(int fd, int name) {
  int value = -1;
  socklen_t length = sizeof(value);
  return ::getsockopt(fd, SOL_SOCKET, name, &value, &length) == 0 ? value : -1;
}

}  // namespace

Endpoint to_endpoint(const SocketAddress& address, int domain) {
  switch (address.family) {
    case AddressFamily::none:
      return {};
    case AddressFamily::unix_path:
    case AddressFamily::unix_abstract:
      return unix_endpoint(address);
    case AddressFamily::ipv6:
      return ipv6_endpoint(address);
    case AddressFamily::ipv4:
      break;
  }
  if (domain == AF_INET6) return ipv6_endpoint(address);
  Endpoint result;
  sockaddr_in in{};
  in.sin_family = AF_INET;
  in.sin_port = htons(address.port);
  std::memcpy(&in.sin_addr, address.ip.data(), 4);
  std::memcpy(&result.storage, &in, sizeof(in));
  result.length = sizeof(in);
  return result;
}

std::optional<SocketAddress> from_endpoint(const sockaddr_storage& storage, socklen_t length) {
  if (length < sizeof(sa_family_t) || length > sizeof(storage)) return std::nullopt;
  SocketAddress address;
  if (storage.ss_family == AF_UNIX) return from_unix(storage, length);
  if (storage.ss_family == AF_INET && length >= sizeof(sockaddr_in)) {
    sockaddr_in in{};
    std::memcpy(&in, &storage, sizeof(in));
    address.family = AddressFamily::ipv4;
    std::memcpy(address.ip.data(), &in.sin_addr, 4);
    address.port = ntohs(in.sin_port);
    return address;
  }
  if (storage.ss_family == AF_INET6 && length >= sizeof(sockaddr_in6) - 4) {  // RFC 2133's form has no scope
    sockaddr_in6 in6{};
    std::memcpy(&in6, &storage, std::min<std::size_t>(length, sizeof(in6)));
    address.port = ntohs(in6.sin6_port);
    if (std::memcmp(in6.sin6_addr.s6_addr, mapped_prefix, 12) == 0) {
      address.family = AddressFamily::ipv4;
      std::memcpy(address.ip.data(), in6.sin6_addr.s6_addr + 12, 4);
    } else {
      address.family = AddressFamily::ipv6;
      std::memcpy(address.ip.data(), in6.sin6_addr.s6_addr, 16);
      address.scope_id = in6.sin6_scope_id;
    }
    return address;
  }
  return std::nullopt;
}

std::optional<SocketAddress> local_address(int fd) {
  Endpoint at;
  at.length = sizeof(at.storage);
  if (::getsockname(fd, at.get(), &at.length) != 0) return std::nullopt;
  return from_endpoint(at.storage, at.length);
}

std::optional<SocketAddress> peer_address(int fd) {
  Endpoint at;
  at.length = sizeof(at.storage);
  if (::getpeername(fd, at.get(), &at.length) != 0) return std::nullopt;
  return from_endpoint(at.storage, at.length);
}

SocketAddress loopback(AddressFamily family, std::uint16_t port) {
  SocketAddress address;
  address.family = family;
  address.port = port;
  if (family == AddressFamily::ipv4) {
    address.ip[0] = 127;
    address.ip[3] = 1;
  } else {
    address.ip[15] = 1;
  }
  return address;
}

bool is_loopback(const SocketAddress& address) {
  if (address.family == AddressFamily::ipv4) return address.ip[0] == 127;
  if (address.family == AddressFamily::ipv6) return address.ip == loopback(AddressFamily::ipv6, 0).ip;
  return false;
}

bool is_any(const SocketAddress& address) {
  return std::all_of(address.ip.begin(), address.ip.end(), [](auto byte) { return byte == 0; });
}

std::string to_string(const SocketAddress& address) {
  char text[INET6_ADDRSTRLEN] = "";
  switch (address.family) {
    case AddressFamily::none:
      return "none";
    case AddressFamily::unix_path:
      return address.path;
    case AddressFamily::unix_abstract:
      return "@" + address.path;
    case AddressFamily::ipv4:
      ::inet_ntop(AF_INET, address.ip.data(), text, sizeof(text));
      return text + (":" + std::to_string(address.port));
    case AddressFamily::ipv6:
      ::inet_ntop(AF_INET6, address.ip.data(), text, sizeof(text));
  }
  return "[" + std::string(text) + "]:" + std::to_string(address.port);
}

std::uint64_t cookie_of(int fd) {
  std::uint64_t cookie = 0;
  socklen_t length = sizeof(cookie);
  return ::getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &length) == 0 ? cookie : 0;
}

int domain_of(int fd) {
  return option(fd, SO_DOMAIN);
}
int type_of(int fd) {
  return option(fd, SO_TYPE);
}

}  // namespace inpod::relay
