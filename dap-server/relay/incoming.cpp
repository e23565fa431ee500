// Incoming: see incoming.hpp.
#include "relay/incoming.hpp"

#include <netinet/in.h>
#include <poll.h>

#include <algorithm>

#include "protocol/filter.hpp"
#include "relay/activity.hpp"
#include "relay/loopback.hpp"
#include "relay/pump.hpp"
#include "relay/socket_diag.hpp"

namespace inpod::relay {

using protocol::IncomingMode;

namespace {

constexpr std::uint16_t first_passing_port =
    32768;  // from here on the kernel gives them out: no service's, but an agent's redirects
// For room in a listener's backlog: a SYN that found none is sent again after a second, then after two, four,
// …; a new connection meets the room as soon as it is there.
constexpr std::chrono::milliseconds connect_limit{1000};
constexpr std::chrono::seconds turn_pause{2};  // before a port that somebody else steals is asked for again

bool contains(const std::vector<std::uint16_t>& ports, std::uint16_t port) {
  return std::find(ports.begin(), ports.end(), port) != ports.end();
}

const char* name_of(IncomingMode mode) {
  return mode == IncomingMode::steal ? "steal" : "mirror";
}

}  // namespace

std::optional<std::string> port_advice(const protocol::Listeners& pod, std::uint16_t pod_port,
                                       std::uint16_t program_port) {
  if (contains(pod.ports, pod_port) || contains(pod.loopback, pod_port)) return std::nullopt;
  std::string others;
  std::uint16_t first = 0;
  for (const auto port : pod.ports) {
    if (port >= first_passing_port) break;
    if (first == 0) first = port;
    others += (others.empty() ? "" : ", ") + std::to_string(port);
  }
  if (first == 0) return std::nullopt;
  return "port " + std::to_string(pod_port) + ": nothing listens on it in the pod, which listens on " +
         others + ": for that traffic map the program's port to the pod's, incoming.map: {" +
         std::to_string(program_port) + ": " + std::to_string(first) + "}";
}

/// The pod's port for the program's, or 0 when that one is left alone.
std::uint16_t Incoming::pod_port_of(std::uint16_t port) const {
  const auto& config = context_.config.incoming;
  if (!config.enabled || port == 0 || contains(config.ignore_ports, port)) return 0;
  if (!config.ports.empty() && !contains(config.ports, port)) return 0;
  const auto mapped = config.map.find(port);
  return mapped != config.map.end() ? mapped->second : port;
}

Answer Incoming::bound(const Call& call, const protocol::SocketAddress& asked) {
  const auto cookie = cookie_of(call.fd.get());
  if (cookie == 0) return refuse(ENOTSOCK);
  if (call.request.c == 1) {
    if (!is_pods(asked)) return refuse(EADDRNOTAVAIL);
    const auto port = static_cast<std::uint16_t>(call.request.d);
    if (const int code = bind_on_loopback(call.fd.get(), asked.family, port); code != 0) return refuse(code);
  }
  const auto local = local_address(call.fd.get());
  if (!local) return refuse(ENOTSOCK);
  trim();
  Listener listener;
  listener.cookie = cookie;
  listener.order = order_++;
  listener.requested = asked;
  listener.shares = call.request.a == 1;
  listener.local = *local;
  listener.any_port = asked.port == 0;
  if (listener.any_port) listener.requested.port = local->port;
  listener.ipv4 = (call.request.b & bound_ipv4) != 0;
  listener.ipv6 = (call.request.b & bound_ipv6) != 0;
  listener.pod_port = asked.port == 0 || type_of(call.fd.get()) != SOCK_STREAM ? 0 : pod_port_of(asked.port);
  names_.set(cookie, {listener.requested, {}});
  listeners_[cookie] = std::move(listener);
  return {};
}

/// Sockets that never came to listen leave no trace when they close: the oldest go when there are very many.
void Incoming::trim() {
  if (listeners_.size() < max_bound) return;
  auto oldest = listeners_.end();
  for (auto at = listeners_.begin(); at != listeners_.end(); ++at)
    if (!at->second.listening && (oldest == listeners_.end() || at->second.order < oldest->second.order))
      oldest = at;
  if (oldest == listeners_.end()) return;
  names_.erase(oldest->first);
  listeners_.erase(oldest);
}

Task<Answer> Incoming::listening(Call call) {
  const auto at = listeners_.find(cookie_of(call.fd.get()));
  call.fd.reset();
  if (at == listeners_.end()) co_return Answer{};
  auto& listener = at->second;
  listener.listening = true;
  Answer answer;
  answer.reply.a = listener.shares;
  const auto pod_port = listener.pod_port;
  if (pod_port == 0) co_return answer;
  if (!ports_.contains(pod_port)) {
    auto& port = ports_[pod_port];
    port.local_port = listener.requested.port;
    port.order = order_++;
    context_.spawn(subscribe_first(pod_port));
  }
  for (;;) {
    const auto port = ports_.find(pod_port);
    if (port == ports_.end() || port->second.state != Port::State::subscribing || context_.closed) break;
    co_await subscribed_.wait();
  }
  co_return answer;
}

IncomingMode Incoming::mode_of(std::uint16_t pod_port) const {
  const auto chosen = modes_.find(pod_port);
  return chosen != modes_.end() ? chosen->second : context_.config.incoming.mode;
}

/// The port is in state `subscribing` before, and `subscribed` or `failed` afterwards, if it is still there.
Task<Result<void>> Incoming::subscribe(std::uint16_t pod_port, IncomingMode mode) {
  protocol::Subscribe request;
  request.port = pod_port;
  request.mode = mode;
  request.probes = context_.probes;
  if (mode == IncomingMode::steal && context_.config.incoming.own) request.filter = protocol::filter_with_own;
  const auto generation = context_.generation;
  auto answer = co_await ask<protocol::Subscribed>(context_, std::move(request));
  const auto place = ports_.find(pod_port);
  if (generation != context_.generation)  // the port waits for the new pod
    co_return fail("the pod has gone");
  if (place == ports_.end()) {  // closed while we waited
    if (answer) context_.spawn(unsubscribe(answer->subscription));
    co_return fail("the program has closed port " + std::to_string(pod_port));
  }
  place->second.state = answer ? Port::State::subscribed : Port::State::failed;
  if (answer) {
    place->second.subscription = answer->subscription;
    context_.activity->listening(pod_port, place->second.local_port, name_of(mode));
  }
  subscribed_.notify();
  if (!answer)
    co_return Failed(answer.error().context("cannot " + std::string(name_of(mode)) + " port " +
                                            std::to_string(pod_port) + " of the pod"));
  co_return Result<void>();
}

Task<void> Incoming::subscribe_first(std::uint16_t pod_port) {
  bool waited = false;
  for (;;) {
    const auto done = co_await subscribe(pod_port, mode_of(pod_port));
    if (done) break;
    const auto port = ports_.find(pod_port);
    const bool failed = port != ports_.end() && port->second.state == Port::State::failed;
    if (!failed || context_.closed) co_return;  // closed meanwhile, or the pod has gone
    if (done.error().code != EADDRINUSE) {
      context_.activity->note("error", done.error().to_string());
      co_return;
    }
    if (!co_await wait_for_turn(pod_port, done.error())) co_return;
    waited = true;
  }
  if (waited)
    context_.activity->note("info", "port " + std::to_string(pod_port) + " of the pod is free again: its " +
                                        "connections come to the program from now on");
  co_await look_for_other_ports(pod_port);
}

/// Somebody else steals the port, perhaps what a killed session left: it is to be asked for again (true) as
/// long as the program listens.
Task<bool> Incoming::wait_for_turn(std::uint16_t pod_port, const Error& refused) {
  const auto first = ports_.find(pod_port);
  const auto order = first->second.order;
  first->second.state = Port::State::waiting;
  context_.activity->waiting(pod_port, first->second.local_port, name_of(mode_of(pod_port)), refused.text);
  context_.activity->note("warning", refused.to_string() + ". It is tried again every " +
                                         std::to_string(turn_pause.count()) + " s while the program listens");
  for (bool paused = false; !paused;) {
    paused = !co_await given_up_.wait_for(turn_pause);
    const auto now = ports_.find(pod_port);
    const bool waits =
        now != ports_.end() && now->second.order == order && now->second.state == Port::State::waiting;
    if (context_.closed || !waits) co_return false;
  }
  co_return true;
}

/// A port on which the pod doesn't listen never sees traffic, and people wait for it in vain.
Task<void> Incoming::look_for_other_ports(std::uint16_t pod_port) {
  protocol::GetListeners request;
  const auto answer = co_await ask<protocol::Listeners>(context_, std::move(request));
  const auto port = ports_.find(pod_port);
  if (!answer || context_.closed || port == ports_.end()) co_return;
  if (const auto advice = port_advice(*answer, pod_port, port->second.local_port))
    context_.activity->note("warning", *advice);
}

Task<Result<void>> Incoming::set_mode(std::uint16_t pod_port, IncomingMode mode) {
  const auto port = ports_.find(pod_port);
  if (port == ports_.end() || port->second.state != Port::State::subscribed)
    co_return fail(
        "port " + std::to_string(pod_port) + " of the pod is neither mirrored nor stolen by this session",
        "name the pod's port of one that the program listens on");
  const auto before = mode_of(pod_port);
  if (mode == before) co_return Result<void>();
  port->second.state = Port::State::subscribing;
  co_await unsubscribe(port->second.subscription);
  auto changed = co_await subscribe(pod_port, mode);
  if (changed) {
    modes_[pod_port] = mode;
    co_return changed;
  }
  const auto again = ports_.find(pod_port);
  if (again == ports_.end() || again->second.state != Port::State::failed) co_return changed;
  again->second.state = Port::State::subscribing;
  if (const auto restored = co_await subscribe(pod_port, before); !restored)
    context_.activity->note("error", restored.error().to_string());
  co_return changed;
}

void Incoming::lose() {
  for (auto& [pod_port, port] : ports_) port.state = Port::State::lost;
  subscribed_.notify();
}

void Incoming::subscribe_again() {
  for (auto& [pod_port, port] : ports_) {
    if (port.state != Port::State::lost) continue;
    port.state = Port::State::subscribing;
    context_.spawn(subscribe_first(pod_port));
  }
}

Task<void> Incoming::unsubscribe(std::uint64_t subscription) {
  protocol::Unsubscribe request{subscription};
  co_await ask<protocol::Done>(context_, std::move(request));
}

void Incoming::listener_gone(std::uint16_t local_port) {
  for (auto& [cookie, listener] : listeners_)
    if (listener.local.port == local_port) return look_for_closed();
}

void Incoming::look_for_closed() {
  if (std::none_of(listeners_.begin(), listeners_.end(), [](auto& entry) { return entry.second.listening; }))
    return;
  const auto existing = existing_sockets(SocketKind::tcp_listener);
  if (!existing) return;
  std::vector<std::uint64_t> gone;
  for (auto& [cookie, listener] : listeners_)
    if (listener.listening && !existing->contains(cookie)) gone.push_back(cookie);
  for (const auto cookie : gone) remove(cookie);
}

void Incoming::remove(std::uint64_t cookie) {
  const auto pod_port = listeners_[cookie].pod_port;
  listeners_.erase(cookie);
  names_.erase(cookie);
  const auto port = ports_.find(pod_port);
  if (port == ports_.end()) return;
  for (auto& [other, listener] : listeners_)
    if (listener.listening && listener.pod_port == pod_port) return;
  const auto state = port->second.state;
  if (state == Port::State::subscribed) context_.spawn(unsubscribe(port->second.subscription));
  if (state == Port::State::subscribed || state == Port::State::waiting)
    context_.activity->not_listening(pod_port);
  ports_.erase(port);
  subscribed_.notify();
  given_up_.notify();
}

void Incoming::on_incoming(protocol::Incoming event) {
  const bool refused = fault_in(event) != nullptr;
  for (auto& [pod_port, port] : ports_) {
    if (refused) break;
    const bool known = port.state == Port::State::subscribed && port.subscription == event.subscription;
    const bool asking = port.state == Port::State::subscribing || port.state == Port::State::waiting;
    const bool early = asking && pod_port == event.local.port;
    if (!known && !early) continue;
    answered_[event.stream] = 0;
    return context_.spawn(carry(std::move(event), pod_port));
  }
  auto stream = context_.link->take_stream(event.stream);
  if (stream) (*stream)->reset(ECONNREFUSED);
}

void Incoming::on_peer_closed(const protocol::PeerClosed& event) {
  if (const auto at = answered_.find(event.stream); at != answered_.end()) at->second = event.answered;
}

bool Incoming::is_pods(const protocol::SocketAddress& address) const {
  return std::any_of(context_.pod.addresses.begin(), context_.pod.addresses.end(),
                     [&](const auto& own) { return own.family == address.family && own.ip == address.ip; });
}

/// How well a listener fits a connection to `local`, as a kernel weighs it (inet_ehashfn's compute_score):
/// its address before any address, its own family before both. 0: it doesn't get it.
int Incoming::fitness(const Listener& listener, const protocol::SocketAddress& local) {
  const bool ipv4 = local.family == protocol::AddressFamily::ipv4;
  if (!(ipv4 ? listener.ipv4 : listener.ipv6)) return 0;
  if (!is_any(listener.requested)) return listener.requested.ip == local.ip ? 3 : 0;
  return listener.requested.family == local.family ? 2 : 1;
}

/// Those that fit equally well take turns.
std::optional<protocol::SocketAddress> Incoming::next_listener(std::uint16_t pod_port,
                                                               const protocol::SocketAddress& local) {
  std::vector<const Listener*> found;
  int best = 1;
  for (auto& [cookie, listener] : listeners_) {
    if (!listener.listening || listener.pod_port != pod_port) continue;
    const int fit = fitness(listener, local);
    if (fit > best) found.clear(), best = fit;
    if (fit == best) found.push_back(&listener);
  }
  if (found.empty()) return std::nullopt;
  std::sort(found.begin(), found.end(), [](auto* a, auto* b) { return a->order < b->order; });
  return found[ports_[pod_port].next++ % found.size()]->local;
}

/// Whether a socket of the program's has this address, as it has had since it was bound: else the port may be
/// a stranger's since.
bool Incoming::still_listens(const protocol::SocketAddress& address) const {
  const auto existing = existing_sockets(SocketKind::tcp_listener);
  return !existing || std::any_of(listeners_.begin(), listeners_.end(), [&](auto& entry) {
    return entry.second.listening && entry.second.local == address && existing->contains(entry.first);
  });
}

Task<void> Incoming::carry(protocol::Incoming event, std::uint16_t pod_port) {
  auto stream = context_.link->take_stream(event.stream);
  if (!stream) {
    answered_.erase(event.stream);
    co_return;
  }
  const SocketNames::Pair names{event.local, event.remote};
  std::optional<protocol::SocketAddress> listener;
  Result<UniqueFd> socket = fail("no listener");
  // A full backlog holds the connection, as the pod's own would, until the program or the peer goes.
  while ((listener = next_listener(pod_port, event.local))) {
    socket = co_await connect_to(*listener, names);
    if (socket || socket.error().code != ETIMEDOUT) break;
    if (context_.closed || (*stream)->is_reset()) {
      answered_.erase(event.stream);
      co_return;
    }
    tell_of_full_backlog(pod_port);
  }
  if (!socket) {
    (*stream)->reset(ECONNREFUSED);
    answered_.erase(event.stream);
    look_for_closed();
    co_return;
  }
  const auto relay_end = local_address(socket->get());
  const int domain = domain_of(socket->get());
  context_.activity->incoming(pod_port, 1);
  Pump::Options options;
  options.discard_output = event.mode == IncomingMode::mirror;
  options.on_request = [this, pod_port] { context_.activity->request(pod_port); };
  options.answered = [this, id = event.stream, owner = context_.owner.lock()] {
    const auto at = answered_.find(id);
    return at == answered_.end() ? 0 : at->second;
  };
  options.on_end = [this, pod_port, relay_end, id = event.stream, owner = context_.owner.lock()] {
    if (context_.closed) return;
    answered_.erase(id);
    if (relay_end) names_.erase_accepted(*relay_end);
    context_.activity->incoming(pod_port, -1);
  };
  Pump::start(context_, std::move(*socket), domain, std::move(*stream), std::move(options));
}

void Incoming::tell_of_full_backlog(std::uint16_t pod_port) const {
  context_.activity->note(
      "warning", "port " + std::to_string(pod_port) +
                     ": more connections came than the program accepts for now, and the backlog of its "
                     "listen(2) is full: further ones wait until it accepts");
}

/// A loopback connection to the program's listener, named before the program can accept it.
Task<Result<UniqueFd>> Incoming::connect_to(protocol::SocketAddress listener, SocketNames::Pair names) {
  // Asked before: a program may close its listener the moment it has accepted.
  const auto asked = listener;
  if (!still_listens(asked)) co_return fail("another process listens there by now");
  const bool ipv4 = listener.family == protocol::AddressFamily::ipv4;
  UniqueFd fd(::socket(ipv4 ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  const Endpoint from = to_endpoint(loopback(listener.family, 0), AF_UNSPEC);
  if (!fd || ::bind(fd.get(), from.get(), from.length) != 0)
    co_return fail_errno("cannot make a loopback socket");
  const auto own = local_address(fd.get());
  if (!own) co_return fail_errno("cannot read a socket's address");
  names_.set_accepted(*own, std::move(names));
  if (is_any(listener)) listener = loopback(listener.family, listener.port);
  const Endpoint to = to_endpoint(listener, AF_UNSPEC);
  int code = ::connect(fd.get(), to.get(), to.length) == 0 ? 0 : errno;
  if (code == EINPROGRESS) {
    pollfd look{fd.get(), POLLOUT, 0};
    const bool at_once = ::poll(&look, 1, 0) > 0;
    const bool ready = at_once || co_await writable_within(context_.executor, fd.get(), connect_limit);
    socklen_t length = sizeof(code);
    if (!ready || ::getsockopt(fd.get(), SOL_SOCKET, SO_ERROR, &code, &length) != 0) code = ETIMEDOUT;
    if (code == 0 && !at_once && !still_listens(asked)) {  // a SYN that was sent again may have met another
      reset_on_close(fd.get());
      code = ECONNREFUSED;
    }
  }
  if (code != 0) {
    names_.erase_accepted(*own);
    co_return fail_errno("cannot connect to the program", code);
  }
  co_return std::move(fd);
}

std::optional<protocol::SocketAddress> Incoming::own_listener(const protocol::SocketAddress& remote) const {
  if (!is_loopback(remote) && !is_pods(remote)) return std::nullopt;
  const Listener* found = nullptr;
  for (auto& [cookie, listener] : listeners_)
    if (listener.listening && listener.requested.port == remote.port &&
        fitness(listener, remote) > (found ? fitness(*found, remote) : 0))
      found = &listener;
  if (!found) return std::nullopt;
  return is_any(found->local) ? loopback(found->local.family, found->local.port) : found->local;
}

std::optional<Incoming::Requested> Incoming::requested(std::uint64_t cookie) const {
  const auto at = listeners_.find(cookie);
  if (at == listeners_.end()) return std::nullopt;
  return Requested{at->second.requested, at->second.any_port};
}

void Incoming::close() {
  for (auto& [pod_port, port] : ports_)
    if (port.state == Port::State::subscribed) context_.spawn(unsubscribe(port.subscription));
  listeners_.clear();
  ports_.clear();
  answered_.clear();
  subscribed_.notify();
  given_up_.notify();
}

}  // namespace inpod::relay
