// Frames: however the bytes are cut, the same frames come out; headers that don't fit are refused at once.
#include "protocol/frame.hpp"

#include "catch.hpp"
#include "protocol/codec.hpp"
#include "protocol/replay_buffer.hpp"
#include "random_message.hpp"

using namespace inpod;
using namespace inpod::protocol;

namespace {

Bytes sample_stream() {
  Bytes all;
  append_number_frame(all, FrameType::ping, 0x1122334455667788);
  append_frame(all, FrameType::message, 7, *encode(Message(ReadLink{"/x"})));
  append_frame(all, FrameType::data, 3, Bytes(1000, 9));
  append_frame(all, FrameType::data, 4, {});
  for (const Bytes& frame : {make_end_frame(3, {EndKind::reset, ECONNREFUSED}), make_credit_frame(3, 4711),
                             make_close_frame(1, "bye")}) {
    all.insert(all.end(), frame.begin(), frame.end());
  }
  return all;
}

void check_sample(const std::vector<Frame>& frames) {
  REQUIRE(frames.size() == 7);
  CHECK(parse_number(frames[0]) == 0x1122334455667788);
  CHECK(frames[1].id == 7);
  CHECK(std::get<ReadLink>(*decode_message(frames[1].payload)).path == "/x");
  CHECK(frames[2].payload == Bytes(1000, 9));
  CHECK(frames[3].payload.empty());
  auto end = parse_end(frames[4]);
  REQUIRE(end);
  CHECK(end->kind == EndKind::reset);
  CHECK(end->code == ECONNREFUSED);
  CHECK(parse_credit(frames[5]) == 4711);
  CHECK(parse_close(frames[6]).code == 1);
  CHECK(parse_close(frames[6]).text == "bye");
}

Result<void> feed(FrameParser& parser, std::span<const std::uint8_t> input, std::vector<Frame>& frames) {
  for (;;) {
    TRY_ASSIGN(frame, parser.next(input));
    if (!frame) return {};
    frames.push_back(std::move(*frame));
  }
}

bool header_is_refused(std::initializer_list<std::uint8_t> start) {
  Bytes header(start);
  header.resize(frame_header_size);
  FrameParser parser;
  std::vector<Frame> frames;
  auto result = feed(parser, header, frames);
  return !result && result.error().code == EPROTO;
}

}  // namespace

TEST_CASE("a stream of frames may be cut at any byte") {
  Bytes all = sample_stream();
  for (std::size_t cut = 0; cut <= all.size(); cut += cut < 100 || cut > 1050 ? 1 : 50) {
    FrameParser parser;
    std::vector<Frame> frames;
    REQUIRE(feed(parser, std::span(all).first(cut), frames));
    REQUIRE(feed(parser, std::span(all).subspan(cut), frames));
    check_sample(frames);
  }
}

TEST_CASE("frames may come byte by byte") {
  Bytes all = sample_stream();
  FrameParser parser;
  std::vector<Frame> frames;
  for (const auto& byte : all) REQUIRE(feed(parser, std::span(&byte, 1), frames));
  check_sample(frames);
}

TEST_CASE("headers that don't fit are refused before their payload comes") {
  CHECK(header_is_refused({0, 0, 0, 0, 0}));                          // type
  CHECK(header_is_refused({0, 0, 0, 0, 10}));                         // type
  CHECK(header_is_refused({2, 0, 0, 0, 2, 1}));                       // reserved
  CHECK(header_is_refused({2, 0, 0, 0, 2, 0, 0, 1}));                 // reserved
  CHECK(header_is_refused({1, 0, 0x10, 0, 2}));                       // message of 1 MiB + 1
  CHECK(header_is_refused({1, 0, 1, 0, 3, 0, 0, 0, 0, 0, 0, 0, 1}));  // data of 64 KiB + 1
  CHECK(header_is_refused({0xff, 0xff, 0xff, 0xff, 2}));
  CHECK(header_is_refused({1, 0x10, 0, 0, 1}));                             // handshake of 4 KiB + 1
  CHECK(header_is_refused({8, 0, 0, 0, 3}));                                // data on stream 0
  CHECK(header_is_refused({8, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0, 1}));        // ping with an id
  CHECK(header_is_refused({8, 0, 0, 0, 7, 0, 0, 0, 1}));                    // ping with a number
  CHECK(header_is_refused({7, 0, 0, 0, 7}));                                // ping too short
  CHECK(header_is_refused({4, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 1}));        // end too short
  CHECK_FALSE(header_is_refused({0, 0, 0x10, 0, 2}));                       // message of 1 MiB
  CHECK_FALSE(header_is_refused({0, 0, 1, 0, 3, 0, 0, 0, 0, 0, 0, 0, 1}));  // data of 64 KiB
}

TEST_CASE("an end of an unknown kind is refused") {
  Frame frame{FrameType::end, 1, 1, {2, 0, 0, 0, 0}};
  CHECK(!parse_end(frame));
}

TEST_CASE("random bytes never crash the parser") {
  RandomMessages random(6);
  std::size_t most = 0;
  for (int round = 0; round < 300; ++round) {
    Bytes all = sample_stream();
    for (int i = 0; i < 3; ++i) all[random.below(all.size())] = static_cast<std::uint8_t>(random.below(256));
    FrameParser parser;
    std::vector<Frame> frames;
    feed(parser, all, frames);
    most = std::max(most, frames.size());
  }
  CHECK(most <= 8);
}

TEST_CASE("the replay buffer numbers, keeps and forgets") {
  ReplayBuffer buffer;
  for (int i = 0; i < 5; ++i) buffer.push(make_credit_frame(1, 1));
  CHECK(buffer.last() == 5);
  CHECK(buffer.bytes() == 5 * 20);
  CHECK(buffer.frame(3)[8] == 3);
  CHECK(buffer.acknowledge(3));
  CHECK(buffer.acknowledged() == 3);
  CHECK(buffer.frame(4)[8] == 4);
  CHECK(buffer.bytes() == 2 * 20);
  CHECK_FALSE(buffer.acknowledge(2));
  CHECK_FALSE(buffer.acknowledge(6));
  CHECK(buffer.acknowledge(3));
  CHECK(buffer.acknowledge(5));
  CHECK(buffer.bytes() == 0);
}
