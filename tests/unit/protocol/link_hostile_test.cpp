// A link against a peer that breaks the rules: every violation ends the link with EPROTO and a close frame
// that says so.
#include "link_fixture.hpp"
#include "protocol/codec.hpp"
#include "protocol/frame.hpp"

using namespace inpod;
using namespace inpod::protocol;
using namespace std::chrono_literals;

namespace {

/// A Link at one end, the test's own bytes at the other.
struct Victim : Stage {
  explicit Victim(bool agent, LinkOptions options = {}) {
    Link::Handlers handlers;
    if (agent) handlers.on_request = [this](std::uint32_t id, Message) { requests.push_back(id); };
    handlers.on_closed = [this](std::optional<Error> why) {
      closed = why ? *why : Error{0, "by itself", {}};
    };
    link = Link::create(context.get_executor(), options, std::move(handlers));
    auto transports = make_transports(context.get_executor());
    REQUIRE(link->attach(std::move(transports.a), 0, 1 << 20));
    peer = std::move(transports.b);
  }

  void add(Bytes frame) {
    if (is_numbered(static_cast<FrameType>(frame[4]))) set_frame_number(frame, ++number);
    input.insert(input.end(), frame.begin(), frame.end());
  }
  void add_message(std::uint32_t id, const Message& message) {
    add(make_frame(FrameType::message, id, *encode(message)));
  }

  /// Sends what was added, and lets the link answer for a while.
  void play() {
    bool written = false;
    asio::co_spawn(context, peer->write(input), [&](std::exception_ptr, Result<void>) { written = true; });
    if (!listening) asio::co_spawn(context, listen(), [](std::exception_ptr) {});
    listening = true;
    for (int i = 0; !written && i < 500; ++i) idle(10ms);
    REQUIRE(written);
    idle(50ms);
    input.clear();
  }

  Task<void> listen() {
    FrameParser parser;
    Bytes buffer(64 << 10);
    for (;;) {
      auto size = co_await peer->read_some(buffer);
      if (!size || *size == 0) break;
      std::span<const std::uint8_t> piece = std::span(buffer).first(*size);
      for (;;) {
        auto frame = parser.next(piece);
        if (!frame || !*frame) break;
        if ((*frame)->type == FrameType::close) peer->close();
        frames.push_back(std::move(**frame));
      }
    }
  }

  /// The text of the protocol error that the link ends with.
  std::string verdict() {
    play();
    wait_until([&] { return closed && !frames.empty() && frames.back().type == FrameType::close; });
    if (closed->code != EPROTO) return "closed with " + closed->text;
    if (parse_close(frames.back()).code != EPROTO) return "wrong close frame";
    return closed->text.substr(closed->text.find(": ") + 2);
  }

  std::shared_ptr<Link> link;
  std::unique_ptr<ByteTransport> peer;
  std::uint64_t number = 0;
  Bytes input;
  bool listening = false;
  std::vector<Frame> frames;  ///< what the link has sent
  std::vector<std::uint32_t> requests;
  std::optional<Error> closed;
};

Bytes data_frame(std::uint32_t id, std::size_t size) {
  return make_frame(FrameType::data, id, Bytes(size));
}

}  // namespace

TEST_CASE("garbage") {
  Victim victim(true);
  victim.input = bytes_of("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  CHECK(victim.verdict() == "reserved bytes of a frame are not 0");
}

TEST_CASE("an oversized frame") {
  Victim victim(true);
  victim.input = {0xff, 0xff, 0xff, 0, 2, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0};
  CHECK(victim.verdict() == "wrong size of a frame");
}

TEST_CASE("a message that does not parse") {
  Victim victim(true);
  victim.add(make_frame(FrameType::message, 1, Bytes{0xff, 0xff}));
  CHECK(victim.verdict() == "malformed message: its number is unknown");
}

TEST_CASE("a handshake in the middle") {
  Victim victim(true);
  victim.add(make_frame(FrameType::handshake, 0, *encode(Handshake(Hello{}))));
  CHECK(victim.verdict() == "handshake in the middle of a session");
}

TEST_CASE("a gap in the numbers") {
  Victim first(true);
  first.number = 1;
  first.add_message(1, GetPod{});
  CHECK(first.verdict() == "a gap in the frame numbers");
  Victim later(true);
  later.add_message(1, GetPod{});
  later.number = 2;
  later.add_message(2, GetPod{});
  CHECK(later.verdict() == "a gap in the frame numbers");
  CHECK(later.requests == std::vector<std::uint32_t>{1});
}

TEST_CASE("an acknowledgement of what was not sent") {
  Victim victim(true);
  Bytes ack;
  append_number_frame(ack, FrameType::ack, 1);
  victim.add(ack);
  CHECK(victim.verdict() == "acknowledgement of frames that were not sent");
}

TEST_CASE("requests that are none") {
  Victim event(true);
  event.add_message(0, GetPod{});
  CHECK(event.verdict() == "a message that is no request");
  Victim answer(true);
  answer.add_message(1, Done{});
  CHECK(answer.verdict() == "a message that is no request");
  Victim twice(true);
  twice.add_message(1, GetPod{});
  twice.add_message(1, GetPod{});
  CHECK(twice.verdict() == "a request's id is in use");
}

TEST_CASE("too many requests") {
  LinkOptions options;
  options.max_requests = 3;
  Victim victim(true, options);
  for (std::uint32_t id = 1; id <= 4; ++id) victim.add_message(id, GetPod{});
  CHECK(victim.verdict() == "too many requests at once");
  CHECK(victim.requests.size() == 3);
  Victim greedy(true);
  for (std::uint32_t id = 1; id <= 100; ++id) greedy.add_message(id, ReadFile{1, 0, UINT32_MAX, false});
  CHECK(greedy.verdict() == "requests for too much at once");
}

TEST_CASE("answers and events that are none") {
  Victim unasked(false);
  unasked.add_message(7, Done{});
  CHECK(unasked.verdict() == "an answer that nobody asked for");
  Victim event(false);
  event.add_message(0, Done{});
  CHECK(event.verdict() == "a message that is no event has no request");
  Victim id(false);
  id.add_message(1, Leaving{"x"});
  CHECK(id.verdict() == "a message that is no answer has an id");
}

TEST_CASE("streams that the agent did not open") {
  Victim data(true);
  data.add(data_frame(1, 10));
  CHECK(data.verdict() == "unknown stream");
  Victim end(true);
  end.add(make_end_frame(9, {EndKind::reset, 0}));
  CHECK(end.verdict() == "unknown stream");
  Victim credit(true);
  credit.add(make_credit_frame(1, 10));
  CHECK(credit.verdict() == "credit for an unknown stream");
}

TEST_CASE("more data than the credit") {
  LinkOptions options;
  options.stream_window = 64 << 10;
  Victim victim(false, options);
  auto stream = victim.link->take_stream(1);
  REQUIRE(stream);
  victim.add(data_frame(1, (64 << 10) - 100));
  victim.add(data_frame(1, 0));
  CHECK(victim.verdict() == "more data than the credit allows");  // 36 bytes were left, a frame costs 64
  Victim tiny(false, options);
  for (int i = 0; i < 1100; ++i) tiny.add(data_frame(1, 1));
  CHECK(tiny.verdict() == "more data than the credit allows");
}

TEST_CASE("more credit than was used") {
  Victim victim(true);
  auto stream = victim.link->open_stream();
  REQUIRE(stream);
  victim.add(make_credit_frame(1, 1));
  CHECK(victim.verdict() == "more credit than was used");
}

TEST_CASE("data and ends after the end") {
  Victim data(false);
  data.add(make_end_frame(1, {EndKind::fin, 0}));
  data.add(data_frame(1, 1));
  CHECK(data.verdict() == "data after the end of a stream");
  Victim fin(false);
  fin.add(make_end_frame(1, {EndKind::fin, 0}));
  fin.add(make_end_frame(1, {EndKind::fin, 0}));
  CHECK(fin.verdict() == "the end of a stream that has ended");
  Victim reset(false);
  reset.add(make_end_frame(1, {EndKind::reset, EIO}));
  reset.add(data_frame(1, 1));
  CHECK(reset.verdict() == "data after the end of a stream");
}

TEST_CASE("a flood of streams") {
  LinkOptions options;
  options.max_streams = 100;
  Victim jump(false, options);
  jump.add(data_frame(1000, 1));
  CHECK(jump.verdict() == "a stream id out of order");
  Victim many(false, options);
  for (std::uint32_t id = 1; id <= 201; ++id) many.add(data_frame(id, 1));
  CHECK(many.verdict() == "too many streams at once");
}

TEST_CASE("late credits and resets for a stream that has ended are no crime") {
  Victim victim(true);
  auto stream = victim.link->open_stream();
  REQUIRE(stream);
  (*stream)->finish();
  victim.play();
  victim.add(make_end_frame(1, {EndKind::fin, 0}));
  victim.add(make_credit_frame(1, 100));
  victim.add(make_end_frame(1, {EndKind::reset, ECONNRESET}));
  victim.play();
  CHECK(!victim.closed);
}

TEST_CASE("a flood of pings costs one answer a write") {
  Victim victim(true);
  for (std::uint64_t i = 0; i < 10000; ++i) {
    Bytes ping;
    append_number_frame(ping, FrameType::ping, i);
    victim.add(ping);
  }
  victim.play();
  victim.wait_until([&] {
    const auto& frames = victim.frames;
    return !frames.empty() && frames.back().type == FrameType::pong && parse_number(frames.back()) == 9999;
  });
  CHECK(!victim.closed);
  CHECK(victim.frames.size() < 1000);
}

TEST_CASE("the peer's close ends the link with its reason") {
  Victim victim(false);
  victim.add(make_close_frame(ESHUTDOWN, "the pod is gone"));
  victim.play();
  victim.wait_until([&] { return victim.closed.has_value(); });
  CHECK(victim.closed->code == ESHUTDOWN);
  CHECK(victim.closed->text == "the peer closed the session: the pod is gone");
}
