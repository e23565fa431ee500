// The wire's SocketAddress and the kernel's sockaddr, converted both ways. Pure functions.
#pragma once

#include <sys/socket.h>

#include "protocol/messages.hpp"
#include "protocol/result.hpp"

namespace inpod::agent {

struct KernelAddress {
  sockaddr_storage storage{};
  socklen_t length = 0;
  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
};

/// Errors: EAFNOSUPPORT for family none, ENAMETOOLONG for a path over sun_path, EINVAL for an empty path.
Result<KernelAddress> to_sockaddr(const protocol::SocketAddress& address);
/// Family none for families the wire does not carry, and for unnamed unix sockets.
protocol::SocketAddress from_sockaddr(const sockaddr* address, socklen_t length);
/// getsockname(2) and getpeername(2); family none where they fail.
protocol::SocketAddress local_address(int socket);
protocol::SocketAddress peer_address(int socket);

}  // namespace inpod::agent
