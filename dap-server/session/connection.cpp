// Keeping the Link alive.
#include "session/connection.hpp"

#include <sys/random.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/steady_timer.hpp>

#include "protocol/handshake.hpp"
#include "protocol/task.hpp"
#include "session/client_name.hpp"

namespace inpod {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;

constexpr auto handshake_bound = 10s;
constexpr auto goodbye_bound = 2s;
constexpr auto first_pause = 100ms, longest_pause = 2000ms;

/// Codes of Rejected after which another attempt can't succeed.
bool is_final(int code) {
  return code == EACCES || code == EPROTO || code == ESTALE;
}

}  // namespace

Connection::Connection(asio::any_io_executor executor, Handlers handlers)
    : executor_(std::move(executor)), handlers_(std::move(handlers)) {}

std::shared_ptr<Connection> Connection::create(asio::any_io_executor executor, Handlers handlers) {
  std::shared_ptr<Connection> connection(new Connection(std::move(executor), std::move(handlers)));
  connection->make_link();
  return connection;
}

void Connection::make_link() {
  const std::weak_ptr<Connection> weak = weak_from_this();
  protocol::Link::Handlers handlers;
  handlers.on_event = [weak](protocol::Message event) {
    if (auto self = weak.lock(); self && self->handlers_.on_event) self->handlers_.on_event(std::move(event));
  };
  handlers.on_transport_lost = [weak](Error why) {
    if (auto self = weak.lock()) self->start_resume(why);
  };
  handlers.on_closed = [weak](std::optional<Error> why) {
    if (auto self = weak.lock()) self->link_closed(std::move(why));
  };
  link_ = protocol::Link::create(executor_, protocol::LinkOptions{}, std::move(handlers));
}

Task<Result<void>> Connection::open(std::shared_ptr<AgentAccess> access) {
  access_ = std::move(access);
  if (getrandom(session_.data(), session_.size(), 0) != static_cast<ssize_t>(session_.size()))
    co_return fail_errno("getrandom");
  co_return co_await connect();
}

Task<Result<void>> Connection::connect() {
  CO_TRY(transport, co_await access_->open());
  protocol::Hello hello;
  hello.session = session_;
  hello.received = link_->received();
  hello.window = protocol::LinkOptions{}.stream_window;
  hello.client = client_name();
  CO_TRY(welcome, co_await protocol::shake_hands(*transport, access_->token(), hello, handshake_bound));
  if (attached_ && !welcome.resumed) {
    co_return Failed(Error{ESTALE, "the agent no longer knows this session", "launch again"});
  }
  lease_seconds_ = welcome.lease_seconds;
  CO_TRY_VOID(link_->attach(std::move(transport), welcome.received, welcome.window, welcome.features));
  attached_ = true;
  co_return Result<void>();
}

void Connection::start_resume(const Error& why) {
  if (closing_ || over_ || resuming_) return;
  resuming_ = true;
  handlers_.on_change("lost", "Connection to the agent lost (" + why.text + "); reconnecting");
  auto self = shared_from_this();
  auto finished = [self](const std::exception_ptr& error) {
    self->resuming_ = false;
    if (error && !self->closing_ && !self->over_)
      self->link_->close(Error{ECONNRESET, "reconnecting failed", "launch again"});
  };
  asio::co_spawn(executor_, resume(), asio::bind_cancellation_slot(stop_resume_.slot(), std::move(finished)));
}

Task<void> Connection::resume() {
  const auto self = shared_from_this();
  asio::steady_timer timer(executor_);
  for (auto pause = first_pause; !closing_ && !over_; pause = std::min(2 * pause, longest_pause)) {
    auto outcome = co_await connect();
    if (outcome) {
      last_failure_ = {};
      handlers_.on_change("resumed", "Connection to the agent resumed");
      co_return;
    }
    if (closing_ || over_) co_return;
    tell_failure(outcome.error());
    if (is_final(outcome.error().code)) {
      link_->close(outcome.error());
      co_return;
    }
    // Not first: it may be asked over a kept connection that went dead with the line, and wait half the
    // window for an answer.
    auto gone = co_await access_->gone();
    if (closing_ || over_) co_return;
    if (gone) {
      link_->close(std::move(*gone));
      co_return;
    }
    timer.expires_after(pause);
    co_await timer.async_wait(as_result);
  }
}

/// What the user can do something about is told while there is time: the API server refuses us.
void Connection::tell_failure(const Error& error) {
  const bool refused = error.code == EPERM || error.code == EACCES;
  if (refused && error.text != last_failure_.text)
    handlers_.on_change("lost", "Reconnecting fails: " + error.to_string());
  last_failure_ = error;
}

void Connection::link_closed(std::optional<Error> why) {
  if (over_) return;
  over_ = true;
  stop_resume_.emit(asio::cancellation_type::terminal);
  if (closing_ || !handlers_.on_closed) return;
  if (why && why->code == ETIMEDOUT && !last_failure_.text.empty()) {
    why->text += ": " + last_failure_.text;
    if (why->remedy.empty()) why->remedy = last_failure_.remedy;
  }
  handlers_.on_closed(why.value_or(Error{ECONNRESET, "the agent closed the session", "launch again"}));
}

Task<void> Connection::close() {
  using namespace asio::experimental::awaitable_operators;
  const auto self = shared_from_this();
  if (closing_) co_return;
  closing_ = true;
  stop_resume_.emit(asio::cancellation_type::terminal);
  if (!link_ || over_) co_return;
  if (attached_ && link_->has_transport()) {
    asio::steady_timer timer(executor_, goodbye_bound);
    protocol::Message goodbye = protocol::Bye{};
    auto farewell = link_->request(std::move(goodbye));
    co_await (std::move(farewell) || timer.async_wait(as_result));
  }
  over_ = true;
  link_->close();
}

}  // namespace inpod
