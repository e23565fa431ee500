// Stolen ports. See steal.hpp.
#include "incoming/steal.hpp"

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/steady_timer.hpp>

#include "incoming/addresses.hpp"
#include "incoming/redirect.hpp"
#include "incoming/stolen_socket.hpp"
#include "protocol/task.hpp"

namespace inpod::agent {
namespace {

namespace asio = boost::asio;
constexpr std::size_t most_connections = 4096;  // past it, new ones wait in the listeners' backlogs
constexpr auto retry_accept = std::chrono::milliseconds(20);
constexpr auto second_syn_time = std::chrono::seconds(1);     // a SYN that was sent again needs as long
constexpr auto last_packets_time = std::chrono::seconds(10);  // what was sent last may have to be sent again
constexpr auto node_refresh = std::chrono::seconds(10);

}  // namespace

Result<void> Steal::apply() {
  std::vector<StolenPort> stolen;
  for (const auto& [number, port] : ports_)
    stolen.push_back({number, port->listener_port, port->client->name});
  return network_->redirect(stolen);
}

Result<void> Steal::add(std::uint64_t subscription, const protocol::Subscribe& what,
                        std::shared_ptr<Incoming::Client> client) {
  if (const auto taken = ports_.find(what.port); taken != ports_.end())
    return Failed(already_stolen(what.port, taken->second->client->name));
  TRY_ASSIGN(listener, open_listener(executor_));
  const std::uint16_t listener_port = listener.local_endpoint().port();
  auto port = std::make_shared<Port>(
      Port{subscription, what.port, listener_port, std::move(client), {}, std::move(listener), false, {}});
  std::copy_if(what.probes.begin(), what.probes.end(), std::back_inserter(port->probes),
               [&](const auto& probe) { return probe.port == what.port; });
  ports_[what.port] = port;
  if (auto applied = apply(); !applied) {
    ports_.erase(what.port);
    drop_idle_table();
    return applied;
  }
  asio::co_spawn(executor_, accept_all(shared_from_this(), port), Report{note_, "steal"});
  return {};
}

void Steal::remove(std::uint64_t subscription) {
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
  for (const auto& connection : port->connections) connection->release();
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
    bool wait = self->live_.size() >= most_connections;
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
  if (!port->leaving) route.client = port->client;
  route.probes = port->probes;
  route.from_node = !port->probes.empty() && from_node(peer.ip);
  auto connection =
      std::make_shared<StolenConnection>(std::move(socket), peer, *target, std::move(route), note_, network_);
  port->connections.insert(connection);
  live_.insert(connection);
  asio::co_spawn(executor_, StolenConnection::run(connection),
                 [self = shared_from_this(), port, connection](std::exception_ptr escaped) {
                   Report{self->note_, "steal"}(escaped);
                   if (escaped) connection->abort();
                   port->connections.erase(connection);
                   self->live_.erase(connection);
                   self->drop_idle_table();
                 });
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
