// Datagrams: UDP from the pod. Each pair of a program's socket and a peer gets a relay socket on loopback, to
// which the program's datagrams go instead and from which the answers come. A peer's refusal (ICMP) shuts
// that socket, so that the program's own kernel tells it ECONNREFUSED. UDP has no end: flows that rest are
// dropped once sock_diag(7) no longer knows the program's socket.
//
// Any user of the machine can send to a loopback port, so a flow belongs to the program's socket and not to
// whoever sends first: the relay's socket is connected to the program's address before the program hears of
// it, and the kernel drops what comes from elsewhere. The program's port must not become a stranger's while
// the flow lives: a copy of the program's descriptor holds it (`pin`), or sock_diag(7) is asked for each
// datagram whose port it is. Nor may the relay's port while the program's socket may still be connected to
// it: a socket whose flow has ended stays bound (`retired_`).
#pragma once

#include <deque>
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
  /// The process that last asked for a flow is gone: its port must soon be free for its successor.
  void process_gone(int pid);
  void close();

 private:
  struct Flow;
  struct Retired {
    std::uint64_t cookie = 0;
    UniqueFd socket;
    Clock::time_point since;
  };
  using Key = std::pair<std::uint64_t, std::string>;
  Result<std::shared_ptr<Flow>> make_flow(Key key, const protocol::SocketAddress& remote);
  bool belongs_to_program(const Flow& flow) const;
  Task<void> run(std::shared_ptr<Flow> flow);
  Task<void> to_pod(std::shared_ptr<Flow> flow);
  Task<void> sweep();
  void end(const std::shared_ptr<Flow>& flow);
  void retire(Flow& flow);

  Context& context_;
  SocketNames& names_;
  SocketErrors& errors_;
  std::map<Key, std::shared_ptr<Flow>> flows_;
  std::deque<Retired> retired_;
  boost::asio::steady_timer timer_;
  bool sweeping_ = false;
};

}  // namespace inpod::relay
