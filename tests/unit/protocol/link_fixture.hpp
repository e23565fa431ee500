// LinkPair: a client's and an agent's Link over a socket pair, with transports that can be cut and resumed;
// what the link tests share. Every wait is bounded: a test whose coroutines don't end within the limit fails.
//
// A coroutine lambda given to run() must name its messages before it sends them: g++ 12 destroys an aggregate
// made inside a co_await expression twice.
#pragma once

#include <sys/socket.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "catch.hpp"
#include "protocol/link.hpp"

// Catch's macros name their expression twice, and g++ 12 then awaits it twice: what is awaited needs these.
#define AWAIT_CHECK(...)                               \
  do {                                                 \
    const bool good_ = static_cast<bool>(__VA_ARGS__); \
    INFO(#__VA_ARGS__);                                \
    CHECK(good_);                                      \
  } while (0)
#define AWAIT_REQUIRE(...)                             \
  do {                                                 \
    const bool good_ = static_cast<bool>(__VA_ARGS__); \
    INFO(#__VA_ARGS__);                                \
    REQUIRE(good_);                                    \
  } while (0)

namespace inpod::protocol {

namespace asio = boost::asio;

struct TransportPair {
  std::unique_ptr<ByteTransport> a, b;
};

/// Two ends of a unix socket pair. With `buffer`, the kernel keeps only about so many bytes in flight.
inline TransportPair make_transports(asio::any_io_executor executor, int buffer = 0) {
  int fds[2];
  REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == 0);
  TransportPair pair;
  for (int i = 0; i < 2; ++i) {
    if (buffer) setsockopt(fds[i], SOL_SOCKET, SO_SNDBUF, &buffer, sizeof buffer);
    asio::generic::stream_protocol::socket socket(executor, {AF_UNIX, 0}, fds[i]);
    (i == 0 ? pair.a : pair.b) = make_socket_transport(std::move(socket));
  }
  return pair;
}

/// Breaks, as a network does, in the middle of a write: after `bytes` bytes.
class BreakingTransport final : public ByteTransport {
 public:
  BreakingTransport(std::unique_ptr<ByteTransport> inner, std::size_t bytes)
      : inner_(std::move(inner)), left_(bytes) {}
  Task<Result<std::size_t>> read_some(std::span<std::uint8_t> into) override {
    return inner_->read_some(into);
  }
  Task<Result<void>> write(std::span<const std::uint8_t> data) override {
    if (data.size() < left_) {
      left_ -= data.size();
      return inner_->write(data);
    }
    return break_after(data.first(left_));
  }
  void close() override { inner_->close(); }

 private:
  Task<Result<void>> break_after(std::span<const std::uint8_t> data) {
    co_await inner_->write(data);
    inner_->close();
    co_return fail_errno("the test cut this", ECONNRESET);
  }
  std::unique_ptr<ByteTransport> inner_;
  std::size_t left_;
};

inline Task<void> sleep_for(std::chrono::milliseconds time) {
  asio::steady_timer timer(co_await asio::this_coro::executor, time);
  co_await timer.async_wait(asio::use_awaitable);
}

/// A context and the coroutines of one test in it.
class Stage {
 public:
  /// Starts a coroutine; finish() waits for it.
  template <class F>
  void run(F coroutine) {
    ++running_;
    asio::co_spawn(context, call(std::move(coroutine)), [this](std::exception_ptr e) {
      --running_;
      if (e && !failure_) failure_ = e;
      if (running_ == 0 || e) context.stop();
    });
  }
  /// Runs until every coroutine of run() has ended; fails the test when that takes longer than `limit`.
  void finish(std::chrono::milliseconds limit = std::chrono::seconds(30)) {
    context.restart();
    if (running_ > 0) context.run_for(limit);
    if (failure_) std::rethrow_exception(failure_);
    REQUIRE(running_ == 0);
  }
  /// Lets everything work for a while.
  void idle(std::chrono::milliseconds time) {
    context.restart();
    context.run_for(time);
  }
  /// Runs until `condition` holds; fails the test when that takes longer than `limit`.
  template <class F>
  void wait_until(F condition, std::chrono::milliseconds limit = std::chrono::seconds(20)) {
    auto deadline = std::chrono::steady_clock::now() + limit;
    while (!condition() && std::chrono::steady_clock::now() < deadline) idle(std::chrono::milliseconds(2));
    REQUIRE(condition());
  }
  int running() const { return running_; }

  asio::io_context context;

 private:
  /// Keeps the lambda, and so its captures, alive as long as its coroutine.
  template <class F>
  static Task<void> call(F coroutine) {
    co_await coroutine();
  }
  int running_ = 0;
  std::exception_ptr failure_;
};

class LinkPair : public Stage {
 public:
  explicit LinkPair(LinkOptions options = {}, bool connected = true, int socket_buffer = 0)
      : options_(options), socket_buffer_(socket_buffer) {
    Link::Handlers agent_handlers;
    agent_handlers.on_request = [this](std::uint32_t id, Message request) {
      if (on_request) on_request(id, std::move(request));
    };
    agent_handlers.on_closed = [this](std::optional<Error> why) { agent_closed.push_back(why); };
    Link::Handlers client_handlers;
    client_handlers.on_event = [this](Message event) {
      if (on_event) on_event(std::move(event));
    };
    client_handlers.on_transport_lost = [this](Error why) {
      ++lost;
      if (on_lost) on_lost(std::move(why));
    };
    client_handlers.on_closed = [this](std::optional<Error> why) { client_closed.push_back(why); };
    agent = Link::create(context.get_executor(), options, std::move(agent_handlers));
    client = Link::create(context.get_executor(), options, std::move(client_handlers));
    if (connected) connect();
  }

  ~LinkPair() {
    agent.reset();
    client.reset();
    if (running() == 0) idle(std::chrono::seconds(3));  // the goodbyes; ends as soon as nothing is left to do
  }

  /// New transports on both ends, as after a handshake. With a number, the agent's or the client's transport
  /// breaks after having written so many bytes.
  void connect(std::size_t agent_breaks = SIZE_MAX, std::size_t client_breaks = SIZE_MAX) {
    auto transports = make_transports(context.get_executor(), socket_buffer_);
    auto client_received = client->received();
    auto agent_received = agent->received();
    auto a = std::make_unique<BreakingTransport>(std::move(transports.a), agent_breaks);
    auto b = std::make_unique<BreakingTransport>(std::move(transports.b), client_breaks);
    REQUIRE(agent->attach(std::move(a), client_received, options_.stream_window));
    REQUIRE(client->attach(std::move(b), agent_received, options_.stream_window));
  }

  /// A stream opened by the agent and taken by the client.
  std::pair<std::unique_ptr<Stream>, std::unique_ptr<Stream>> open() {
    auto ours = agent->open_stream();
    REQUIRE(ours);
    auto theirs = client->take_stream((*ours)->id());
    REQUIRE(theirs);
    return {std::move(*ours), std::move(*theirs)};
  }

  std::shared_ptr<Link> agent, client;
  std::function<void(std::uint32_t, Message)> on_request;
  std::function<void(Message)> on_event;
  std::function<void(Error)> on_lost;
  int lost = 0;
  std::vector<std::optional<Error>> agent_closed, client_closed;

 private:
  LinkOptions options_;
  int socket_buffer_;
};

inline Bytes bytes_of(std::string_view text) {
  return Bytes(text.begin(), text.end());
}

}  // namespace inpod::protocol
