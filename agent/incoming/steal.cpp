// Stolen ports. See steal.hpp.
#include "incoming/steal.hpp"

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/steady_timer.hpp>

#include "incoming/redirect.hpp"
#include "incoming/stolen_socket.hpp"
#include "protocol/filter.hpp"
#include "protocol/task.hpp"

namespace inpod::agent {
namespace {

namespace asio = boost::asio;
// Past the first nothing is redirected until the second is reached. What the listeners' backlogs hold by then
// goes to the pod, and past the third waits in them.
constexpr std::size_t most_connections = 512, enough_room = most_connections / 2;
constexpr std::size_t most_accepted = 4 * most_connections;
constexpr auto retry_accept = std::chrono::milliseconds(20);
constexpr auto second_syn_time = std::chrono::seconds(1);     // a SYN that was sent again needs as long
constexpr auto last_packets_time = std::chrono::seconds(10);  // what was sent last may have to be sent again
constexpr auto node_refresh = std::chrono::seconds(10);

}  // namespace

Result<void> Steal::apply() {
  std::vector<StolenPort> stolen;
  for (const auto& [number, port] : ports_)
    stolen.push_back({number, port->listener_port, port->client->name, full_});
  return network_->redirect(stolen);
}

Result<void> Steal::add(std::uint64_t subscription, const protocol::Subscribe& what,
                        std::shared_ptr<Incoming::Client> client) {
  if (const auto taken = ports_.find(what.port); taken != ports_.end())
    return Failed(already_stolen(what.port, taken->second->client->name));
  TRY_ASSIGN(listener, open_listener(executor_));
  const std::uint16_t listener_port = listener.local_endpoint().port();
  auto port = std::make_shared<Port>(Port{
      subscription, what.port, listener_port, std::move(client), {}, std::move(listener), false, false, {}});
  std::copy_if(what.probes.begin(), what.probes.end(), std::back_inserter(port->probes),
               [&](const auto& probe) { return probe.port == what.port; });
  port->with_own = what.filter == protocol::filter_with_own;
  ports_[what.port] = port;
  if (auto applied = apply(); !applied) {
    ports_.erase(what.port);
    drop_idle_table();
    return applied;
  }
  asio::co_spawn(executor_, accept_all(shared_from_this(), port), Report{note_, "steal"});
  return {};
}

void Steal::remove(std::uint64_t subscription, Incoming::Connections connections) {
  const auto found = std::find_if(ports_.begin(), ports_.end(), [&](const auto& entry) {
    return entry.second->subscription == subscription;
  });
  if (found == ports_.end()) return;
  const auto port = found->second;
  ports_.erase(found);
  if (auto applied = apply(); !applied) {
    // Never leave a rule without its session: the whole table goes, and is made anew for the others.
    network_->end_redirect();
    if (auto again = apply(); !again) note_(protocol::Severity::error, "steal: " + again.error().text);
  }
  port->leaving = true;
  leaving_.insert(port);
  asio::co_spawn(executor_, leave(shared_from_this(), port), Report{note_, "steal"});
  for (const auto& connection : port->connections)
    connections == Incoming::Connections::keep ? connection->leave() : connection->release();
}

Incoming::Thief Steal::thief_of(std::uint16_t port) const {
  const auto found = ports_.find(port);
  if (found == ports_.end()) return {};
  return {found->second->client, found->second->subscription};
}

void Steal::give_up_connections(const Incoming::Client* client) {
  for (const auto& connection : live_)
    if (connection->client() == client) connection->release();
}

void Steal::look_for_room() {
  const bool short_of_memory = !live_.empty() && memory_.is_short();
  const bool full =
      short_of_memory || live_.size() >= most_connections || (full_ && live_.size() > enough_room);
  if (full == std::exchange(full_, full) || ports_.empty()) return;
  if (auto applied = apply(); !applied) note_(protocol::Severity::error, "steal: " + applied.error().text);
  note_(protocol::Severity::warning, full
                                         ? std::to_string(live_.size()) + " stolen connections are open" +
                                               (short_of_memory ? ", and the agent is short of memory" : "") +
                                               ": new ones go to the pod until half of them have ended"
                                         : std::string("new connections are stolen again"));
}

protocol::Task<void> Steal::leave(std::shared_ptr<Steal> self, std::shared_ptr<Port> port) {
  asio::steady_timer timer(self->executor_, second_syn_time);
  co_await timer.async_wait(as_result);
  boost::system::error_code ignored;
  port->listener.close(ignored);
  self->leaving_.erase(port);
  self->drop_idle_table();
}

void Steal::drop_idle_table() {
  if (!idle()) return;
  idle_.expires_after(last_packets_time);
  idle_.async_wait([weak = weak_from_this()](boost::system::error_code error) {
    if (const auto self = weak.lock(); self && !error && self->idle()) self->network_->end_redirect();
  });
}

void Steal::close() {
  closed_ = true;
  idle_.cancel();
  if (!ports_.empty()) (void)network_->redirect({});
  for (const auto& [number, port] : ports_) leaving_.insert(port);
  ports_.clear();
  for (const auto& port : leaving_) {
    boost::system::error_code ignored;
    port->listener.close(ignored);
  }
  for (const auto& connection : live_)
    connection->abort();  // while the kernel still translates: the resets arrive
  network_->end_redirect();
}

protocol::Task<void> Steal::accept_all(std::shared_ptr<Steal> self, std::shared_ptr<Port> port) {
  asio::steady_timer pause(self->executor_);
  while (port->listener.is_open()) {
    bool wait = self->live_.size() >= most_accepted;
    if (!wait) {
      auto [error, socket] = co_await port->listener.async_accept(as_result);
      if (!port->listener.is_open() || self->closed_) co_return;
      if (!error) self->take(port, std::move(socket));
      wait = error && error != asio::error::connection_aborted;  // out of files or memory
    }
    if (wait) {
      pause.expires_after(retry_accept);
      co_await pause.async_wait(as_result);
    }
  }
}

void Steal::take(const std::shared_ptr<Port>& port, StolenConnection::Socket socket) {
  const auto target = original_destination(socket);
  if (!target || target->port != port->number) return reset(socket);  // came to the listener by itself
  const auto peer = peer_of(socket);
  StolenConnection::Route route;
  route.subscription = port->subscription;
  if (!port->leaving && !full_) route.client = port->client;
  if (route.client && !port->with_own) route.opened_by_target = origin_of(peer, *target);
  route.probes = port->probes;
  route.from_node = !port->probes.empty() && from_node(peer.ip);
  auto connection =
      std::make_shared<StolenConnection>(std::move(socket), peer, *target, std::move(route), note_, network_);
  port->connections.insert(connection);
  live_.insert(connection);
  look_for_room();
  asio::co_spawn(executor_, StolenConnection::run(connection),
                 [self = shared_from_this(), port, connection](std::exception_ptr escaped) {
                   Report{self->note_, "steal"}(escaped);
                   if (escaped) connection->abort();
                   port->connections.erase(connection);
                   self->live_.erase(connection);
                   if (self->full_ && !self->closed_) self->look_for_room();
                   self->drop_idle_table();
                 });
}

/// Only what comes from an address of the pod itself can have been opened inside it.
std::function<protocol::Task<bool>()> Steal::origin_of(const Endpoint& peer, const Endpoint& target) {
  if (!opened_by_target_ || (peer.ip != target.ip && !pod_.contains(peer.ip))) return {};
  return [asked = opened_by_target_, from = to_message(peer), to = to_message(target)] {
    return asked(from, to);
  };
}

bool Steal::from_node(const IpAddress& ip) {
  const auto now = std::chrono::steady_clock::now();
  if (node_.empty() || now - node_read_ > node_refresh) {
    node_ = node_addresses();
    node_read_ = now;
  }
  return node_.contains(ip);
}

}  // namespace inpod::agent
