// Which TCP connections of this network namespace a process of the target's container has opened: side-cars
// and what the node's processes open (`kubectl port-forward`) share the pod's network, but not the
// container's mount namespace.
//
// The kernel tells a socket's inode (sock_diag(7)), and /proc who has it open. Takes a few milliseconds,
// however many connections are asked for at once. Needs what opens /proc/<pid>/fd: CAP_SYS_PTRACE, or the
// target's own rights.
#pragma once

#include <boost/describe.hpp>
#include <vector>

#include "protocol/messages.hpp"

namespace inpod::agent {

/// The ends of a TCP connection as its opener sees them.
struct TcpEnds {
  protocol::SocketAddress from, to;
};
BOOST_DESCRIBE_STRUCT(TcpEnds, (), (from, to))

/// For each connection 1 or 0. `directory`: of the target in /proc. All 0 where the target shares the
/// caller's mount namespace, since nothing tells its processes from others then, and for connections whose
/// opener has closed them or made a mount namespace of its own. Blocks.
std::vector<std::uint8_t> opened_inside(int directory, const std::vector<TcpEnds>& connections);

}  // namespace inpod::agent
