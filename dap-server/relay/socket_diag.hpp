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

/// The user (uid) whose process has the other end of `fd`, a TCP connection on loopback. Some kernels say
/// root until the other end is accepted: then the listener's owner counts. Nothing when the kernel doesn't
/// tell.
std::optional<std::uint32_t> tcp_peer_owner(int fd);

}  // namespace inpod::relay
