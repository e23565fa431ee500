// Byte pumping between two TCP sockets: how a connection goes on to the pod.
//
// The sockets must outlive the coroutine; closing them ends it. Buffers: 64 KiB a direction, while bytes
// move.
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <chrono>

#include "incoming/endpoint.hpp"
#include "protocol/link.hpp"

namespace inpod::agent {

constexpr std::size_t piece_size = 64 << 10;  ///< what is read from a TCP socket at once, in bytes

/// connect(2) with a bound; false when it failed, timed out, or the socket was closed.
protocol::Task<bool> connect_within(boost::asio::ip::tcp::socket& socket, const Endpoint& target,
                                    std::chrono::milliseconds bound);

/// Both directions until both have ended. A FIN passes on as one; an error resets both sockets. `first`:
/// bytes that were already read from `peer`, sent before all others; peer_finished: its FIN was read too.
protocol::Task<void> pump_both(boost::asio::ip::tcp::socket& peer, boost::asio::ip::tcp::socket& pod,
                               protocol::Bytes first, bool peer_finished);

}  // namespace inpod::agent
