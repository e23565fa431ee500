// Datagrams: see datagrams.hpp.
#include "relay/datagrams.hpp"

#include <fcntl.h>

#include <algorithm>
#include <fstream>

#include "relay/activity.hpp"
#include "relay/datagram_socket.hpp"
#include "relay/socket_diag.hpp"

namespace inpod::relay {

namespace asio = boost::asio;
using protocol::AddressFamily;

namespace {

constexpr std::chrono::seconds resting{15};      // then the program's socket is looked for
constexpr std::chrono::minutes unknown_rest{5};  // the same where sock_diag tells nothing
constexpr std::chrono::seconds last_words{1};  // of a process that has exited: they may still be on their way
constexpr std::chrono::seconds pod_answer_limit{5};  // of the pod, to a question about an address
constexpr std::size_t max_sockets = 1024, max_bound = 4096;

/// Whether the kernel gives this port out by itself (ip(7)). Another was chosen by the program, which may
/// close its socket and bind the port again.
bool is_ephemeral(std::uint16_t port) {
  static const auto range = [] {
    std::pair<unsigned, unsigned> value{32768, 60999};
    std::ifstream("/proc/sys/net/ipv4/ip_local_port_range") >> value.first >> value.second;
    return value;
  }();
  return port >= range.first && port <= range.second;
}

bool is_multicast(const protocol::SocketAddress& address) {
  return address.family == AddressFamily::ipv4 ? address.ip[0] >> 4 == 14 : address.ip[0] == 0xff;
}

bool is_ip(const protocol::SocketAddress& address) {
  return address.family == AddressFamily::ipv4 || address.family == AddressFamily::ipv6;
}

bool is_everybody(const protocol::SocketAddress& address) {
  return address.family == AddressFamily::ipv4 &&
         std::all_of(address.ip.begin(), address.ip.begin() + 4, [](auto byte) { return byte == 255; });
}

bool same_host(const protocol::SocketAddress& one, const protocol::SocketAddress& other) {
  return one.family == other.family && one.ip == other.ip;
}

bool may_broadcast(int fd) {
  int on = 0;
  socklen_t length = sizeof(on);
  return ::getsockopt(fd, SOL_SOCKET, SO_BROADCAST, &on, &length) == 0 && on != 0;
}

bool takes_only_ipv6(int fd) {
  int on = 1;
  socklen_t length = sizeof(on);
  return ::getsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, &length) != 0 || on != 0;
}

/// Where datagrams from the program's socket to a loopback socket of `family` will come from. Binds the
/// socket to a free port, where connect(2) or sendto(2) would do that next.
std::optional<protocol::SocketAddress> source_of(int fd, AddressFamily family) {
  auto address = local_address(fd);
  if (address && address->port == 0) {
    protocol::SocketAddress any;
    any.family = domain_of(fd) == AF_INET6 ? AddressFamily::ipv6 : AddressFamily::ipv4;
    const Endpoint at = to_endpoint(any, domain_of(fd));
    if (::bind(fd, at.get(), at.length) == 0) address = local_address(fd);
  }
  if (!address || address->port == 0) return std::nullopt;
  if (address->family != family || is_any(*address) || is_multicast(*address))
    return loopback(family, address->port);
  return address;
}

}  // namespace

Datagrams::SocketPtr Datagrams::socket_of(const Call& call, const protocol::SocketAddress& program,
                                          bool chosen_port) {
  const Key key{cookie_of(call.fd.get()), program.family};
  auto& place = sockets_[key];
  if (!place) {
    place = std::make_shared<Socket>(context_.executor);
    place->key = key;
    place->chosen_port = chosen_port;
    place->must_have_port = call.request.op == Op::bound && call.request.b == 1;
    place->program = program;
    context_.spawn(open(place));  // on a lost link it is over, and no longer in the table, when this returns
    if (!std::exchange(sweeping_, true)) context_.spawn(sweep());
    const auto made = sockets_.find(key);
    if (made == sockets_.end()) return nullptr;
  }
  const auto socket = sockets_[key];
  socket->program = program;
  socket->pid = call.pid;
  socket->used = Clock::now();
  socket->broadcast = may_broadcast(call.fd.get());
  if (is_ephemeral(program.port)) socket->pin.reset(::fcntl(call.fd.get(), F_DUPFD_CLOEXEC, 0));
  return socket;
}

Result<Datagrams::FlowPtr> Datagrams::flow_to(const SocketPtr& socket,
                                              const protocol::SocketAddress& remote) {
  const auto name = to_string(remote);
  auto flow = socket->flows.contains(name) ? socket->flows[name] : nullptr;
  if (!flow) {
    if (flows_ >= max_flows && !make_room()) return Failed(Error{ENOBUFS, "too many UDP flows", {}});
    flow = std::make_shared<Flow>(context_.executor);
    boost::system::error_code failed;
    const int family = remote.family == AddressFamily::ipv4 ? AF_INET : AF_INET6;
    flow->socket.open(asio::generic::datagram_protocol(family, 0), failed);
    const Endpoint at = to_endpoint(loopback(remote.family, 0), AF_UNSPEC);
    const auto local = !failed && ::bind(flow->socket.native_handle(), at.get(), at.length) == 0
                           ? local_address(flow->socket.native_handle())
                           : std::nullopt;
    if (!local) return Failed(Error{EADDRNOTAVAIL, "cannot make a loopback socket", {}});
    flow->remote = remote;
    flow->relay_side = *local;
  }
  if (!(flow->program == socket->program)) {
    const Endpoint to = to_endpoint(socket->program, AF_UNSPEC);
    if (::connect(flow->socket.native_handle(), to.get(), to.length) != 0)
      return Failed(Error{EADDRNOTAVAIL, "cannot connect to the program's socket", {}});
    flow->program = socket->program;
  }
  flow->used = Clock::now();
  if (socket->flows.emplace(name, flow).second) {
    ++flows_;
    context_.spawn(to_pod(socket, flow));
  }
  return flow;
}

/// Ends the flow that has been silent for longest and that no program's socket is connected to.
bool Datagrams::make_room() {
  Socket* owner = nullptr;
  FlowPtr oldest;
  for (auto& [key, socket] : sockets_)
    for (auto& [name, flow] : socket->flows) {
      if (oldest && flow->used >= oldest->used) continue;
      if (socket->pin && peer_address(socket->pin.get()) == flow->relay_side) continue;
      owner = socket.get();
      oldest = flow;
    }
  if (!oldest) return false;
  end(*owner, oldest);
  return true;
}

Task<Answer> Datagrams::connect(Call call, protocol::SocketAddress remote) {
  const int fd = call.fd.get();
  const bool connects = call.request.a != 3;
  if (cookie_of(fd) == 0) co_return refuse(ENOTSOCK);
  if (!is_ip(remote)) co_return refuse(EAFNOSUPPORT);
  if (is_everybody(remote) && !may_broadcast(fd)) co_return refuse(EACCES);
  const auto before = local_address(fd);
  const auto program = source_of(fd, remote.family);
  if (!program) co_return refuse(EADDRNOTAVAIL);
  if (sockets_.size() >= max_sockets && !sockets_.contains({cookie_of(fd), remote.family}))
    co_return refuse(ENOBUFS);
  const auto socket = socket_of(call, *program, before && before->port != 0);
  if (!socket) co_return refuse(ENETUNREACH);
  const auto made = flow_to(socket, remote);
  if (!made) co_return refuse(made.error().code);
  const auto flow = *made;
  if (!flow->told && socket->outcome) {
    flow->told = true;
    context_.activity->connecting("udp", remote, 0);
  }
  if (const int code = std::exchange(flow->unsent, 0); code != 0 && !connects) co_return refuse(code);
  const bool waits = !reached_.contains(network_of(remote));
  if (flow->code != 0) flow->asked = false, flow->code = 0;  // it may have a route by now
  if ((connects || waits) && !std::exchange(flow->asked, true)) context_.spawn(ask_source(socket, flow));
  if (waits && !flow->source && flow->code == 0) co_await flow->known.wait_for(pod_answer_limit);
  if (waits && flow->code != 0) co_return refuse(flow->code);
  Answer answer;
  put_address(answer.reply.address, answer.reply.address_length, flow->relay_side, domain_of(fd));
  co_return answer;
}

Task<Answer> Datagrams::bound(Call call, protocol::SocketAddress requested) {
  const int fd = call.fd.get();
  const auto& own = context_.pod.addresses;
  if (!is_ip(requested)) co_return refuse(EAFNOSUPPORT);
  if (!is_any(requested) && std::none_of(own.begin(), own.end(),
                                         [&](const auto& address) { return same_host(address, requested); }))
    co_return refuse(EADDRNOTAVAIL);
  const bool asks_only = call.request.b == 2;  // whether the address is the pod's; nothing is bound yet
  if (asks_only) co_return Answer{};
  const auto local = local_address(fd);
  if (!local) co_return refuse(ENOTSOCK);
  if (requested.port == 0) requested.port = local->port;
  while (bound_.size() >= max_bound) bound_.erase(bound_.begin());
  bound_[cookie_of(fd)] = requested;
  std::vector<AddressFamily> families{requested.family};
  if (requested.family == AddressFamily::ipv6 && is_any(requested) && !takes_only_ipv6(fd))
    families.insert(families.begin(), AddressFamily::ipv4);
  for (const auto family : families) {
    const auto program = source_of(fd, family);
    const auto socket = program && sockets_.size() < max_sockets ? socket_of(call, *program, true) : nullptr;
    if (!socket || call.request.b != 1) continue;
    while (!socket->outcome && !socket->ended) co_await socket->changed.wait();
    if (socket->outcome.value_or(EADDRINUSE) != 0) co_return refuse(socket->outcome.value_or(EADDRINUSE));
  }
  co_return Answer{};
}

Datagrams::FlowPtr Datagrams::find_flow(std::uint64_t cookie,
                                        const protocol::SocketAddress& relay_side) const {
  const auto at = sockets_.find({cookie, relay_side.family});
  if (at == sockets_.end()) return nullptr;
  for (auto& [name, flow] : at->second->flows)
    if (flow->relay_side == relay_side) return flow;
  return nullptr;
}

Answer Datagrams::source(const Call& call, const protocol::SocketAddress& relay_side) const {
  Answer answer;
  const auto flow = find_flow(cookie_of(call.fd.get()), relay_side);
  if (!flow) return answer;
  answer.reply.a = 1;
  const int domain = domain_of(call.fd.get());
  put_address(answer.reply.address2, answer.reply.address2_length, flow->remote, domain);
  const auto& own = context_.pod.addresses;
  const auto local = std::find_if(own.begin(), own.end(), [&](const auto& address) {
    return address.family == flow->remote.family && !is_loopback(address);
  });
  if (flow->source)
    put_address(answer.reply.address, answer.reply.address_length, *flow->source, domain);
  else if (local != own.end())
    put_address(answer.reply.address, answer.reply.address_length, *local, domain);
  return answer;
}

Task<Answer> Datagrams::names(Call call) {
  Answer answer;
  const int fd = call.fd.get();
  const auto cookie = cookie_of(fd);
  const auto bound = bound_.find(cookie);
  protocol::SocketAddress local;
  if (bound != bound_.end()) local = bound->second;
  if (const auto peer = peer_address(fd)) {
    const auto flow = find_flow(cookie, *peer);
    if (!flow) co_return answer;  // its peer is on this machine
    if (!flow->source && flow->code == 0 && !flow->ended) co_await flow->known.wait_for(pod_answer_limit);
    local =
        flow->source.value_or(protocol::SocketAddress{flow->remote.family, {}, flow->program.port, 0, {}});
    put_address(answer.reply.address2, answer.reply.address2_length, flow->remote, domain_of(fd));
  }
  if (local.family == AddressFamily::none) co_return answer;
  answer.reply.a = 1;
  put_address(answer.reply.address, answer.reply.address_length, local, domain_of(fd));
  co_return answer;
}

void Datagrams::end(const SocketPtr& socket) {
  if (std::exchange(socket->ended, true)) return;
  socket->pin.reset();
  while (!socket->flows.empty()) end(*socket, FlowPtr(socket->flows.begin()->second));
  if (socket->stream) socket->stream->reset(ECONNRESET);
  socket->changed.notify();
  const auto at = sockets_.find(socket->key);
  if (at != sockets_.end() && at->second == socket) sockets_.erase(at);
}

void Datagrams::end(Socket& socket, const FlowPtr& flow) {
  if (std::exchange(flow->ended, true)) return;
  if (flow->told && !context_.closed) context_.activity->connection_ended();
  retire(socket.key.first, *flow);
  flow->known.notify();
  socket.flows.erase(to_string(flow->remote));
  --flows_;
}

/// Keeps the relay's port bound, connected to itself: what the program sends there is refused as by a closed
/// port, and nobody else can answer the program from it.
void Datagrams::retire(std::uint64_t cookie, Flow& flow) {
  boost::system::error_code failed;
  const Endpoint itself = to_endpoint(flow.relay_side, AF_UNSPEC);
  UniqueFd kept(flow.socket.release(failed));
  if (context_.closed || ::connect(kept.get(), itself.get(), itself.length) != 0) return;
  retired_.push_back({cookie, std::move(kept), Clock::now()});
  if (retired_.size() > max_flows) retired_.pop_front();
}

void Datagrams::process_gone(int pid) {
  for (auto& [key, socket] : sockets_)
    if (socket->pid == pid) socket->used = socket->looked_at = Clock::now() - resting + last_words;
  timer_.cancel();
}

Task<void> Datagrams::sweep() {
  while ((!sockets_.empty() || !retired_.empty()) && !context_.closed) {
    const auto due_at = [](const Socket& socket) {
      return std::max(socket.used, socket.looked_at) + resting;
    };
    auto next = Clock::now() + resting;
    for (auto& [key, socket] : sockets_) next = std::min(next, due_at(*socket));
    timer_.expires_at(next);
    co_await timer_.async_wait(as_result);
    const auto now = Clock::now();
    std::vector<SocketPtr> rest;
    for (auto& [key, socket] : sockets_)
      if (due_at(*socket) <= now) rest.push_back(socket);
    for (auto& socket : rest) {
      socket->looked_at = now;
      socket->pin.reset();  // else the program's socket would exist for our sake
    }
    if (rest.empty() && retired_.empty()) continue;
    const auto existing = existing_sockets(SocketKind::udp);
    const auto is_gone = [&](std::uint64_t cookie, Clock::time_point since) {
      return existing ? !existing->contains(cookie) : now - since >= unknown_rest;
    };
    for (auto& socket : rest)
      if (is_gone(socket->key.first, socket->used)) end(socket);
    std::erase_if(retired_, [&](const Retired& kept) { return is_gone(kept.cookie, kept.since); });
  }
  sweeping_ = false;
}

void Datagrams::close() {
  timer_.cancel();
  while (!sockets_.empty()) end(SocketPtr(sockets_.begin()->second));
  retired_.clear();
  bound_.clear();
}

}  // namespace inpod::relay
