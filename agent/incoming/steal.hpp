// Steal: whole ports of the pod, taken for clients: listeners, the redirect that feeds them, and their
// connections.
//
// A port is stolen by one client at a time. When a subscription ends its rule goes first, so that new
// connections reach the pod; then the client's live connections are reset, or kept as it says. Connections
// whose handshake was under way still arrive at the listener for a moment, and are handed to the pod; those
// that already were go on, and the (then idle) table stays until some time after the last of them has ended:
// without it the kernel stops translating them, their last packets included. Lives on the executor.
//
// What waits for a program that is held takes memory here. Past a bound of connections or of memory nothing
// is redirected any more, so that new connections reach the pod as though it were not stolen, until there is
// room again; the rules stay as the ports' reservation.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <map>
#include <memory>
#include <set>

#include "incoming/addresses.hpp"
#include "incoming/incoming.hpp"
#include "incoming/memory.hpp"
#include "incoming/report.hpp"
#include "incoming/stolen_connection.hpp"

namespace inpod::agent {

class Steal : public std::enable_shared_from_this<Steal> {
 public:
  Steal(boost::asio::any_io_executor executor, Note note, std::shared_ptr<PrivilegedNetwork> network,
        Incoming::OpenedByTarget opened_by_target)
      : executor_(executor),
        note_(std::move(note)),
        network_(std::move(network)),
        opened_by_target_(std::move(opened_by_target)),
        idle_(executor) {}

  /// Errors: EADDRINUSE (stolen by someone, who is named); those of Redirect.
  Result<void> add(std::uint64_t subscription, const protocol::Subscribe& what,
                   std::shared_ptr<Incoming::Client> client);
  /// Unknown numbers are ignored.
  void remove(std::uint64_t subscription, Incoming::Connections connections);
  Incoming::Thief thief_of(std::uint16_t port) const;
  void give_up_connections(const Incoming::Client* client);
  /// Ends everything. Nothing else may be called afterwards.
  void close();

 private:
  struct Port {
    std::uint64_t subscription = 0;
    std::uint16_t number = 0, listener_port = 0;
    std::shared_ptr<Incoming::Client> client;
    std::vector<protocol::Probe> probes;
    boost::asio::ip::tcp::acceptor listener;
    bool with_own = false;  ///< also what the target's own container opens
    bool leaving = false;   ///< the subscription has ended: what still comes is the pod's
    std::set<std::shared_ptr<StolenConnection>> connections;
  };

  Result<void> apply();
  static protocol::Task<void> accept_all(std::shared_ptr<Steal> self, std::shared_ptr<Port> port);
  static protocol::Task<void> leave(std::shared_ptr<Steal> self, std::shared_ptr<Port> port);
  void take(const std::shared_ptr<Port>& port, StolenConnection::Socket socket);
  /// Stops or resumes redirecting, by the room that there is.
  void look_for_room();
  /// Without ports, connections and listeners for a while, the table goes too.
  void drop_idle_table();
  bool from_node(const IpAddress& ip);
  std::function<protocol::Task<bool>()> origin_of(const Endpoint& peer, const Endpoint& target);
  bool idle() const { return ports_.empty() && live_.empty() && leaving_.empty(); }

  boost::asio::any_io_executor executor_;
  Note note_;
  std::shared_ptr<PrivilegedNetwork> network_;
  Incoming::OpenedByTarget opened_by_target_;
  std::map<std::uint16_t, std::shared_ptr<Port>> ports_;
  std::set<std::shared_ptr<Port>> leaving_;
  std::set<std::shared_ptr<StolenConnection>> live_;
  bool full_ = false;  ///< nothing is redirected
  MemoryBudget memory_;
  LocalAddresses pod_;
  std::set<IpAddress> node_;
  std::chrono::steady_clock::time_point node_read_{};
  boost::asio::steady_timer idle_;
  bool closed_ = false;
};

}  // namespace inpod::agent
