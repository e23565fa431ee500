// See handshake.hpp. One frame at a time, and exactly its bytes are read, so that what follows stays in the
// transport for the Link.
#include "protocol/handshake.hpp"

#include <sys/random.h>

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>

#include "protocol/codec.hpp"
#include "protocol/frame.hpp"
#include "protocol/printable.hpp"
#include "protocol/sha256.hpp"

namespace inpod::protocol {
namespace {

namespace asio = boost::asio;

constexpr std::size_t longest_refusal = 256;  ///< bytes of it that are shown

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

Task<Result<void>> write_handshake(ByteTransport& transport, const Handshake& handshake) {
  CO_TRY(payload, encode(handshake));
  if (payload.size() > max_handshake_size)
    co_return Failed(Error{EMSGSIZE, "the handshake is larger than 4 KiB", {}});
  Bytes frame = make_frame(FrameType::handshake, 0, payload);
  co_return co_await transport.write(frame);
}

Result<Nonce> make_nonce() {
  Nonce nonce;
  if (::getrandom(nonce.data(), nonce.size(), 0) != static_cast<ssize_t>(nonce.size()))
    return fail_errno("getrandom");
  return nonce;
}

/// The label keeps one side's proof from being taken for the other's. The parts need no lengths: each is one
/// complete encoded struct, or of a fixed size.
Proof make_proof(const Token& token, std::string_view label, std::span<const std::uint8_t> first,
                 std::span<const std::uint8_t> second) {
  HmacSha256 hash(token);
  hash.update({reinterpret_cast<const std::uint8_t*>(label.data()), label.size()});
  hash.update(first);
  hash.update(second);
  return hash.finish();
}

Result<Proof> client_proof(const Token& token, const Greeting& greeting, Hello hello) {
  hello.proof = {};
  TRY_ASSIGN(first, encode(Handshake(greeting)));
  TRY_ASSIGN(second, encode(Handshake(std::move(hello))));
  return make_proof(token, "inpod client", first, second);
}

Result<Proof> agent_proof(const Token& token, const Hello& hello, Welcome welcome) {
  welcome.proof = {};
  TRY_ASSIGN(second, encode(Handshake(std::move(welcome))));
  return make_proof(token, "inpod agent", hello.proof, second);
}

Task<Result<Greeting>> read_greeting(ByteTransport& transport, const Deadline& deadline) {
  auto first = co_await read_handshake(transport, deadline);
  if (!first && deadline.expired()) {
    co_return Failed(Error{ETIMEDOUT, "the agent sent no greeting in time",
                           "an agent of an older inpod sends none: stop it (`inpod session stop`) and start "
                           "again"});
  }
  if (!first) co_return Failed(first.error());
  auto* greeting = std::get_if<Greeting>(&*first);
  if (!greeting)
    co_return Failed(Error{EPROTO, "protocol error: the handshake does not start with Greeting", {}});
  if (greeting->version != protocol_version) {
    co_return Failed(Error{EPROTO,
                           "the agent speaks protocol version " + std::to_string(greeting->version) +
                               ", this inpod speaks " + std::to_string(protocol_version),
                           "stop the old agent (`inpod session stop`) and start again"});
  }
  co_return *greeting;
}

}  // namespace

Task<Result<Welcome>> shake_hands(ByteTransport& transport, const Token& token, const Hello& unproven,
                                  std::chrono::milliseconds timeout) {
  Deadline deadline(co_await asio::this_coro::executor, transport, timeout);
  CO_TRY(greeting, co_await read_greeting(transport, deadline));
  Hello hello = unproven;
  CO_TRY(nonce, make_nonce());
  hello.nonce = nonce;
  CO_TRY(proof, client_proof(token, greeting, hello));
  hello.proof = proof;
  Handshake second = hello;
  auto written = co_await write_handshake(transport, second);
  if (!written) co_return Failed(handshake_failure(deadline, written.error()));
  CO_TRY(answer, co_await read_handshake(transport, deadline));
  if (auto* rejected = std::get_if<Rejected>(&answer)) {
    // Who refuses has proved nothing. One line, so that its words can't pass for our remedy.
    const auto said = shown_line(rejected->text, longest_refusal);
    co_return Failed(Error{rejected->code, "the agent refused the connection: " + said, {}});
  }
  auto* welcome = std::get_if<Welcome>(&answer);
  if (!welcome) co_return Failed(Error{EPROTO, "protocol error: unexpected answer to the handshake", {}});
  CO_TRY(expected, agent_proof(token, hello, *welcome));
  if (!equal_in_constant_time(welcome->proof, expected)) {
    co_return Failed(Error{EACCES, "what answers on the agent's port does not know this session's token",
                           "another program in the pod may have taken the port: stop the session "
                           "(`inpod session stop`) and start again"});
  }
  co_return std::move(*welcome);
}

Task<Result<Hello>> read_hello(ByteTransport& transport, const Token& token,
                               std::chrono::milliseconds timeout) {
  Deadline deadline(co_await asio::this_coro::executor, transport, timeout);
  Greeting greeting;
  CO_TRY(nonce, make_nonce());
  greeting.nonce = nonce;
  Handshake first = greeting;
  auto written = co_await write_handshake(transport, first);
  if (!written) co_return Failed(handshake_failure(deadline, written.error()));
  CO_TRY(handshake, co_await read_handshake(transport, deadline));
  auto* hello = std::get_if<Hello>(&handshake);
  if (!hello) co_return Failed(Error{EPROTO, "protocol error: the client's first frame is no Hello", {}});
  CO_TRY(expected, client_proof(token, greeting, *hello));
  if (!equal_in_constant_time(hello->proof, expected)) co_return Failed(Error{EACCES, "wrong token", {}});
  co_return std::move(*hello);
}

Task<Result<void>> accept_client(ByteTransport& transport, const Token& token, const Hello& hello,
                                 const Welcome& unproven) {
  Welcome welcome = unproven;
  CO_TRY(proof, agent_proof(token, hello, welcome));
  welcome.proof = proof;
  Handshake answer = std::move(welcome);
  co_return co_await write_handshake(transport, answer);
}

Task<Result<void>> refuse_client(ByteTransport& transport, const Rejected& rejected) {
  Handshake answer = rejected;
  co_return co_await write_handshake(transport, answer);
}

bool equal_in_constant_time(const Proof& a, const Proof& b) {
  // volatile keeps the compiler from leaving the loop at the first difference.
  volatile std::uint8_t difference = 0;
  for (std::size_t i = 0; i < a.size(); ++i)
    difference = static_cast<std::uint8_t>(difference | (a[i] ^ b[i]));
  return difference == 0;
}

}  // namespace inpod::protocol
