// Datagrams: see datagrams.hpp.
#include "relay/datagrams.hpp"

#include <fcntl.h>

#include <algorithm>
#include <boost/asio/generic/datagram_protocol.hpp>
#include <cstring>
#include <fstream>

#include "relay/activity.hpp"
#include "relay/socket_diag.hpp"

namespace inpod::relay {

namespace asio = boost::asio;
using protocol::AddressFamily;

namespace {

constexpr std::chrono::seconds resting{15};      // then the program's socket is looked for
constexpr std::chrono::minutes unknown_rest{5};  // the same where sock_diag tells nothing
constexpr std::chrono::seconds last_words{1};  // of a process that has exited: they may still be on their way
constexpr std::size_t largest_datagram = 65535;

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

struct Datagrams::Flow {
  using Socket = asio::generic::datagram_protocol::socket;
  explicit Flow(const asio::any_io_executor& executor) : socket(executor), settled(executor) {}
  Key key;
  protocol::SocketAddress remote, relay_side;
  protocol::SocketAddress program;  // where its datagrams come from: the peer of `socket`
  UniqueFd pin;                     // a copy of the program's descriptor: nobody else gets its port
  int pid = 0;
  Socket socket;
  std::unique_ptr<protocol::Stream> stream;
  std::optional<int> outcome;
  Signal settled;
  Clock::time_point used = Clock::now(), looked_at = used;
  bool ended = false;
};

Result<std::shared_ptr<Datagrams::Flow>> Datagrams::make_flow(Key key,
                                                              const protocol::SocketAddress& remote) {
  if (flows_.size() >= max_flows) return Failed(Error{ENOBUFS, "too many UDP flows", {}});
  auto flow = std::make_shared<Flow>(context_.executor);
  boost::system::error_code failed;
  const int family = remote.family == AddressFamily::ipv4 ? AF_INET : AF_INET6;
  flow->socket.open(asio::generic::datagram_protocol(family, 0), failed);
  const Endpoint at = to_endpoint(loopback(remote.family, 0), AF_UNSPEC);
  const auto local = !failed && ::bind(flow->socket.native_handle(), at.get(), at.length) == 0
                         ? local_address(flow->socket.native_handle())
                         : std::nullopt;
  if (!local) return Failed(Error{EADDRNOTAVAIL, "cannot make a loopback socket", {}});
  flow->key = std::move(key);
  flow->remote = remote;
  flow->relay_side = *local;
  return flow;
}

Answer Datagrams::connect(const Call& call, const protocol::SocketAddress& remote) {
  const auto cookie = cookie_of(call.fd.get());
  if (cookie == 0) return refuse(ENOTSOCK);
  const int domain = domain_of(call.fd.get());
  if (remote.family != AddressFamily::ipv4 && remote.family != AddressFamily::ipv6)
    return refuse(EAFNOSUPPORT);
  const auto program = source_of(call.fd.get(), remote.family);
  if (!program) return refuse(EADDRNOTAVAIL);
  Key key{cookie, to_string(remote)};
  const auto known = flows_.find(key);
  auto flow = known == flows_.end() ? nullptr : known->second;
  const bool is_new = !flow;
  if (is_new) {
    auto made = make_flow(std::move(key), remote);
    if (!made) return refuse(made.error().code);
    flow = std::move(*made);
  }
  if (!(flow->program == *program)) {
    const Endpoint to = to_endpoint(*program, AF_UNSPEC);
    if (::connect(flow->socket.native_handle(), to.get(), to.length) != 0) return refuse(EADDRNOTAVAIL);
    flow->program = *program;
  }
  if (is_ephemeral(program->port)) flow->pin.reset(::fcntl(call.fd.get(), F_DUPFD_CLOEXEC, 0));
  flow->pid = call.pid;
  flow->used = Clock::now();
  if (is_new) {
    flows_[flow->key] = flow;
    context_.spawn(run(flow));  // on a lost link it is over, and no longer in the table, when this returns
    if (!std::exchange(sweeping_, true)) context_.spawn(sweep());
  }
  Answer answer;
  put_address(answer.reply.address, answer.reply.address_length, flow->relay_side, domain);
  return answer;
}

/// Whether the address that the flow's datagrams come from, and go to, is still that of the program's socket.
bool Datagrams::belongs_to_program(const Flow& flow) const {
  if (flow.pin) {
    const auto now = local_address(flow.pin.get());  // connect(2) with AF_UNSPEC gives a port back
    return now && now->port == flow.program.port;
  }
  const auto cookie = udp_socket_at(flow.program, flow.relay_side);
  return !cookie || *cookie == flow.key.first;
}

Answer Datagrams::source(const Call& call, const protocol::SocketAddress& relay_side) const {
  Answer answer;
  const auto cookie = cookie_of(call.fd.get());
  for (auto at = flows_.lower_bound({cookie, ""}); at != flows_.end() && at->first.first == cookie; ++at) {
    if (!(at->second->relay_side == relay_side)) continue;
    answer.reply.a = 1;
    put_address(answer.reply.address2, answer.reply.address2_length, at->second->remote,
                domain_of(call.fd.get()));
    break;
  }
  return answer;
}

Task<void> Datagrams::settle(std::uint64_t cookie) {
  const auto at = flows_.lower_bound({cookie, ""});
  if (at == flows_.end() || at->first.first != cookie) co_return;
  const auto flow = at->second;
  if (!flow->outcome) co_await flow->settled.wait_for(std::chrono::seconds(5));
}

Task<void> Datagrams::run(std::shared_ptr<Flow> flow) {
  protocol::Connect request;
  request.transport = protocol::Transport::datagram;
  request.remote = flow->remote;
  auto connected = co_await ask<protocol::Connected>(context_, std::move(request));
  std::unique_ptr<protocol::Stream> stream;
  if (connected) {
    auto taken = context_.link->take_stream(connected->stream);
    if (taken)
      stream = std::move(*taken);
    else
      connected = Failed(taken.error());
  }
  flow->outcome = connected ? 0 : code_of(connected.error());
  context_.activity->connecting("udp", flow->remote, *flow->outcome);
  if (!flow->ended) flow->stream = std::move(stream);
  if (connected && !flow->ended) names_.set(flow->key.first, {connected->local, flow->remote});
  flow->settled.notify();
  if (!flow->stream) {
    if (!connected)
      errors_.put(flow->key.first, *flow->outcome);
    else
      context_.activity->connection_ended();
    end(flow);
    co_return;
  }
  context_.spawn(to_pod(flow));
  for (;;) {
    auto data = co_await flow->stream->read();
    if (!data || (data->empty() && flow->stream->ended()) || flow->ended) break;
    flow->used = Clock::now();
    if (!belongs_to_program(*flow)) break;
    auto [failed, length] = co_await flow->socket.async_send(asio::buffer(*data), as_result);
    if (failed == asio::error::operation_aborted || failed == asio::error::connection_refused) break;
    // other errors: the datagram is lost, as UDP may
  }
  context_.activity->connection_ended();
  end(flow);
}

Task<void> Datagrams::to_pod(std::shared_ptr<Flow> flow) {
  Bytes buffer(largest_datagram);
  while (!flow->ended) {
    asio::generic::datagram_protocol::endpoint from;
    auto [failed, length] = co_await flow->socket.async_receive_from(asio::buffer(buffer), from, as_result);
    if (failed == asio::error::connection_refused) break;  // the program's socket is closed
    if (failed || flow->ended) break;
    Endpoint source;
    source.length = static_cast<socklen_t>(from.size());
    std::memcpy(&source.storage, from.data(), std::min(from.size(), sizeof(source.storage)));
    if (from_endpoint(source.storage, source.length) != flow->program) continue;  // came before the connect
    if (!belongs_to_program(*flow)) break;
    flow->used = Clock::now();
    auto written = co_await flow->stream->write_datagram({buffer.data(), length});
    if (!written) break;
  }
  if (flow->stream) flow->stream->reset(ECONNRESET);
  end(flow);
}

void Datagrams::end(const std::shared_ptr<Flow>& flow) {
  if (std::exchange(flow->ended, true)) return;
  flow->pin.reset();
  retire(*flow);
  if (flow->stream) flow->stream->reset(ECONNRESET);
  flow->settled.notify();
  flows_.erase(flow->key);
  const auto other = flows_.lower_bound({flow->key.first, ""});
  if (other == flows_.end() || other->first.first != flow->key.first) names_.erase(flow->key.first);
}

/// Keeps the relay's port bound, connected to itself: what the program sends there is refused as by a closed
/// port, and nobody else can answer the program from it.
void Datagrams::retire(Flow& flow) {
  boost::system::error_code failed;
  const Endpoint itself = to_endpoint(flow.relay_side, AF_UNSPEC);
  UniqueFd kept(flow.socket.release(failed));
  if (context_.closed || ::connect(kept.get(), itself.get(), itself.length) != 0) return;
  retired_.push_back({flow.key.first, std::move(kept), Clock::now()});
  if (retired_.size() > max_flows) retired_.pop_front();
}

void Datagrams::process_gone(int pid) {
  for (auto& [key, flow] : flows_)
    if (flow->pid == pid) flow->used = flow->looked_at = Clock::now() - resting + last_words;
  timer_.cancel();
}

Task<void> Datagrams::sweep() {
  while ((!flows_.empty() || !retired_.empty()) && !context_.closed) {
    const auto due_at = [](const Flow& flow) { return std::max(flow.used, flow.looked_at) + resting; };
    auto next = Clock::now() + resting;
    for (auto& [key, flow] : flows_) next = std::min(next, due_at(*flow));
    timer_.expires_at(next);
    co_await timer_.async_wait(as_result);
    const auto now = Clock::now();
    std::vector<std::shared_ptr<Flow>> rest;
    for (auto& [key, flow] : flows_)
      if (due_at(*flow) <= now) rest.push_back(flow);
    for (auto& flow : rest) {
      flow->looked_at = now;
      flow->pin.reset();  // else its socket would exist for our sake
    }
    if (rest.empty() && retired_.empty()) continue;
    const auto existing = existing_sockets(SocketKind::udp);
    const auto is_gone = [&](std::uint64_t cookie, Clock::time_point since) {
      return existing ? !existing->contains(cookie) : now - since >= unknown_rest;
    };
    for (auto& flow : rest)
      if (is_gone(flow->key.first, flow->used)) end(flow);
    std::erase_if(retired_, [&](const Retired& kept) { return is_gone(kept.cookie, kept.since); });
  }
  sweeping_ = false;
}

void Datagrams::close() {
  timer_.cancel();
  while (!flows_.empty()) end(std::shared_ptr<Flow>(flows_.begin()->second));
  retired_.clear();
}

}  // namespace inpod::relay
