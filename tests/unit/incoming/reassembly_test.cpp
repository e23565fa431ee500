// The reassembler: the cases of the standard one by one, then random traffic against a model that knows every
// byte.
#include "incoming/reassembly.hpp"

#include <algorithm>
#include <optional>
#include <random>
#include <string>

#include "catch.hpp"

using inpod::agent::Reassembler;
using inpod::protocol::Bytes;
using State = Reassembler::State;

namespace {

Bytes bytes(const std::string& text) {
  return {text.begin(), text.end()};
}

struct Feed {
  Reassembler reassembler;
  Bytes out;
  explicit Feed(std::uint32_t first = 1000, std::size_t limit = 256 * 1024) : reassembler(first, limit) {}
  State add(std::uint32_t sequence, const std::string& text, bool fin = false) {
    return reassembler.add(sequence, bytes(text), fin, out);
  }
  std::string text() const { return {out.begin(), out.end()}; }
};

}  // namespace

TEST_CASE("in order, then FIN") {
  Feed feed;
  CHECK(feed.add(1000, "GET ") == State::open);
  CHECK(feed.add(1004, "/", true) == State::finished);
  CHECK(feed.text() == "GET /");
  CHECK(feed.add(1005, "more") == State::finished);
  CHECK(feed.text() == "GET /");
}

TEST_CASE("out of order, doubled, and a FIN that comes first") {
  Feed feed;
  CHECK(feed.add(1006, "", true) == State::open);
  CHECK(feed.add(1004, "ef") == State::open);
  CHECK(feed.add(1004, "ef") == State::open);
  CHECK(feed.add(1002, "cd") == State::open);
  CHECK(feed.text().empty());
  CHECK(feed.add(1000, "ab") == State::finished);
  CHECK(feed.text() == "abcdef");
}

TEST_CASE("the first copy of a byte wins, wherever it overlaps") {
  Feed feed;
  feed.add(1002, "CC");        // 2..3
  feed.add(1006, "GG");        // 6..7
  feed.add(1001, "xxxxxxxx");  // 1..8, around both
  feed.add(1000, "AAA");       // 0..2: only 0 is new
  CHECK(feed.text() == "AxCCxxGGx");
}

TEST_CASE("sequence numbers wrap") {
  Feed feed(0xfffffffe);
  feed.add(1, "de");
  feed.add(0xfffffffe, "abc");
  CHECK(feed.text() == "abcde");
  CHECK(feed.reassembler.plausible(3));
  CHECK_FALSE(feed.reassembler.plausible(2));
  CHECK(feed.reassembler.acknowledged(3) == State::open);
  CHECK(feed.reassembler.acknowledged(4) == State::gap);
}

TEST_CASE("keep-alive probes and old segments change nothing") {
  Feed feed;
  feed.add(1000, "abc");
  CHECK(feed.add(1002, "?") == State::open);  // one byte below the next
  CHECK(feed.add(998, "??abcd") == State::open);
  CHECK(feed.text() == "abcd");
}

TEST_CASE("an acknowledged byte that was never seen is a gap, for good") {
  Feed feed;
  feed.add(1000, "abc");
  CHECK(feed.reassembler.acknowledged(1003) == State::open);
  feed.add(1005, "f");
  CHECK(feed.reassembler.acknowledged(1006) == State::gap);
  CHECK(feed.add(1003, "de") == State::gap);
  CHECK(feed.text() == "abc");
}

TEST_CASE("what waits behind a hole is bounded, in bytes and in pieces") {
  Feed bytes_limit(0, 1000);
  CHECK(bytes_limit.add(1, std::string(800, 'x')) == State::open);
  CHECK(bytes_limit.add(900, std::string(800, 'x')) == State::gap);
  Feed pieces(0, 64 * 1024);
  State state = State::open;
  int added = 0;
  for (; state == State::open && added < 100000; ++added)
    state = pieces.add(std::uint32_t(2 + 2 * added), "x");
  CHECK(state == State::gap);
  CHECK(added < 2000);
}

TEST_CASE("random segmentation, reordering, doubling and overlaps: the same bytes, or a gap") {
  std::mt19937 random(20240607);
  const auto below = [&](std::size_t most) { return std::size_t(random() % most); };
  int gaps = 0;
  for (int round = 0; round < 2000; ++round) {
    const std::uint32_t first =
        round % 3 == 0 ? std::uint32_t(0) - std::uint32_t(below(3000)) : std::uint32_t(random());
    const std::size_t length = below(6000);
    const std::size_t limit = round % 5 == 0 ? 2000 : 256 * 1024;
    const bool conflicting = round % 2 == 1;  // overlaps carry other bytes: the first that arrived must win
    Bytes sent(length);
    for (auto& byte : sent) byte = std::uint8_t(random());

    struct Piece {
      std::size_t at, size;
    };
    std::vector<Piece> pieces;
    for (std::size_t at = 0; at < length;) {
      const std::size_t size = std::min(1 + below(400), length - at);
      pieces.push_back({at, size});
      at += size;
    }
    for (std::size_t extra = below(20); length > 0 && extra > 0; --extra) {
      const std::size_t at = below(length);
      pieces.push_back({at, std::min(1 + below(500), length - at)});
    }
    const bool lossy = round % 4 == 0 && !pieces.empty();
    if (lossy) pieces.erase(pieces.begin() + std::ptrdiff_t(below(pieces.size())));
    std::shuffle(pieces.begin(), pieces.end(), random);

    Reassembler reassembler(first, limit);
    Bytes out;
    std::vector<std::optional<std::uint8_t>> model(length);
    State state = State::open;
    for (const auto& piece : pieces) {
      Bytes payload(sent.begin() + std::ptrdiff_t(piece.at),
                    sent.begin() + std::ptrdiff_t(piece.at + piece.size));
      if (conflicting)
        for (auto& byte : payload) byte = std::uint8_t(random());
      for (std::size_t i = 0; i < piece.size; ++i)
        if (!model[piece.at + i]) model[piece.at + i] = payload[i];
      state = reassembler.add(first + std::uint32_t(piece.at), payload, false, out);
      // Delivered is always a prefix of what the model holds.
      REQUIRE(out.size() <= length);
      if (state == State::gap) break;
    }
    for (std::size_t i = 0; i < out.size(); ++i) REQUIRE((model[i] && out[i] == *model[i]));
    const bool complete =
        std::all_of(model.begin(), model.end(), [](const auto& byte) { return byte.has_value(); });
    if (state != State::gap) {
      REQUIRE((out.size() == length) == complete);
      state = reassembler.acknowledged(first + std::uint32_t(length));
      REQUIRE((state == State::gap) == !complete);
      if (complete) REQUIRE(reassembler.add(first + std::uint32_t(length), {}, true, out) == State::finished);
    }
    gaps += state == State::gap;
  }
  CHECK(gaps > 50);  // the lossy rounds did happen
}
