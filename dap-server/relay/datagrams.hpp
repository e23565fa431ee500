// Datagrams: UDP from the pod. Each of the program's sockets has one socket in the pod, of the same port
// where that is free there, and talks through it to as many peers as it likes: any of them may answer, from
// any port. Each peer gets a relay socket on loopback (a flow), to which the program's datagrams for that
// peer go instead, and from which its answers come. What the network refuses is made the program's socket's
// own error: the relay lets a datagram of that socket bounce. UDP has no end: sockets that rest are dropped
// once sock_diag(7) no longer knows the program's.
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
#include <set>

#include "protocol/datagram_frame.hpp"
#include "relay/socket_names.hpp"

namespace inpod::relay {

class Datagrams {
 public:
  static constexpr std::size_t max_flows = 1024;

  Datagrams(Context& context, SocketErrors& errors)
      : context_(context), errors_(errors), timer_(context.executor) {}

  /// op connect for datagram sockets. a = 3: sendto(2), the socket is not connected. The answer is the pod's
  /// (ENETUNREACH) for a network that it has not reached yet; else it comes at once.
  Task<Answer> connect(Call call, protocol::SocketAddress remote);
  /// op bound: the socket is bound at the port asked for, or (b = 1) at another one because that is taken on
  /// this machine: then the answer is the pod's.
  Task<Answer> bound(Call call, protocol::SocketAddress requested);
  /// op names with an address: the peer that stands behind the relay socket it names.
  Answer source(const Call& call, const protocol::SocketAddress& relay_side) const;
  /// op names: what getsockname(2) and getpeername(2) say in the pod. Waits a few seconds at most for the
  /// pod's word.
  Task<Answer> names(Call call);
  /// The process that last asked for a flow is gone: its port must soon be free for its successor.
  void process_gone(int pid);
  void close();

 private:
  struct Flow;
  struct Socket;
  using SocketPtr = std::shared_ptr<Socket>;
  using FlowPtr = std::shared_ptr<Flow>;
  using Key = std::pair<std::uint64_t, protocol::AddressFamily>;
  struct Retired {
    std::uint64_t cookie = 0;
    UniqueFd socket;
    Clock::time_point since;
  };
  SocketPtr socket_of(const Call& call, const protocol::SocketAddress& program, bool chosen_port);
  Result<FlowPtr> flow_to(const SocketPtr& socket, const protocol::SocketAddress& remote);
  FlowPtr find_flow(std::uint64_t cookie, const protocol::SocketAddress& relay_side) const;
  bool belongs_to_program(const Socket& socket, const Flow& flow) const;
  bool make_room();
  Task<void> open(SocketPtr socket);
  Task<Result<protocol::Connected>> open_in_pod(const SocketPtr& socket);
  Task<void> from_pod(SocketPtr socket);
  void take(const SocketPtr& socket, protocol::DatagramFrame frame);
  void learn_source(Flow& flow, const protocol::DatagramFrame& frame);
  Task<void> to_pod(SocketPtr socket, FlowPtr flow);
  Task<bool> write(SocketPtr socket, Bytes frame);
  Task<void> ask_source(SocketPtr socket, FlowPtr flow);
  Task<void> bounce(SocketPtr socket, FlowPtr flow, int code, Bytes data);
  Task<void> sweep();
  void lose(const SocketPtr& socket, const FlowPtr& flow);
  void end(const SocketPtr& socket);
  void end(Socket& socket, const FlowPtr& flow);
  void retire(std::uint64_t cookie, Flow& flow);

  Context& context_;
  SocketErrors& errors_;
  std::map<Key, SocketPtr> sockets_;
  std::size_t flows_ = 0;
  std::map<std::uint64_t, protocol::SocketAddress> bound_;  // what bind(2) was asked for, by cookie
  std::set<std::string> reached_;                           // networks that the pod has a route to
  std::deque<Retired> retired_;
  boost::asio::steady_timer timer_;
  bool sweeping_ = false;
};

}  // namespace inpod::relay
