// Socket addresses in their three forms: the wire's SocketAddress, the kernel's sockaddr, and text for
// people.
#pragma once

#include <sys/socket.h>

#include <optional>
#include <string>

#include "protocol/messages.hpp"

namespace inpod::relay {

/// A sockaddr with its length; length 0: none.
struct Endpoint {
  sockaddr_storage storage{};
  socklen_t length = 0;
  sockaddr* get() { return reinterpret_cast<sockaddr*>(&storage); }
  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
};

/// For a socket of `domain`: on AF_INET6 an IPv4 address takes its mapped form (::ffff:a.b.c.d).
Endpoint to_endpoint(const protocol::SocketAddress& address, int domain);
/// Mapped IPv4 becomes IPv4. Nothing for families that the protocol does not carry, or for a length that does
/// not fit.
std::optional<protocol::SocketAddress> from_endpoint(const sockaddr_storage& storage, socklen_t length);
std::optional<protocol::SocketAddress> local_address(int fd);
std::optional<protocol::SocketAddress> peer_address(int fd);

protocol::SocketAddress loopback(protocol::AddressFamily family, std::uint16_t port);
bool is_loopback(const protocol::SocketAddress& address);
bool is_any(const protocol::SocketAddress& address);
/// "10.0.0.1:80", "[::1]:80", "/run/x.sock", "@name".
std::string to_string(const protocol::SocketAddress& address);

/// A socket's own SO_COOKIE (socket(7)), SO_DOMAIN, SO_TYPE; 0 or -1 when the descriptor is no socket.
std::uint64_t cookie_of(int fd);
int domain_of(int fd);
int type_of(int fd);

}  // namespace inpod::relay
