// Which sockets exist in this network namespace and whose they are, by sock_diag(7): so that the relay learns
// that a listener or a UDP socket of a debuggee is gone, without holding a descriptor that would keep it
// alive, and who is at the other end of a loopback connection.
#pragma once

#include <cstdint>
#include <optional>
#include <unordered_set>

#include "protocol/messages.hpp"

namespace inpod::relay {

enum class SocketKind { tcp_listener, udp };

/// Their cookies (SO_COOKIE), IPv4 and IPv6; nothing when the kernel doesn't tell. Takes well under a
/// millisecond.
std::optional<std::unordered_set<std::uint64_t>> existing_sockets(SocketKind kind);

/// The cookie of the socket that gets a datagram from `remote` to `local`, both on this machine. 0: there is
/// no such socket. Nothing when the kernel doesn't tell.
std::optional<std::uint64_t> udp_socket_at(const protocol::SocketAddress& local,
                                           const protocol::SocketAddress& remote);

/// The user (uid) whose process holds the other end of a TCP connection. Nothing when that end is on another
/// machine or in another network namespace, when no process holds it (it was closed, or not accepted yet), or
/// when the kernel doesn't tell.
std::optional<std::uint32_t> peer_user(int connection);

}  // namespace inpod::relay
