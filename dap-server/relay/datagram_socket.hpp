// What Datagrams keeps of the program's sockets and their peers; for its two files alone.
#pragma once

#include <algorithm>
#include <boost/asio/generic/datagram_protocol.hpp>

#include "relay/datagrams.hpp"

namespace inpod::relay {

/// One peer of one of the program's sockets.
struct Datagrams::Flow {
  using Loopback = boost::asio::generic::datagram_protocol::socket;
  explicit Flow(const boost::asio::any_io_executor& executor) : socket(executor), known(executor) {}
  protocol::SocketAddress remote, relay_side;
  protocol::SocketAddress program;  // where the program's datagrams come from: the peer of `socket`
  Loopback socket;
  std::optional<protocol::SocketAddress> source;  // the pod's address towards the peer
  int code = 0;                                   // why there is none
  int unsent = 0;                                 // errno of a datagram that the pod could not send
  Signal known;                                   // source or code is
  Clock::time_point used = Clock::now();
  bool asked = false, told = false, ended = false;
};

/// One of the program's sockets, or of one of both families, the half of one family.
struct Datagrams::Socket {
  explicit Socket(const boost::asio::any_io_executor& executor) : changed(executor) {}
  Key key;
  protocol::SocketAddress program;
  bool chosen_port = false;  // by the program, as opposed to the kernel
  bool must_have_port = false;
  bool broadcast = false;
  UniqueFd pin;  // a copy of the program's descriptor: nobody else gets its port
  int pid = 0;
  std::map<std::string, FlowPtr> flows;  // by the peer
  std::unique_ptr<protocol::Stream> stream;
  std::uint16_t port = 0;  // in the pod
  std::optional<int> outcome;
  Signal changed;  // outcome, writing or ended is
  Clock::time_point used = Clock::now(), looked_at = used;
  bool writing = false, ended = false;
};

/// The /24 or /64 that an address lies in, as text: what is routed one way, as a rule.
inline std::string network_of(protocol::SocketAddress address) {
  address.port = 0;
  const auto first = address.ip.begin() + (address.family == protocol::AddressFamily::ipv4 ? 3 : 8);
  std::fill(first, address.ip.end(), std::uint8_t{0});
  return to_string(address);
}

}  // namespace inpod::relay
