// See server.hpp.
#include "server/server.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "protocol/handshake.hpp"
#include "protocol/printable.hpp"
#include "protocol/task.hpp"
#include "server/log.hpp"

namespace inpod::agent {
using protocol::Hello;
using protocol::Rejected;
using protocol::Task;

namespace {
constexpr std::size_t max_clients = 64, max_greeting = 64;
constexpr int backlog = 128;
constexpr auto handshake_time = std::chrono::milliseconds(10'000);
constexpr auto goodbye_time = std::chrono::milliseconds(2000);
constexpr auto accept_pause = std::chrono::milliseconds(200);

Rejected reject(int code, std::string text) {
  Rejected rejected;
  rejected.code = code;
  rejected.text = std::move(text);
  return rejected;
}
}  // namespace

struct Server::Listener {
  boost::asio::posix::stream_descriptor descriptor;
  boost::asio::steady_timer pause;
};

Result<UniqueFd> listen_on_loopback(std::uint16_t& port) {
  UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) return fail_errno("socket");
  int on = 1;
  ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  auto* raw = reinterpret_cast<sockaddr*>(&address);
  if (::bind(fd.get(), raw, length) != 0 || ::listen(fd.get(), backlog) != 0 ||
      ::getsockname(fd.get(), raw, &length) != 0)
    return fail_errno("cannot listen on 127.0.0.1:" + std::to_string(port));
  port = ntohs(address.sin_port);
  return fd;
}

Server::Server(PodServices& services, const StartRecord& record, UniqueFd listener, UniqueFd connected,
               std::function<void()> on_leave)
    : services_(services),
      record_(record),
      connected_(std::move(connected)),
      on_leave_(std::move(on_leave)),
      lonely_timer_(services.io) {
  options_.resume_window = std::chrono::seconds(record.resume_seconds);
  if (!listener) return;
  listener_.reset(new Listener{boost::asio::posix::stream_descriptor(services.io),
                               boost::asio::steady_timer(services.io)});
  listener_->descriptor.assign(listener.release());
  listener_->descriptor.non_blocking(true);
}

Server::~Server() = default;

void Server::start() {
  expect_client_within(record_.first_client_seconds, "no client came");
  if (connected_) take(std::move(connected_));
  if (listener_) boost::asio::co_spawn(services_.io, accept_all(), rethrow);
}

Task<void> Server::accept_all() {
  boost::system::error_code failure;
  auto token = boost::asio::redirect_error(boost::asio::use_awaitable, failure);
  while (!leaving_) {
    UniqueFd socket(::accept4(listener_->descriptor.native_handle(), nullptr, nullptr, SOCK_CLOEXEC));
    if (socket) {
      take(std::move(socket));
      co_await boost::asio::post(token);  // whoever connects without end must not keep the others from a turn
    } else if (errno == EAGAIN) {
      co_await listener_->descriptor.async_wait(boost::asio::posix::stream_descriptor::wait_read, token);
    } else {  // out of fds, or the connection is gone already: the listener itself stays good
      listener_->pause.expires_after(accept_pause);
      co_await listener_->pause.async_wait(token);
    }
  }
}

void Server::take(UniqueFd socket) {
  sockaddr_storage own{};
  socklen_t length = sizeof own;
  ::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&own), &length);
  int on = 1;
  if (own.ss_family != AF_UNIX) ::setsockopt(socket.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  boost::asio::generic::stream_protocol::socket stream(services_.io);
  boost::system::error_code failure;
  stream.assign(boost::asio::generic::stream_protocol(own.ss_family, 0), socket.get(), failure);
  if (failure) return;
  (void)socket.release();
  boost::asio::co_spawn(services_.io, greet(protocol::make_socket_transport(std::move(stream))), rethrow);
}

/// Anyone in the pod may connect and say nothing. The oldest such transport goes when there are too many: a
/// client proves itself within a round trip, so those that wait the longest are the least likely to be one.
Task<Result<Hello>> Server::read_hello(protocol::ByteTransport& transport) {
  if (greeting_.size() >= max_greeting) {
    greeting_.front()->close();
    greeting_.pop_front();
  }
  greeting_.push_back(&transport);
  auto hello = co_await protocol::read_hello(transport, record_.token, handshake_time);
  greeting_.remove(&transport);
  co_return hello;
}

/// Welcome for whom may enter. The Hello's proof was checked before.
protocol::Handshake Server::judge(const Hello& hello) {
  if (hello.version != protocol::protocol_version)
    return reject(EPROTO, "the agent speaks protocol version " + std::to_string(protocol::protocol_version) +
                              ", the client " + std::to_string(hello.version));
  if (leaving_) return reject(ESHUTDOWN, "the agent is leaving");
  auto known = sessions_.find(hello.session);
  protocol::Welcome welcome;
  welcome.window = options_.stream_window;
  welcome.lease_seconds = record_.lease_seconds;
  welcome.resumed = known != sessions_.end();
  if (welcome.resumed) {
    known->second->link()->drop_transport();
    welcome.received = known->second->link()->received();
    return welcome;
  }
  if (hello.received != 0) return reject(ESTALE, "the session to resume has ended");
  if (sessions_.size() >= max_clients) return reject(EUSERS, "the agent has too many clients");
  return welcome;
}

std::shared_ptr<ClientSession> Server::session_of(const Hello& hello) {
  auto& session = sessions_[hello.session];
  if (session) return session;
  log("client " + hello.client + " came");
  lonely_timer_.cancel();
  auto on_end = [this, id = hello.session] { on_session_end(id); };
  session = ClientSession::create(services_, options_, hello.client, std::move(on_end));
  return session;
}

Task<void> Server::greet(std::unique_ptr<protocol::ByteTransport> transport) {
  auto hello = co_await read_hello(*transport);
  if (!hello && hello.error().code != EACCES) {  // it speaks something else, was dropped, or hung up
    transport->close();
    co_return;
  }
  protocol::Handshake answer =
      hello ? judge(*hello) : protocol::Handshake(reject(EACCES, hello.error().text));
  if (const auto* rejected = std::get_if<Rejected>(&answer)) {
    log("a client was refused: " + rejected->text);
    (void)co_await protocol::refuse_client(*transport, *rejected);
    transport->close();
    co_return;
  }
  const auto& welcome = std::get<protocol::Welcome>(answer);
  auto written = co_await protocol::accept_client(*transport, record_.token, *hello, welcome);
  if (!written) {
    transport->close();
    co_return;
  }
  hello->client =
      protocol::printable(hello->client);  // it goes into the log and into what other clients read
  auto session = session_of(*hello);
  auto attached =
      session->link()->attach(std::move(transport), hello->received, hello->window, hello->features);
  if (!attached) {
    log("client " + session->name() + " can't come in: " + attached.error().text);
    session->link()->close(attached.error());
  }
}

void Server::on_session_end(const SessionId& id) {
  auto node = sessions_.extract(id);
  if (node) log("client " + node.mapped()->name() + " left");
  if (!sessions_.empty() || leaving_) return;
  if (!listener_) return leave("its only client has left");
  expect_client_within(record_.lease_seconds, "its lease is over");
}

void Server::expect_client_within(std::uint32_t seconds, const char* reason) {
  lonely_timer_.expires_after(std::chrono::seconds(seconds));
  lonely_timer_.async_wait([this, reason](const boost::system::error_code& cancelled) {
    if (!cancelled && sessions_.empty()) leave(reason);
  });
}

void Server::note(protocol::Severity severity, const std::string& text) {
  protocol::Note note;
  note.severity = severity;
  note.text = text;
  for (auto& [id, session] : sessions_) session->link()->notify(note);
}

void Server::leave(const std::string& reason) {
  if (std::exchange(leaving_, true)) return;
  log("leaving: " + reason);
  lonely_timer_.cancel();
  if (listener_) {
    boost::system::error_code ignored;
    listener_->descriptor.close(ignored);
    listener_->pause.cancel();
  }
  boost::asio::co_spawn(services_.io, goodbye(reason), rethrow);
}

Task<void> Server::goodbye(std::string reason) {
  for (auto& [id, session] : sessions_)
    boost::asio::co_spawn(services_.io, ClientSession::say_goodbye(session, reason, goodbye_time), rethrow);
  auto step = std::chrono::milliseconds(10);
  boost::asio::steady_timer timer(services_.io);
  for (auto waited = step; !sessions_.empty() && waited < goodbye_time; waited += step) {
    timer.expires_after(step);
    boost::system::error_code ignored;
    co_await timer.async_wait(boost::asio::redirect_error(boost::asio::use_awaitable, ignored));
  }
  on_leave_();
}

}  // namespace inpod::agent
