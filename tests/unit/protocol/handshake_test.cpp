// The handshake over a socket pair: acceptance, refusal, time-outs, and peers that don't speak it.
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

Hello sample_hello() {
  Hello hello;
  hello.features = {"filter"};
  hello.token.fill(7);
  hello.window = 1 << 20;
  hello.client = "dev@laptop";
  return hello;
}

/// What read_hello says to these bytes.
Result<Hello> hello_from(Bytes bytes, bool then_close = true) {
  Handshakes test;
  Result<Hello> outcome = fail("did not end");
  test.run([&]() -> Task<void> { outcome = co_await read_hello(*test.pair.a, 300ms); },
           [&]() -> Task<void> {
             AWAIT_REQUIRE(co_await test.pair.b->write(bytes));
             if (then_close) test.pair.b->close();
           });
  return outcome;
}

}  // namespace

TEST_CASE("a handshake takes its own bytes and none beyond") {
  Handshakes test;
  test.run(
      [&]() -> Task<void> {
        auto hello = co_await read_hello(*test.pair.a, 1s);
        REQUIRE(hello);
        CHECK(hello->client == "dev@laptop");
        CHECK(hello->features == std::vector<std::string>{"filter"});
        Welcome welcome;
        welcome.window = 12345;
        Bytes payload = *encode(Handshake(welcome));
        Bytes both = make_frame(FrameType::handshake, 0, payload);
        both.push_back(0xaa);  // already the Link's
        AWAIT_REQUIRE(co_await test.pair.a->write(both));
      },
      [&]() -> Task<void> {
        Hello hello = sample_hello();
        auto welcome = co_await shake_hands(*test.pair.b, hello, 1s);
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
        AWAIT_REQUIRE(co_await read_hello(*test.pair.a, 1s));
        Handshake rejected = Rejected{EACCES, "wrong token"};
        AWAIT_REQUIRE(co_await write_handshake(*test.pair.a, rejected));
      },
      [&]() -> Task<void> {
        Hello hello = sample_hello();
        auto welcome = co_await shake_hands(*test.pair.b, hello, 1s);
        REQUIRE(!welcome);
        CHECK(welcome.error().code == EACCES);
        CHECK(welcome.error().text == "the agent refused the connection: wrong token");
      });
}

TEST_CASE("another protocol version is an error with a remedy") {
  Handshakes test;
  test.run(
      [&]() -> Task<void> {
        Welcome welcome;
        welcome.version = 99;
        Handshake answer = welcome;
        AWAIT_REQUIRE(co_await write_handshake(*test.pair.a, answer));
      },
      [&]() -> Task<void> {
        Hello hello = sample_hello();
        auto welcome = co_await shake_hands(*test.pair.b, hello, 1s);
        REQUIRE(!welcome);
        CHECK(welcome.error().code == EPROTO);
        CHECK(!welcome.error().remedy.empty());
      });
}

TEST_CASE("a silent peer ends the handshake in time") {
  Handshakes test;
  auto start = std::chrono::steady_clock::now();
  test.run([]() -> Task<void> { co_return; },
           [&]() -> Task<void> {
             Hello hello = sample_hello();
             auto welcome = co_await shake_hands(*test.pair.b, hello, 200ms);
             REQUIRE(!welcome);
             CHECK(welcome.error().code == ETIMEDOUT);
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
             Hello hello = sample_hello();
             hello.client = std::string(5000, 'x');
             auto welcome = co_await shake_hands(*test.pair.b, hello, 200ms);
             REQUIRE(!welcome);
             CHECK(welcome.error().code == EMSGSIZE);
           });
}

TEST_CASE("tokens are equal only when every bit is") {
  std::array<std::uint8_t, 32> a{}, b{};
  for (std::size_t i = 0; i < a.size(); ++i) a[i] = b[i] = static_cast<std::uint8_t>(i * 37);
  CHECK(token_equal(a, b));
  for (std::size_t bit = 0; bit < a.size() * 8; ++bit) {
    b[bit / 8] ^= static_cast<std::uint8_t>(1 << bit % 8);
    CHECK_FALSE(token_equal(a, b));
    b[bit / 8] ^= static_cast<std::uint8_t>(1 << bit % 8);
  }
}
