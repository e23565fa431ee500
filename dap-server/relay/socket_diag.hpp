// Which sockets exist in this network namespace, by sock_diag(7): so that the relay learns that a listener or
// a UDP socket of a debuggee is gone, without holding a descriptor that would keep it alive; and whose socket
// the other end of a connection is.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <unordered_set>

namespace inpod::relay {

enum class SocketKind { tcp_listener, udp };

/// Their cookies (SO_COOKIE), IPv4 and IPv6; nothing when the kernel doesn't tell. Takes well under a
/// millisecond.
std::optional<std::unordered_set<std::uint64_t>> existing_sockets(SocketKind kind);

/// Which user made the socket at the other end of a TCP connection. Nothing when the peer is in another
/// network namespace or on another machine, when no process holds its socket (it was closed, or not accepted
/// yet), or when the kernel doesn't tell.
std::optional<uid_t> peer_user(int connection);

}  // namespace inpod::relay
