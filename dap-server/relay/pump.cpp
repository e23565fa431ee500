// Pump: see pump.hpp.
#include "relay/pump.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>

#include <boost/asio/write.hpp>

#include "relay/loopback.hpp"

namespace inpod::relay {

namespace asio = boost::asio;

namespace {

constexpr std::size_t piece = 64 << 10;  // one Data frame's worth
constexpr std::chrono::minutes longest_answer{10};
constexpr std::chrono::seconds answer_pause{2};  // after which a shorter answer than the pod's is over

}  // namespace

std::shared_ptr<Pump> Pump::start(Context& context, UniqueFd fd, int domain,
                                  std::unique_ptr<protocol::Stream> stream, Options options) {
  const int on = 1;
  if (domain != AF_UNIX) ::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  Socket socket(context.executor);
  boost::system::error_code failed;
  socket.assign(asio::generic::stream_protocol(domain, domain == AF_UNIX ? 0 : IPPROTO_TCP), fd.release(),
                failed);
  std::shared_ptr<Pump> pump(new Pump(context, std::move(socket), std::move(stream), std::move(options)));
  context.spawn(pump->to_pod(pump));
  context.spawn(pump->to_program(pump));
  return pump;
}

Pump::Pump(Context& context, Socket socket, std::unique_ptr<protocol::Stream> stream, Options options)
    : context_(context),
      socket_(std::move(socket)),
      stream_(std::move(stream)),
      options_(std::move(options)),
      heard_(context.executor) {
  context_.pumps.insert(this);
}

Pump::~Pump() {
  context_.pumps.erase(this);
  if (options_.on_end) options_.on_end();
}

void Pump::abort() {
  stream_->reset(ECONNRESET);
  break_socket();
}

bool Pump::has_waiting() {
  if (options_.discard_output || program_ended_ || !socket_.is_open()) return false;
  pollfd look{socket_.native_handle(), POLLIN, 0};
  return sending_ || ::poll(&look, 1, 0) > 0;
}

void Pump::break_socket() {
  program_ended_ = true;
  heard_.notify();
  if (!socket_.is_open()) return;
  reset_on_close(socket_.native_handle());
  boost::system::error_code ignored;
  socket_.close(ignored);
}

Task<void> Pump::to_pod([[maybe_unused]] std::shared_ptr<Pump> self) {
  Bytes buffer(piece);
  for (;;) {
    auto [failed, length] = co_await socket_.async_read_some(asio::buffer(buffer), as_result);
    if (failed == asio::error::eof) {
      program_ended_ = true;
      heard_.notify();
      stream_->finish();
      co_return;
    }
    if (failed == asio::error::operation_aborted) co_return;  // the other direction has ended both
    if (failed) {
      stream_->reset(failed.value());
      break_socket();
      co_return;
    }
    program_spoke_ = true;
    program_sent_ += length;
    heard_.notify();
    if (options_.discard_output) continue;
    sending_ = true;
    auto written = co_await stream_->write({buffer.data(), length});
    sending_ = false;
    if (!written) {
      break_socket();
      co_return;
    }
  }
}

Task<void> Pump::wait_for_answer() {
  const auto wanted = options_.answered ? options_.answered() : 0;
  const auto until = Clock::now() + longest_answer;
  while (!program_ended_ && program_sent_ < wanted) {
    const bool answering = program_spoke_ && program_sent_ > 0;
    const auto limit = answering ? Clock::now() + answer_pause : until;
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(std::min(limit, until) - Clock::now());
    if (left.count() <= 0 || !co_await heard_.wait_for(left)) co_return;
  }
}

Task<void> Pump::to_program([[maybe_unused]] std::shared_ptr<Pump> self) {
  for (;;) {
    auto data = co_await stream_->read();
    if (!data || data->empty()) co_await wait_for_answer();
    if (!data) {
      break_socket();
      co_return;
    }
    if (data->empty()) {
      boost::system::error_code ignored;
      socket_.shutdown(Socket::shutdown_send, ignored);
      co_return;
    }
    if (std::exchange(program_spoke_, false) && options_.on_request) options_.on_request();
    auto [failed, length] = co_await asio::async_write(socket_, asio::buffer(*data), as_result);
    if (failed) {
      stream_->reset(ECONNRESET);
      break_socket();
      co_return;
    }
  }
}

}  // namespace inpod::relay
