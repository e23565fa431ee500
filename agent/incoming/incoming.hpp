// Incoming: the pod's incoming traffic, copied (mirror) or taken (steal) for the clients of this agent.
//
// One object per agent process. It lives on the io thread, and that thread is in the target's network
// namespace when create() and every other function is called: all sockets are made there. Nothing here
// blocks: packets, connections and streams are served by coroutines on the executor. Destroying the object
// ends everything: redirects go first, then live connections are reset. What it must never do: slow the pod,
// or leave a rule behind (see docs/steal.md).
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "incoming/privileged_network.hpp"
#include "protocol/link.hpp"

namespace inpod::agent {

class Incoming {
 public:
  /// Says of a TCP connection that was opened inside the pod, by the ends that its opener sees, whether a
  /// process of the target's own container has opened it.
  using OpenedByTarget =
      std::function<protocol::Task<bool>(protocol::SocketAddress from, protocol::SocketAddress to)>;

  /// `note` takes what concerns the agent as a whole; what concerns one client goes to it as a Note event.
  /// `network` does what needs capabilities. Connections that `opened_by_target` knows stay with the pod
  /// while their port is stolen; without it there are none.
  static Result<std::unique_ptr<Incoming>> create(
      boost::asio::any_io_executor executor, std::function<void(protocol::Severity, std::string)> note,
      std::shared_ptr<PrivilegedNetwork> network = own_privileged_network(),
      OpenedByTarget opened_by_target = {});
  virtual ~Incoming() = default;

  /// One per client session, given by the server.
  struct Client {
    std::string name;  ///< "user@host"
    std::function<std::shared_ptr<protocol::Link>()>
        link;                    ///< streams are opened on it; null once it is closed
    std::function<bool()> away;  ///< true while it is out of reach: new connections go to the pod
    /// Whether it has been heard since that moment; asks it where it was not (Link::heard_since).
    std::function<protocol::Task<bool>(std::chrono::steady_clock::time_point)> heard_since;
  };
  /// Who steals a port, and by which subscription.
  struct Thief {
    std::shared_ptr<Client> client;
    std::uint64_t subscription = 0;
  };

  /// Starts a mirror or a steal of what.port and gives its number. Errors: ENOTSUP (datagrams, filters),
  /// EINVAL (port 0), EADDRINUSE (the port is already stolen; the text names by whom), EPERM (a capability is
  /// missing), ENOSPC (too many subscriptions), or what the kernel said.
  virtual Result<std::uint64_t> subscribe(std::shared_ptr<Client> client,
                                          const protocol::Subscribe& what) = 0;
  /// What becomes of the stolen connections that a client was told of. keep: they last as long as
  /// its link, as accepted ones outlive a listener.
  enum class Connections { reset, keep };
  /// Ends one subscription: its redirect goes at once. Unknown numbers are ignored.
  virtual void unsubscribe(std::uint64_t subscription, Connections connections = Connections::reset) = 0;
  /// Who steals the port through this agent; nobody: no client in it.
  virtual Thief thief_of(std::uint16_t port) const = 0;
  /// The client's process is likely gone, though it may yet come back: what it holds of stolen connections is
  /// reset, or goes to the pod as far as it was given nothing. Its subscriptions stay.
  virtual void give_up_connections(const Client* client) = 0;
  /// Ends every subscription of this client.
  virtual void drop_client(const Client* client) = 0;
};

}  // namespace inpod::agent
