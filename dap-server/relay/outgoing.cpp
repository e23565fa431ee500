// Outgoing: see outgoing.hpp.
#include "relay/outgoing.hpp"

#include <boost/asio/posix/stream_descriptor.hpp>

#include "relay/activity.hpp"
#include "relay/incoming.hpp"
#include "relay/pump.hpp"

namespace inpod::relay {

namespace asio = boost::asio;
using asio::posix::stream_descriptor;
using protocol::AddressFamily;

namespace {

/// How long a program may take between our answer and its connect(2): a debugger may hold it there.
constexpr std::chrono::minutes patience{5};
constexpr std::chrono::seconds meeting{5};  // for a loopback handshake

/// bind(2) or connect(2) failed for the port of the socket's own: another one may do.
bool is_about_port(int code) {
  return code == EADDRINUSE || code == EADDRNOTAVAIL || code == EACCES;
}

}  // namespace

struct Outgoing::Attempt {
  explicit Attempt(const asio::any_io_executor& executor) : expiry(executor) {}
  UniqueFd program;  // a copy of the program's descriptor
  std::uint64_t cookie = 0;
  int domain = -1;
  std::uint32_t timeout_ms = 0;
  protocol::SocketAddress remote, local;
  AddressFamily family{};          // of the loopback addresses that its socket reaches
  protocol::SocketAddress source;  // what it has bound, as the pod should; family none: nothing
  bool any_port = false;           // the port of `source` was the kernel's choice here
  std::unique_ptr<protocol::Stream> stream;
  asio::steady_timer expiry;
  bool joined = false;
  bool waiting = false;  // its caller waits for the outcome
};

/// The black hole and the plain listener of one address family.
struct Outgoing::Family {
  Family(const asio::any_io_executor& executor, int listening) : listener(executor, listening) {}
  std::unique_ptr<BlackHole> hole;
  stream_descriptor listener;
  protocol::SocketAddress listener_address;
};

Outgoing::Outgoing(Context& context, SocketNames& names, SocketErrors& errors, Incoming& incoming,
                   const Processes& processes)
    : context_(context), names_(names), errors_(errors), incoming_(incoming), processes_(processes) {}
Outgoing::~Outgoing() = default;

Result<Outgoing::Family*> Outgoing::family(AddressFamily wanted) {
  auto& place = families_[static_cast<int>(wanted)];
  if (place) return place.get();
  TRY_ASSIGN(hole, BlackHole::create(wanted));
  TRY_ASSIGN(listener, listen_on_loopback(wanted));
  const auto address = local_address(listener.get());
  if (!address) return fail_errno("cannot read a socket's address");
  place = std::make_unique<Family>(context_.executor, listener.release());
  place->hole = std::move(hole);
  place->listener_address = *address;
  context_.spawn(accept_all(*place));
  return place.get();
}

Task<Answer> Outgoing::connect(Call call, protocol::SocketAddress remote) {
  const auto cookie = cookie_of(call.fd.get());
  if (cookie == 0) co_return refuse(ENOTSOCK);
  if (const auto known = attempts_.find(cookie); known != attempts_.end()) {
    if (call.request.a == 2)
      if (auto taken_over = take_over(*known->second)) co_return std::move(*taken_over);
    co_return refuse(known->second->joined ? EISCONN : EALREADY);
  }
  if (const int code = errors_.take(cookie); code != 0) co_return refuse(code);
  const int domain = domain_of(call.fd.get());
  Answer answer;
  if (const auto own = incoming_.own_listener(remote)) {  // to the program itself: that needs no pod
    if (!is_loopback(remote)) names_.set_own(cookie, remote);
    put_address(answer.reply.address, answer.reply.address_length, *own, domain);
    co_return answer;
  }
  auto attempt = std::make_shared<Attempt>(context_.executor);
  attempt->program = std::move(call.fd);
  attempt->cookie = cookie;
  attempt->domain = domain;
  attempt->remote = std::move(remote);
  attempt->timeout_ms = static_cast<std::uint32_t>(std::min<std::uint64_t>(call.request.b, 0xffffffff));
  if (domain == AF_UNIX) co_return co_await connect_unix(std::move(attempt), call.pid);
  set_source(*attempt);
  auto place = family(attempt->family);
  if (!place) co_return refuse(code_of(place.error()));
  attempts_[cookie] = attempt;
  if (call.request.a == 1) co_return co_await connect_waiting(std::move(attempt));
  put_address(answer.reply.address, answer.reply.address_length, (*place)->hole->address(), domain);
  context_.spawn(carry_out(std::move(attempt)));
  co_return answer;
}

/// How the program's socket is bound, and what follows from it.
void Outgoing::set_source(Attempt& attempt) const {
  const int fd = attempt.program.get();
  const auto local = local_address(fd);
  const bool bound = local && local->port != 0;
  attempt.family = bound && !is_any(*local) ? local->family : loopback_family(attempt.remote.family);
  if (attempt.family != attempt.remote.family) allow_loopback_of(fd, attempt.family);
  if (const auto asked = incoming_.requested(attempt.cookie)) {
    attempt.source = asked->address;
    attempt.any_port = asked->any_port;
  } else if (bound && is_any(*local)) {
    attempt.source = *local;
    attempt.any_port = true;
  }
  if (attempt.source.family != AddressFamily::none && is_any(attempt.source))
    attempt.source.family = attempt.remote.family;
}

/// The waiting caller was interrupted and is gone. Nothing: that is not so.
std::optional<Answer> Outgoing::take_over(Attempt& attempt) {
  auto place = family(attempt.family);
  const bool connected = attempt.stream != nullptr;
  if (!place || attempt.joined || attempt.domain == AF_UNIX || (!attempt.waiting && !connected))
    return std::nullopt;
  attempt.waiting = false;
  Answer answer;
  // The outcome and the signal have crossed: the program is expected at the listener.
  put_address(answer.reply.address, answer.reply.address_length,
              connected ? (*place)->listener_address : (*place)->hole->address(), attempt.domain);
  return answer;
}

Task<Result<protocol::Connected>> Outgoing::connect_in_pod(std::shared_ptr<Attempt> attempt) {
  protocol::Connect request;
  request.remote = attempt->remote;
  request.timeout_ms = attempt->timeout_ms;
  request.bind = attempt->source;
  auto connected = co_await ask<protocol::Connected>(context_, request);
  if (!connected && attempt->any_port && is_about_port(code_of(connected.error()))) {
    request.bind.port = 0;
    connected = co_await ask<protocol::Connected>(context_, std::move(request));
  }
  if (connected) {
    auto stream = context_.link->take_stream(connected->stream);
    if (stream)
      attempt->stream = std::move(*stream);
    else
      connected = Failed(stream.error());
  }
  if (connected) attempt->local = connected->local;
  const char* transport = attempt->domain == AF_UNIX ? "unix" : "tcp";
  context_.activity->connecting(transport, attempt->remote, connected ? 0 : code_of(connected.error()));
  if (context_.closed) co_return Failed(Error{ECONNRESET, "the session is over", {}});
  co_return connected;
}

/// The outcome first; then the program connects to the plain listener, where it is known by its address.
Task<Answer> Outgoing::connect_waiting(std::shared_ptr<Attempt> attempt) {
  attempt->waiting = true;
  auto connected = co_await connect_in_pod(attempt);
  if (!std::exchange(attempt->waiting, false)) {  // taken over: nobody hears this answer
    context_.spawn(conclude(std::move(attempt), std::move(connected)));
    co_return refuse(EINTR);
  }
  if (!connected) {
    attempts_.erase(attempt->cookie);
    co_return refuse(code_of(connected.error()));
  }
  auto place = family(attempt->family);
  if (!place) co_return refuse(code_of(place.error()));
  names_.set(attempt->cookie, {attempt->local, attempt->remote});
  context_.spawn(expire(attempt));
  Answer answer;
  put_address(answer.reply.address, answer.reply.address_length, (*place)->listener_address, attempt->domain);
  co_return answer;
}

Task<void> Outgoing::expire(std::shared_ptr<Attempt> attempt) {
  attempt->expiry.expires_after(patience);
  co_await attempt->expiry.async_wait(as_result);
  if (attempt->joined) co_return;
  attempt->stream.reset();
  attempt->program.reset();
  if (const auto at = attempts_.find(attempt->cookie); at != attempts_.end() && at->second == attempt) {
    attempts_.erase(at);
    names_.erase(attempt->cookie);
  }
}

Task<void> Outgoing::accept_all(Family& family) {
  for (;;) {
    auto [failed] = co_await family.listener.async_wait(stream_descriptor::wait_read, as_result);
    if (failed || context_.closed) co_return;
    for (;;) {
      UniqueFd fd(::accept4(family.listener.native_handle(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
      if (!fd) break;
      accepted(family, std::move(fd));
    }
  }
}

/// Whose connection is it? Strangers are dropped: no two connections have the same two addresses.
void Outgoing::accepted(Family& family, UniqueFd fd) {
  const auto peer = peer_address(fd.get());
  if (!peer) return;
  for (auto& [cookie, attempt] : attempts_) {
    if (attempt->joined || !attempt->program || !attempt->stream) continue;
    if (local_address(attempt->program.get()) != peer ||
        peer_address(attempt->program.get()) != family.listener_address)
      continue;
    const int domain = family.listener_address.family == AddressFamily::ipv4 ? AF_INET : AF_INET6;
    return join(std::shared_ptr<Attempt>(attempt), std::move(fd), domain);
  }
}

/// Both ends are there: from now on bytes flow.
void Outgoing::join(const std::shared_ptr<Attempt>& attempt, UniqueFd relay_end, int domain) {
  attempt->joined = true;
  attempt->expiry.cancel();
  attempt->program.reset();  // the program's close must be the last one
  incoming_.connected(attempt->cookie);
  Pump::Options options;
  options.on_end = [this, attempt, owner = context_.owner.lock()] {
    if (context_.closed) return;
    attempts_.erase(attempt->cookie);
    names_.erase(attempt->cookie);
    context_.activity->connection_ended();
  };
  Pump::start(context_, std::move(relay_end), domain, std::move(attempt->stream), std::move(options));
}

/// A non-blocking connect: the program's socket is, or soon will be, in SYN_SENT towards the black hole.
Task<void> Outgoing::carry_out(std::shared_ptr<Attempt> attempt) {
  auto connected = co_await connect_in_pod(attempt);
  co_await conclude(std::move(attempt), std::move(connected));
}

Task<void> Outgoing::conclude(std::shared_ptr<Attempt> attempt, Result<protocol::Connected> connected) {
  if (!connected) {
    co_await give_up(attempt, code_of(connected.error()));
    co_return;
  }
  auto place = family(attempt->family);
  const bool waiting = co_await in_syn_sent(attempt);
  const auto program = waiting ? local_address(attempt->program.get()) : std::nullopt;
  if (!program || !place) {  // the program didn't connect, or has given up
    attempts_.erase(attempt->cookie);
    context_.activity->connection_ended();
    co_return;
  }
  names_.set(attempt->cookie, {attempt->local, attempt->remote});
  auto end = (*place)->hole->meet(*program);
  if (!end) {
    context_.activity->connection_ended();
    co_await give_up(attempt, code_of(end.error()));
    co_return;
  }
  const bool ready = co_await writable_within(context_.executor, end->get(), meeting);
  // The program may have given its port back just before, and another process have it.
  const bool with_program = peer_address(attempt->program.get()) == (*place)->hole->address();
  if (!ready || !with_program || connect_state(end->get()) != ConnectState::connected) {
    context_.activity->connection_ended();
    co_await give_up(attempt, ECONNRESET);
    co_return;
  }
  join(attempt, std::move(*end), program->family == AddressFamily::ipv4 ? AF_INET : AF_INET6);
}

/// Waits for the program's connect(2); false when it doesn't come or was undone.
Task<bool> Outgoing::in_syn_sent(std::shared_ptr<Attempt> attempt) {
  const auto until = Clock::now() + patience;
  for (std::chrono::microseconds pause{200}; Clock::now() < until && !context_.closed;) {
    const auto state = connect_state(attempt->program.get());
    if (state == ConnectState::connecting) co_return true;
    if (state == ConnectState::connected) co_return false;
    attempt->expiry.expires_after(pause);
    co_await attempt->expiry.async_wait(as_result);
    pause = std::min<std::chrono::microseconds>(pause * 2, std::chrono::milliseconds(50));
  }
  co_return false;
}

/// The program learns of a failure: the errno is there before the event is.
Task<void> Outgoing::give_up(std::shared_ptr<Attempt> attempt, int code) {
  const bool waiting = co_await in_syn_sent(attempt);
  if (waiting) {
    errors_.put(attempt->cookie, code);
    attempts_.erase(attempt->cookie);
    names_.erase(attempt->cookie);
    dissolve(attempt->program.get());
  } else {
    attempts_.erase(attempt->cookie);
  }
  attempt->program.reset();
}

Task<Answer> Outgoing::connect_unix(std::shared_ptr<Attempt> attempt, int pid) {
  if (type_of(attempt->program.get()) != SOCK_STREAM) {
    context_.activity->note("warning", to_string(attempt->remote) +
                                           ": only stream sockets are carried to the pod, not other unix "
                                           "sockets (EPROTONOSUPPORT)");
    co_return refuse(EPROTONOSUPPORT);
  }
  auto connected = co_await connect_in_pod(attempt);
  if (!connected) co_return refuse(code_of(connected.error()));
  // In the session's directory, which is the user's alone: an abstract name can be connected to by anybody.
  // It is for a program that has become another user. A name as long as the relay's socket has at most fits,
  // too.
  const auto name = context_.directory + "/u" + std::to_string(unix_listeners_++ % 10000);
  auto listener = Processes::is_other_user(pid) ? listen_on_abstract(name, 1) : listen_on_unix(name, 1);
  const auto address = listener ? local_address(listener->get()) : std::nullopt;
  if (!address) co_return refuse(EMFILE);
  names_.set(attempt->cookie, {connected->local, attempt->remote});
  attempts_[attempt->cookie] = attempt;
  context_.spawn(accept_unix(attempt, std::move(*listener), *address));
  Answer answer;
  put_address(answer.reply.address, answer.reply.address_length, *address, AF_UNIX);
  co_return answer;
}

/// Waits until the program has connected to the unix listener made for it. Others who get there are dropped.
Task<void> Outgoing::accept_unix(std::shared_ptr<Attempt> attempt, UniqueFd listener,
                                 protocol::SocketAddress address) {
  const auto until = Clock::now() + patience;
  UniqueFd fd;
  while (!fd && Clock::now() < until && !context_.closed) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(until - Clock::now());
    if (!co_await readable_within(context_.executor, listener.get(), left)) break;
    fd.reset(::accept4(listener.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    int pid = 0;
    if (fd && (!processes_.admits(fd.get(), pid) || peer_address(attempt->program.get()) != address))
      fd.reset();
  }
  if (address.family == AddressFamily::unix_path) ::unlink(address.path.c_str());
  if (fd) {
    join(attempt, std::move(fd), AF_UNIX);
    co_return;
  }
  attempts_.erase(attempt->cookie);
  names_.erase(attempt->cookie);
  context_.activity->connection_ended();
}

void Outgoing::close() {
  boost::system::error_code ignored;
  for (auto& [number, family] : families_)
    if (family) family->listener.close(ignored);
  for (auto& [cookie, attempt] : attempts_) {
    if (!attempt->joined && attempt->program) {
      errors_.put(cookie, ECONNRESET);
      dissolve(attempt->program.get());
    }
    attempt->expiry.cancel();
  }
  attempts_.clear();
}

}  // namespace inpod::relay
