// Pump: carries bytes or datagrams between a socket in the pod and a stream of a client, both ways, with
// half-close and resets mapped to each other. Io thread only.
#pragma once

#include <memory>

#include "net/pod_socket.hpp"
#include "protocol/link.hpp"

namespace inpod::agent {

/// Starts both directions and returns; they end with the socket or the stream and then let go of both.
///   socket's end of stream   → stream's FIN          stream's FIN   → shutdown(SHUT_WR)
///   socket's error           → reset with its errno  stream's reset → RST to the peer
/// Errors that a network reports for one UDP datagram end nothing, and are not told: the next may get
/// through.
void pump(boost::asio::any_io_executor io, std::shared_ptr<PodSocket> socket,
          std::unique_ptr<protocol::Stream> stream, protocol::Transport transport);

}  // namespace inpod::agent
