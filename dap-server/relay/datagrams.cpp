// Datagrams: see datagrams.hpp.
#include "relay/datagrams.hpp"

#include <boost/asio/generic/datagram_protocol.hpp>

#include "relay/activity.hpp"
#include "relay/socket_diag.hpp"

namespace inpod::relay {

namespace asio = boost::asio;
using protocol::AddressFamily;

namespace {

constexpr std::chrono::seconds resting{15};      // then the program's socket is looked for
constexpr std::chrono::minutes unknown_rest{5};  // the same where sock_diag tells nothing
constexpr std::size_t largest_datagram = 65535;

}  // namespace

struct Datagrams::Flow {
  using Socket = asio::generic::datagram_protocol::socket;
  explicit Flow(const asio::any_io_executor& executor) : socket(executor), settled(executor) {}
  Key key;
  protocol::SocketAddress remote, relay_side;
  Socket socket;
  std::optional<asio::generic::datagram_protocol::endpoint> program;  // the source of its first datagram
  std::unique_ptr<protocol::Stream> stream;
  std::optional<int> outcome;
  Signal settled;
  Clock::time_point used = Clock::now();
  bool ended = false;
};

Answer Datagrams::connect(const Call& call, const protocol::SocketAddress& remote) {
  const auto cookie = cookie_of(call.fd.get());
  if (cookie == 0) return refuse(ENOTSOCK);
  const int domain = domain_of(call.fd.get());
  if (remote.family != AddressFamily::ipv4 && remote.family != AddressFamily::ipv6)
    return refuse(EAFNOSUPPORT);
  const Key key{cookie, to_string(remote)};
  const auto known = flows_.find(key);
  auto flow = known == flows_.end() ? nullptr : known->second;
  if (!flow) {
    if (flows_.size() >= max_flows) return refuse(ENOBUFS);
    auto made = std::make_shared<Flow>(context_.executor);
    boost::system::error_code failed;
    const int family = remote.family == AddressFamily::ipv4 ? AF_INET : AF_INET6;
    made->socket.open(asio::generic::datagram_protocol(family, 0), failed);
    const Endpoint at = to_endpoint(loopback(remote.family, 0), AF_UNSPEC);
    const auto local = !failed && ::bind(made->socket.native_handle(), at.get(), at.length) == 0
                           ? local_address(made->socket.native_handle())
                           : std::nullopt;
    if (!local) return refuse(EADDRNOTAVAIL);
    made->key = key;
    made->remote = remote;
    made->relay_side = *local;
    flow = flows_[key] = std::move(made);
    context_.spawn(run(flow));  // on a lost link it is over, and no longer in the table, when this returns
    if (!std::exchange(sweeping_, true)) context_.spawn(sweep());
  }
  flow->used = Clock::now();
  Answer answer;
  put_address(answer.reply.address, answer.reply.address_length, flow->relay_side, domain);
  return answer;
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
    if (!flow->program) continue;
    auto [failed, length] =
        co_await flow->socket.async_send_to(asio::buffer(*data), *flow->program, as_result);
    if (failed == asio::error::operation_aborted) break;  // other errors: the datagram is lost, as UDP may
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
    if (!flow->program) flow->program = from;
    if (from != *flow->program) continue;  // a stranger's
    flow->used = Clock::now();
    auto written = co_await flow->stream->write_datagram({buffer.data(), length});
    if (!written) break;
  }
  if (flow->stream) flow->stream->reset(ECONNRESET);
  end(flow);
}

void Datagrams::end(const std::shared_ptr<Flow>& flow) {
  if (std::exchange(flow->ended, true)) return;
  boost::system::error_code ignored;
  flow->socket.close(ignored);
  if (flow->stream) flow->stream->reset(ECONNRESET);
  flow->settled.notify();
  flows_.erase(flow->key);
  const auto other = flows_.lower_bound({flow->key.first, ""});
  if (other == flows_.end() || other->first.first != flow->key.first) names_.erase(flow->key.first);
}

Task<void> Datagrams::sweep() {
  while (!flows_.empty() && !context_.closed) {
    timer_.expires_after(resting);
    co_await timer_.async_wait(as_result);
    const auto now = Clock::now();
    std::vector<std::shared_ptr<Flow>> rest;
    for (auto& [key, flow] : flows_)
      if (now - flow->used >= resting) rest.push_back(flow);
    if (rest.empty()) continue;
    const auto existing = existing_sockets(SocketKind::udp);
    for (auto& flow : rest)
      if (existing ? !existing->contains(flow->key.first) : now - flow->used >= unknown_rest) end(flow);
  }
  sweeping_ = false;
}

void Datagrams::close() {
  timer_.cancel();
  while (!flows_.empty()) end(std::shared_ptr<Flow>(flows_.begin()->second));
}

}  // namespace inpod::relay
