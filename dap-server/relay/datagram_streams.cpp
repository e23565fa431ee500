// Datagrams between the program's sockets and the pod's, and what the network says of them. See
// datagrams.hpp.
#include <algorithm>
#include <cstring>

#include "relay/activity.hpp"
#include "relay/datagram_socket.hpp"
#include "relay/socket_diag.hpp"

namespace inpod::relay {

namespace asio = boost::asio;
using protocol::DatagramKind;

namespace {

constexpr std::chrono::milliseconds bounce_time{5};  // within which the kernel sends a datagram back
constexpr std::size_t longest_udp_datagram = 65535;
constexpr std::size_t max_reached = 4096;
constexpr int port_attempts = 10;  // for one that a closed socket of the program's still has in the pod
constexpr std::chrono::milliseconds port_pause{20};

}  // namespace

/// Whether the address that the flow's datagrams come from, and go to, is still that of the program's socket.
bool Datagrams::belongs_to_program(const Socket& socket, const Flow& flow) const {
  if (socket.pin) {
    const auto now = local_address(socket.pin.get());  // connect(2) with AF_UNSPEC gives a port back
    return now && now->port == flow.program.port;
  }
  const auto cookie = udp_socket_at(flow.program, flow.relay_side);
  return !cookie || *cookie == socket.key.first;
}

/// At the program's port, or where that is taken in the pod, at another: that must be told.
Task<Result<protocol::Connected>> Datagrams::open_in_pod(const SocketPtr& socket) {
  protocol::OpenDatagrams request;
  request.bind.family = socket->key.second;
  request.bind.port = socket->program.port;
  if (const auto bound = bound_.find(socket->key.first); bound != bound_.end()) {
    request.bind.port = bound->second.port;
    if (bound->second.family == socket->key.second) request.bind.ip = bound->second.ip;
  }
  const auto wanted = request.bind.port;
  auto opened = co_await ask<protocol::Connected>(context_, request);
  for (int i = 0; i < port_attempts && !opened && opened.error().code == EADDRINUSE; ++i) {
    std::vector<SocketPtr> closed;
    const auto existing = existing_sockets(SocketKind::udp);
    for (auto& [key, other] : sockets_)
      if (other->port == wanted && existing && !existing->contains(key.first)) closed.push_back(other);
    if (closed.empty() && i == 0) break;
    for (auto& other : closed) end(other);
    asio::steady_timer pause(context_.executor, port_pause);  // the agent closes it meanwhile
    co_await pause.async_wait(as_result);
    opened = co_await ask<protocol::Connected>(context_, request);
  }
  if (opened || socket->must_have_port || context_.closed) co_return opened;
  const int code = code_of(opened.error());
  if (code == EOPNOTSUPP) {
    context_.activity->note("error",
                            "UDP: the agent in the pod is older than this inpod and cannot carry it: start a "
                            "new session with a new agent");
    co_return opened;
  }
  if (code != EADDRINUSE && code != EACCES) co_return opened;
  const bool own = std::any_of(sockets_.begin(), sockets_.end(), [&](const auto& entry) {
    return entry.first.second == socket->key.second && entry.second->port == wanted;
  });
  const char* why = code == EACCES ? " may not be bound in the pod (EACCES)"
                    : own          ? " has another socket of this session in the pod"
                                   : " is in use in the pod";
  if (socket->chosen_port)
    context_.activity->note(
        "warning", "UDP port " + std::to_string(wanted) + why +
                       ": what the program sends from it leaves the pod from another port, and what comes "
                       "to that port from the cluster does not reach the program");
  request.bind.port = 0;
  co_return co_await ask<protocol::Connected>(context_, request);
}

Task<void> Datagrams::open(SocketPtr socket) {
  auto opened = co_await open_in_pod(socket);
  if (opened) {
    auto stream = context_.link->take_stream(opened->stream);
    if (stream && !socket->ended)
      socket->stream = std::move(*stream);
    else if (!stream)
      opened = Failed(stream.error());
  }
  socket->outcome = opened ? 0 : code_of(opened.error());
  if (opened) socket->port = opened->local.port;
  for (auto& [name, flow] : socket->flows) {
    flow->told = opened.has_value();
    context_.activity->connecting("udp", flow->remote, *socket->outcome);
    flow->code = *socket->outcome;
    if (!opened) context_.spawn(bounce(socket, flow, *socket->outcome, {}));
  }
  socket->changed.notify();
  if (socket->stream) co_await from_pod(socket);
  end(socket);
}

Task<void> Datagrams::from_pod(SocketPtr socket) {
  for (;;) {
    const auto data = co_await socket->stream->read();
    if (!data || socket->stream->ended() || socket->ended) co_return;
    auto frame = protocol::decode_datagram(*data);
    if (!frame || frame->peer.family != socket->key.second) continue;
    socket->used = Clock::now();
    take(socket, std::move(*frame));
  }
}

void Datagrams::take(const SocketPtr& socket, protocol::DatagramFrame frame) {
  const auto known = socket->flows.find(to_string(frame.peer));
  FlowPtr flow = known == socket->flows.end() ? nullptr : known->second;
  if (!flow && frame.kind == DatagramKind::data)  // from one whom the program has not spoken to
    if (auto made = flow_to(socket, frame.peer)) flow = *made;
  if (!flow) return;
  switch (frame.kind) {
    case DatagramKind::source:
      return learn_source(*flow, frame);
    case DatagramKind::unsent:
      flow->unsent = frame.code;
      return context_.spawn(bounce(socket, flow, frame.code, std::move(frame.data)));
    case DatagramKind::failed:
      return context_.spawn(bounce(socket, flow, frame.code, std::move(frame.data)));
    case DatagramKind::data:
      break;
  }
  if (!belongs_to_program(*socket, *flow)) return lose(socket, flow);
  flow->used = Clock::now();
  // Twice: the first one may tell that an earlier datagram was refused. Else it is lost, as UDP may.
  for (int i = 0; i < 2; ++i)
    if (::send(flow->socket.native_handle(), frame.data.data(), frame.data.size(),
               MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
      return;
}

void Datagrams::learn_source(Flow& flow, const protocol::DatagramFrame& frame) {
  const auto inner = protocol::decode_datagram(frame.data);
  if (frame.code == 0 && inner && inner->peer.family == flow.remote.family) {
    flow.source = inner->peer;
    if (reached_.size() >= max_reached) reached_.clear();
    reached_.insert(network_of(flow.remote));
  } else {
    flow.code = frame.code > 0 ? frame.code : EIO;
  }
  flow.known.notify();
}

Task<void> Datagrams::ask_source(SocketPtr socket, FlowPtr flow) {
  co_await write(socket, protocol::encode(DatagramKind::source, flow->remote, 0, {}));
}

/// The stream takes one writer at a time. False: it has ended.
Task<bool> Datagrams::write(SocketPtr socket, Bytes frame) {
  while (!socket->ended && (!socket->outcome || socket->writing)) co_await socket->changed.wait();
  if (socket->ended || !socket->stream) co_return false;
  socket->writing = true;
  const auto done = co_await socket->stream->write_datagram(frame);
  socket->writing = false;
  socket->changed.notify();
  co_return done || done.error().code == EMSGSIZE;  // one of IPv6 may be larger than a frame: it is lost
}

Task<void> Datagrams::to_pod(SocketPtr socket, FlowPtr flow) {
  Bytes buffer(longest_udp_datagram);
  while (!flow->ended) {
    asio::generic::datagram_protocol::endpoint from;
    auto [failed, length] = co_await flow->socket.async_receive_from(asio::buffer(buffer), from, as_result);
    if (flow->ended || failed == asio::error::operation_aborted) co_return;
    // Refused: the program's socket is closed, or connected to another peer.
    if (failed && (failed != asio::error::connection_refused || !belongs_to_program(*socket, *flow))) break;
    if (failed) continue;
    Endpoint source;
    source.length = static_cast<socklen_t>(from.size());
    std::memcpy(&source.storage, from.data(), std::min(from.size(), sizeof(source.storage)));
    if (from_endpoint(source.storage, source.length) != flow->program) continue;  // came before the connect
    if (!belongs_to_program(*socket, *flow)) break;
    socket->used = flow->used = Clock::now();
    const std::span<const std::uint8_t> data(buffer.data(), length);
    if (!co_await write(socket, protocol::encode(DatagramKind::data, flow->remote, socket->broadcast, data)))
      break;
  }
  lose(socket, flow);
}

/// The program's socket is not there any longer, or not for this peer.
void Datagrams::lose(const SocketPtr& socket, const FlowPtr& flow) {
  const auto existing = socket->pin ? std::nullopt : existing_sockets(SocketKind::udp);
  if (existing && !existing->contains(socket->key.first))
    end(socket);
  else
    end(*socket, flow);
}

/// The network's refusal becomes an error of the program's socket, with what connect(2) and IP_RECVERR say of
/// such: a datagram of that socket meets a closed port.
Task<void> Datagrams::bounce(SocketPtr socket, FlowPtr flow, int code, Bytes data) {
  if (!socket->pin || flow->ended) co_return;
  const int pin = socket->pin.get(), relay_end = flow->socket.native_handle();
  if (code != ECONNREFUSED && peer_address(pin) == flow->relay_side) errors_.put(socket->key.first, code);
  const Endpoint itself = to_endpoint(flow->relay_side, AF_UNSPEC);
  const Endpoint to = to_endpoint(flow->relay_side, domain_of(pin));
  ::connect(relay_end, itself.get(), itself.length);
  if (::sendto(pin, data.data(), data.size(), MSG_DONTWAIT | MSG_NOSIGNAL, to.get(), to.length) < 0)
    (void)!::sendto(pin, nullptr, 0, MSG_DONTWAIT | MSG_NOSIGNAL, to.get(), to.length);
  asio::steady_timer pause(context_.executor, bounce_time);
  co_await pause.async_wait(as_result);
  if (flow->ended) co_return;
  const Endpoint program = to_endpoint(flow->program, AF_UNSPEC);
  ::connect(relay_end, program.get(), program.length);
}

}  // namespace inpod::relay
