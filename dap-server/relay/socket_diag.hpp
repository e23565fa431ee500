// Which sockets exist in this network namespace, by sock_diag(7): so that the relay learns that a listener or
// a UDP socket of a debuggee is gone, without holding a descriptor that would keep it alive.
#pragma once

#include <cstdint>
#include <optional>
#include <unordered_set>

namespace inpod::relay {

enum class SocketKind { tcp_listener, udp };

/// Their cookies (SO_COOKIE), IPv4 and IPv6; nothing when the kernel doesn't tell. Takes well under a
/// millisecond.
std::optional<std::unordered_set<std::uint64_t>> existing_sockets(SocketKind kind);

}  // namespace inpod::relay
