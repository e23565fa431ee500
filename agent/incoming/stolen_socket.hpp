// The sockets of stealing: the listener that redirected connections arrive at, where they were going, and our
// own way to the pod. Thin over socket(2); all made in the calling thread's network namespace.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/ip/tcp.hpp>

#include "incoming/endpoint.hpp"
#include "incoming/privileged_network.hpp"
#include "protocol/result.hpp"

namespace inpod::agent {

/// A listener on a port of the kernel's choice, on every address, IPv4 and IPv6 (IPv4 alone where there is no
/// IPv6).
Result<boost::asio::ip::tcp::acceptor> open_listener(boost::asio::any_io_executor executor);
/// Where a redirected connection was going (SO_ORIGINAL_DST). Error: ENOENT, it was not redirected.
Result<Endpoint> original_destination(boost::asio::ip::tcp::socket& socket);
Endpoint peer_of(boost::asio::ip::tcp::socket& socket);
/// An unconnected socket of the target's family, with our mark: its connection is neither redirected nor
/// mirrored.
Result<boost::asio::ip::tcp::socket> open_marked(boost::asio::any_io_executor executor,
                                                 PrivilegedNetwork& network, const Endpoint& target);
boost::asio::ip::tcp::endpoint to_asio(const Endpoint& endpoint);
/// No Nagle delay (the other side of the relay has its own), and keep-alive, so that dead peers end.
void prepare(boost::asio::ip::tcp::socket& socket);
/// Closes with an RST. Idempotent.
void reset(boost::asio::ip::tcp::socket& socket);

}  // namespace inpod::agent
