// See endpoint.hpp.
#include "dap/endpoint.hpp"

#include <sys/socket.h>

#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <deque>
#include <exception>

#include "dap/framing.hpp"
#include "protocol/task.hpp"

namespace inpod::dap {
namespace asio = boost::asio;
struct Endpoint::State {
  explicit State(const asio::any_io_executor& executor) : in(executor), out(executor), drained(executor) {
    drained.expires_at(asio::steady_timer::time_point::max());
  }
  asio::posix::stream_descriptor in, out;
  asio::steady_timer drained;  ///< cancelled whenever the queue has got shorter
  FrameReader reader;
  std::array<char, 65536> chunk{};
  std::deque<std::string> queue;
  std::size_t queued = 0;  ///< bytes
  bool writing = false, finishing = false, broken = false;

  /// A socket has a second descriptor, `in`, so its peer sees an end only by shutdown(2); a pipe answers
  /// ENOTSOCK.
  void close_out() {
    if (out.is_open()) ::shutdown(out.native_handle(), SHUT_WR);
    boost::system::error_code ignored;
    out.close(ignored);
  }
};

Endpoint::Endpoint(std::unique_ptr<State> state) : state_(std::move(state)) {}
Endpoint::~Endpoint() {
  close();
}

Result<std::shared_ptr<Endpoint>> Endpoint::create(asio::any_io_executor executor, UniqueFd in,
                                                   UniqueFd out) {
  auto state = std::make_unique<State>(executor);
  boost::system::error_code error;
  state->in.assign(in.get(), error);
  if (error)
    return fail("cannot read messages from this standard input: " + error.message(),
                "use a pipe, a socket or --listen");
  in.release();
  state->out.assign(out.get(), error);
  if (error)
    return fail("cannot write messages to this standard output: " + error.message(),
                "use a pipe, a socket or --listen");
  out.release();
  return std::shared_ptr<Endpoint>(new Endpoint(std::move(state)));
}

void Endpoint::expect_secret() {
  state_->reader.expect_secret();
}
void Endpoint::trust() {
  state_->reader.trust();
}
const std::optional<std::string>& Endpoint::secret() const {
  return state_->reader.secret();
}

Task<Result<std::optional<std::string>>> Endpoint::read() {
  const auto self = shared_from_this();
  while (true) {
    auto body = state_->reader.next();
    if (!body || *body) co_return body;
    if (!state_->in.is_open()) co_return std::optional<std::string>();
    const auto [error, count] = co_await state_->in.async_read_some(asio::buffer(state_->chunk), as_result);
    if (error) {
      // A socket's peer may also leave by a reset, a terminal's by EIO: an end like any other, unless within
      // a message.
      if (auto end = state_->reader.at_end(); !end && state_->in.is_open()) co_return Failed(end.error());
      co_return std::optional<std::string>();
    }
    state_->reader.feed(std::string_view(state_->chunk.data(), count));
  }
}

void Endpoint::send(std::string_view body) {
  if (state_->broken || state_->finishing) return;
  state_->queue.push_back(frame(body));
  state_->queued += state_->queue.back().size();
  start_writing();
}

void Endpoint::start_writing() {
  if (std::exchange(state_->writing, true)) return;
  asio::co_spawn(
      state_->out.get_executor(), [self = shared_from_this()] { return self->write_queue(); },
      [self = shared_from_this()](const std::exception_ptr& thrown) {
        if (thrown) self->close();
      });
}

Task<void> Endpoint::write_queue() {
  while (!state_->queue.empty() && !state_->broken) {
    const auto [error, count] =
        co_await asio::async_write(state_->out, asio::buffer(state_->queue.front()), as_result);
    if (error) state_->broken = true;
    if (!state_->queue.empty()) {
      state_->queued -= state_->queue.front().size();
      state_->queue.pop_front();
    }
    state_->drained.cancel();
  }
  state_->writing = false;
  if (state_->finishing) state_->close_out();
  state_->drained.cancel();
}

bool Endpoint::full() const {
  return state_->queued > queue_limit;
}

Task<void> Endpoint::room() {
  const auto self = shared_from_this();
  while (full() && !state_->broken) co_await state_->drained.async_wait(as_result);
}

Task<void> Endpoint::flush(std::chrono::milliseconds bound) {
  const auto self = shared_from_this();
  asio::steady_timer limit(state_->out.get_executor(), bound);
  const auto late = std::make_shared<bool>(false);
  limit.async_wait([self, late](const boost::system::error_code& error) {
    if (error) return;
    *late = true;
    self->state_->drained.cancel();
  });
  while (!state_->queue.empty() && !state_->broken && !*late) co_await state_->drained.async_wait(as_result);
}

void Endpoint::finish() {
  if (std::exchange(state_->finishing, true)) return;
  if (!state_->writing) state_->close_out();
}

void Endpoint::close() {
  state_->broken = true;
  state_->finishing = true;
  state_->queue.clear();
  state_->queued = 0;
  boost::system::error_code ignored;
  state_->in.close(ignored);
  state_->out.close(ignored);
  state_->drained.cancel();
}

}  // namespace inpod::dap
