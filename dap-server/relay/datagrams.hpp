// Datagrams: UDP from the pod. Each pair of a program's socket and a peer gets a relay socket on loopback, to
// which the program's datagrams go instead and from which the answers come. A peer's refusal (ICMP) closes
// that socket, so that the program's own kernel tells it ECONNREFUSED. UDP has no end: flows that rest are
// dropped once sock_diag(7) no longer knows the program's socket.
#pragma once

#include <map>

#include "relay/socket_names.hpp"

namespace inpod::relay {

class Datagrams {
 public:
  static constexpr std::size_t max_flows = 1024;

  Datagrams(Context& context, SocketNames& names, SocketErrors& errors)
      : context_(context), names_(names), errors_(errors), timer_(context.executor) {}

  /// op connect for datagram sockets. The answer comes before the pod's: connecting UDP can't fail for the
  /// peer's sake.
  Answer connect(const Call& call, const protocol::SocketAddress& remote);
  /// op names with an address: the peer that stands behind the relay socket it names.
  Answer source(const Call& call, const protocol::SocketAddress& relay_side) const;
  /// Waits until the pod's address of a flow of this socket is known, a few seconds at most.
  Task<void> settle(std::uint64_t cookie);
  void close();

 private:
  struct Flow;
  using Key = std::pair<std::uint64_t, std::string>;
  Task<void> run(std::shared_ptr<Flow> flow);
  Task<void> to_pod(std::shared_ptr<Flow> flow);
  Task<void> sweep();
  void end(const std::shared_ptr<Flow>& flow);

  Context& context_;
  SocketNames& names_;
  SocketErrors& errors_;
  std::map<Key, std::shared_ptr<Flow>> flows_;
  boost::asio::steady_timer timer_;
  bool sweeping_ = false;
};

}  // namespace inpod::relay
