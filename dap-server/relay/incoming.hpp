// Incoming: the pod's traffic for the ports that debuggees listen on.
//
// A program's listener is bound to loopback (by the layer, which says what was asked for); listening
// subscribes the pod's port; each connection that comes is carried to the listener by a loopback connection
// whose own address is entered among the socket names before accept(2) can give it out. The relay holds no
// copy of a listener: it asks sock_diag(7) whether it is still there, when the layer says so, when a process
// exits, or when it refuses.
#pragma once

#include <unordered_map>

#include "relay/socket_names.hpp"

namespace inpod::relay {

/// What a user should know when nothing in the pod listens on the port that the program's port stands for,
/// and other ports are listened on; nothing when all is well or nothing is known.
std::optional<std::string> port_advice(const protocol::Listeners& pod, std::uint16_t pod_port,
                                       std::uint16_t program_port);

class Incoming {
 public:
  static constexpr std::size_t max_bound = 4096;

  Incoming(Context& context, SocketNames& names)
      : context_(context), names_(names), subscribed_(context.executor), given_up_(context.executor) {}

  /// op bound. EADDRNOTAVAIL: the relay was to bind the socket, and the address is none of the pod's.
  Answer bound(const Call& call, const protocol::SocketAddress& requested);
  Task<Answer> listening(Call call);
  void listener_gone(std::uint16_t local_port);
  /// Looks which listeners are gone; ports without one are given back to the pod at once.
  void look_for_closed();
  void on_incoming(protocol::Incoming event);
  void on_peer_closed(const protocol::PeerClosed& event);
  /// From mirror to steal or back, for one of the pod's ports and the rest of the session. The port goes to
  /// the pod in between: no connection comes twice. What can't be had leaves the port as it was.
  Task<Result<void>> set_mode(std::uint16_t pod_port, protocol::IncomingMode mode);

  /// Where a connection to `remote` ends when it is to the program itself: loopback or the pod's address, at
  /// a port that it listens on.
  std::optional<protocol::SocketAddress> own_listener(const protocol::SocketAddress& remote) const;
  /// What bind(2) was asked for on this socket.
  struct Requested {
    protocol::SocketAddress address;
    bool any_port = false;  ///< port 0 was: `address` has the one that the kernel chose here
  };
  std::optional<Requested> requested(std::uint64_t cookie) const;
  /// The socket has become a client's.
  void connected(std::uint64_t cookie) { listeners_.erase(cookie); }
  /// The link was replaced: nothing is subscribed any more.
  void lose();
  /// What was subscribed before `lose`, in the new pod.
  void subscribe_again();
  void close();

 private:
  struct Listener {
    std::uint64_t cookie = 0, order = 0;
    protocol::SocketAddress requested, local;
    bool listening = false, shares = false;
    bool any_port = false;            // port 0 was asked for
    bool ipv4 = false, ipv6 = false;  // whose connections it takes
    std::uint16_t pod_port = 0;
  };
  struct Port {
    enum class State {
      subscribing,
      subscribed,
      waiting,  ///< somebody else steals it: asked for again and again
      failed,
      lost  ///< with the pod: asked for again in the next one
    } state = State::subscribing;
    std::uint64_t subscription = 0, order = 0;
    std::uint16_t local_port = 0;
    std::size_t next = 0;  // which listener is next, where there are several
  };
  std::uint16_t pod_port_of(std::uint16_t port) const;
  protocol::IncomingMode mode_of(std::uint16_t pod_port) const;
  Task<Result<void>> subscribe(std::uint16_t pod_port, protocol::IncomingMode mode);
  Task<void> subscribe_first(std::uint16_t pod_port);
  Task<bool> wait_for_turn(std::uint16_t pod_port, const Error& refused);
  Task<void> look_for_other_ports(std::uint16_t pod_port);
  Task<void> unsubscribe(std::uint64_t subscription);
  Task<void> carry(protocol::Incoming event, std::uint16_t pod_port);
  Task<Result<UniqueFd>> connect_to(protocol::SocketAddress listener, SocketNames::Pair names);
  static int fitness(const Listener& listener, const protocol::SocketAddress& local);
  bool is_pods(const protocol::SocketAddress& address) const;
  void tell_of_full_backlog(std::uint16_t pod_port) const;
  std::optional<protocol::SocketAddress> next_listener(std::uint16_t pod_port,
                                                       const protocol::SocketAddress& local);
  bool still_listens(const protocol::SocketAddress& listener) const;
  void remove(std::uint64_t cookie);
  void trim();

  Context& context_;
  SocketNames& names_;
  std::unordered_map<std::uint64_t, Listener> listeners_;            // by cookie
  std::unordered_map<std::uint16_t, Port> ports_;                    // by the pod's port
  std::unordered_map<std::uint16_t, protocol::IncomingMode> modes_;  // where it is not the configured one
  std::unordered_map<std::uint32_t, std::uint64_t> answered_;  // of what is carried, by stream: PeerClosed's
  Signal subscribed_;
  Signal given_up_;  ///< the program listens on some port no longer
  std::uint64_t order_ = 0;
};

}  // namespace inpod::relay
