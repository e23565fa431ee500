// The handshake: one frame each way before a transport carries anything else. Reads exactly its own bytes, so
// that what follows stays in the transport for the Link.
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>

#include "protocol/codec.hpp"
#include "protocol/frame.hpp"
#include "protocol/link.hpp"

namespace inpod::protocol {
namespace {

namespace asio = boost::asio;

/// Closes the transport when `timeout` passes before this object dies.
class Deadline {
 public:
  Deadline(asio::any_io_executor executor, ByteTransport& transport, std::chrono::milliseconds timeout)
      : timer_(std::move(executor), timeout), state_(std::make_shared<State>()) {
    state_->transport = &transport;
    timer_.async_wait([state = state_](boost::system::error_code error) {
      if (error || !state->transport) return;
      state->expired = true;
      state->transport->close();
    });
  }
  Deadline(const Deadline&) = delete;
  Deadline& operator=(const Deadline&) = delete;
  ~Deadline() { state_->transport = nullptr; }
  bool expired() const { return state_->expired; }

 private:
  struct State {
    ByteTransport* transport;
    bool expired = false;
  };
  asio::steady_timer timer_;
  std::shared_ptr<State> state_;
};

Error handshake_failure(const Deadline& deadline, const Error& error) {
  if (deadline.expired()) return {ETIMEDOUT, "the handshake took too long", {}};
  return error.context("handshake");
}

/// One handshake frame, byte by byte as the parser needs them and none beyond.
Task<Result<Handshake>> read_handshake(ByteTransport& transport, const Deadline& deadline) {
  FrameParser parser;
  Bytes buffer(frame_header_size);
  std::size_t filled = 0;
  for (;;) {
    auto size = co_await transport.read_some(std::span(buffer).subspan(filled));
    if (!size) co_return Failed(handshake_failure(deadline, size.error()));
    if (*size == 0)
      co_return Failed(Error{ECONNRESET, "the peer closed the connection during the handshake", {}});
    std::span<const std::uint8_t> piece = std::span(buffer).subspan(filled, *size);
    filled += *size;
    CO_TRY(frame, parser.next(piece));
    if (frame && frame->type != FrameType::handshake) {
      co_return Failed(
          Error{EPROTO, "protocol error: no handshake", "is this port really an inpod agent's?"});
    }
    if (frame) co_return decode_handshake(frame->payload);
    if (filled == frame_header_size) {
      std::size_t length = buffer[0] + (std::size_t{buffer[1]} << 8) + (std::size_t{buffer[2]} << 16);
      if (length > max_handshake_size)
        co_return Failed(Error{EPROTO, "protocol error: the handshake is too long", {}});
      buffer.resize(frame_header_size + length);
    }
  }
}

}  // namespace

Task<Result<Welcome>> shake_hands(ByteTransport& transport, const Hello& hello,
                                  std::chrono::milliseconds timeout) {
  Deadline deadline(co_await asio::this_coro::executor, transport, timeout);
  Handshake first = hello;
  auto written = co_await write_handshake(transport, first);
  if (!written) co_return Failed(handshake_failure(deadline, written.error()));
  CO_TRY(answer, co_await read_handshake(transport, deadline));
  if (auto* rejected = std::get_if<Rejected>(&answer)) {
    co_return Failed(Error{rejected->code, "the agent refused the connection: " + rejected->text, {}});
  }
  auto* welcome = std::get_if<Welcome>(&answer);
  if (!welcome) co_return Failed(Error{EPROTO, "protocol error: unexpected answer to the handshake", {}});
  if (welcome->version != protocol_version) {
    co_return Failed(Error{EPROTO,
                           "the agent speaks protocol version " + std::to_string(welcome->version) +
                               ", this inpod speaks " + std::to_string(protocol_version),
                           "stop the old agent (`inpod session stop`) and start again"});
  }
  co_return std::move(*welcome);
}

Task<Result<Hello>> read_hello(ByteTransport& transport, std::chrono::milliseconds timeout) {
  Deadline deadline(co_await asio::this_coro::executor, transport, timeout);
  CO_TRY(handshake, co_await read_handshake(transport, deadline));
  auto* hello = std::get_if<Hello>(&handshake);
  if (!hello) co_return Failed(Error{EPROTO, "protocol error: the handshake does not start with Hello", {}});
  co_return std::move(*hello);
}

Task<Result<void>> write_handshake(ByteTransport& transport, const Handshake& answer) {
  CO_TRY(payload, encode(answer));
  if (payload.size() > max_handshake_size)
    co_return Failed(Error{EMSGSIZE, "the handshake is larger than 4 KiB", {}});
  Bytes frame = make_frame(FrameType::handshake, 0, payload);
  co_return co_await transport.write(frame);
}

bool token_equal(const std::array<std::uint8_t, 32>& a, const std::array<std::uint8_t, 32>& b) {
  // volatile keeps the compiler from leaving the loop at the first difference.
  volatile std::uint8_t difference = 0;
  for (std::size_t i = 0; i < a.size(); ++i)
    difference = static_cast<std::uint8_t>(difference | (a[i] ^ b[i]));
  return difference == 0;
}

}  // namespace inpod::protocol
