// Streams of a link: bytes, datagrams, credit, fairness, and every way to end.
#include "link_fixture.hpp"

using namespace inpod;
using namespace inpod::protocol;
using namespace std::chrono_literals;

namespace {

Task<Bytes> read_all(Stream& stream) {
  Bytes all;
  for (;;) {
    auto data = co_await stream.read();
    REQUIRE(data);
    if (data->empty()) break;
    all.insert(all.end(), data->begin(), data->end());
  }
  CHECK(stream.ended());
  co_return all;
}

Bytes pattern(std::size_t size) {
  Bytes data(size);
  for (std::size_t i = 0; i < size; ++i) data[i] = static_cast<std::uint8_t>(i * 31 ^ i >> 8);
  return data;
}

Task<int> error_of_read(Stream& stream) {
  auto data = co_await stream.read();
  co_return data ? 0 : data.error().code;
}
Task<int> error_of_write(Stream& stream) {
  Bytes data(1);
  auto written = co_await stream.write(data);
  co_return written ? 0 : written.error().code;
}

}  // namespace

TEST_CASE("a stream carries bytes both ways at once, and half-closes") {
  LinkPair pair;
  auto [ours, theirs] = pair.open();
  Bytes down = pattern(3 << 20), up = pattern(2 << 20), got_down, got_up;
  auto send = [](Stream& stream, const Bytes& data) -> Task<void> {
    AWAIT_REQUIRE(co_await stream.write(data));
    stream.finish();
    AWAIT_CHECK(co_await error_of_write(stream) == EPIPE);
  };
  pair.run([&, s = ours.get()]() -> Task<void> { co_await send(*s, down); });
  pair.run([&, s = theirs.get()]() -> Task<void> { co_await send(*s, up); });
  pair.run([&, s = ours.get()]() -> Task<void> { got_up = co_await read_all(*s); });
  pair.run([&, s = theirs.get()]() -> Task<void> { got_down = co_await read_all(*s); });
  pair.finish();
  CHECK((got_down == down));
  CHECK((got_up == up));
}

TEST_CASE("data that comes before the stream is taken is kept") {
  LinkPair pair;
  auto stream = *pair.agent->open_stream();
  pair.run([&]() -> Task<void> {
    Bytes data = pattern(300 << 10);
    AWAIT_REQUIRE(co_await stream->write(data));
    stream->finish();
    while (pair.client->received() < 6)
      co_await sleep_for(1ms);  // five pieces of 64 KiB at most, and the end
    auto taken = pair.client->take_stream(stream->id());
    REQUIRE(taken);
    AWAIT_CHECK((co_await read_all(**taken) == data));
    auto again = pair.client->take_stream(stream->id());
    REQUIRE(!again);
    CHECK(again.error().code == EINVAL);
  });
  pair.finish();
}

TEST_CASE("a slow stream holds its writer up, and no other stream") {
  LinkPair pair;
  auto [slow, slow_end] = pair.open();
  auto [fast, fast_end] = pair.open();
  bool slow_done = false;
  Bytes much = pattern(5 << 20);
  pair.run([&, s = slow.get()]() -> Task<void> {
    AWAIT_REQUIRE(co_await s->write(much));
    slow_done = true;
    s->finish();
  });
  pair.run([&, s = fast.get()]() -> Task<void> {
    AWAIT_REQUIRE(co_await s->write(much));
    s->finish();
  });
  pair.run([&, s = fast_end.get(), t = slow_end.get()]() -> Task<void> {
    AWAIT_CHECK((co_await read_all(*s) == much));
    CHECK_FALSE(slow_done);
    AWAIT_CHECK((co_await read_all(*t) == much));
    CHECK(slow_done);
  });
  pair.finish();
}

TEST_CASE("bulk data does not delay small messages") {
  LinkPair pair({}, true, 16 << 10);
  auto [bulk, bulk_end] = pair.open();
  std::size_t received = 0, received_at_event = SIZE_MAX;
  pair.on_event = [&](Message) { received_at_event = received; };
  pair.run([&, s = bulk.get()]() -> Task<void> {
    Bytes much = pattern(8 << 20);
    AWAIT_REQUIRE(co_await s->write(much));
    s->finish();
  });
  pair.run([&, s = bulk_end.get()]() -> Task<void> {
    bool sent = false;
    for (;;) {
      auto data = co_await s->read();
      REQUIRE(data);
      if (data->empty()) break;
      received += data->size();
      if (!sent && received > 1 << 20) {
        sent = true;
        pair.agent->notify(Note{Severity::info, "now"});
        received = 0;
      }
    }
  });
  pair.finish();
  CHECK(received_at_event < 512 << 10);
}

TEST_CASE("datagrams keep their boundaries, empty ones too") {
  LinkPair pair;
  auto [ours, theirs] = pair.open();
  pair.run([&, s = ours.get()]() -> Task<void> {
    for (std::size_t size : {std::size_t{5}, std::size_t{0}, std::size_t{65507}, std::size_t{1}}) {
      Bytes data = pattern(size);
      AWAIT_REQUIRE(co_await s->write_datagram(data));
    }
    Bytes large = pattern((64 << 10) + 1);
    auto refused = co_await s->write_datagram(large);
    REQUIRE(!refused);
    CHECK(refused.error().code == EMSGSIZE);
    s->finish();
  });
  pair.run([&, s = theirs.get()]() -> Task<void> {
    for (std::size_t size : {std::size_t{5}, std::size_t{0}, std::size_t{65507}, std::size_t{1}}) {
      auto data = co_await s->read();
      REQUIRE(data);
      CHECK((*data == pattern(size)));
      CHECK_FALSE(s->ended());
    }
    AWAIT_CHECK((co_await read_all(*s)).empty());
  });
  pair.finish();
}

TEST_CASE("many datagrams pass a small window") {
  LinkOptions options;
  options.stream_window = 4 << 10;
  LinkPair pair(options);
  auto [ours, theirs] = pair.open();
  pair.run([&, s = ours.get()]() -> Task<void> {
    for (std::size_t i = 0; i < 600; ++i) {
      Bytes data = pattern(i % 1900);
      AWAIT_REQUIRE(co_await s->write_datagram(data));
    }
  });
  pair.run([&, s = theirs.get()]() -> Task<void> {
    for (std::size_t i = 0; i < 600; ++i) AWAIT_REQUIRE((co_await s->read())->size() == i % 1900);
  });
  pair.finish();
}

TEST_CASE("a reset carries its errno; what came before it can be read") {
  LinkPair pair;
  auto [ours, theirs] = pair.open();
  pair.run([&, s = ours.get(), t = theirs.get()]() -> Task<void> {
    Bytes data = bytes_of("last words");
    AWAIT_REQUIRE(co_await s->write(data));
    while (pair.client->received() < 1) co_await sleep_for(1ms);
    s->reset(EHOSTUNREACH);
    while (pair.client->received() < 2) co_await sleep_for(1ms);
    auto last = co_await t->read();
    REQUIRE(last);
    CHECK(*last == data);
    AWAIT_CHECK(co_await error_of_read(*t) == EHOSTUNREACH);
    AWAIT_CHECK(co_await error_of_read(*t) == EHOSTUNREACH);
    AWAIT_CHECK(co_await error_of_write(*t) == EHOSTUNREACH);
    AWAIT_CHECK(co_await error_of_read(*s) == EHOSTUNREACH);
    CHECK_FALSE(t->ended());
  });
  pair.finish();
}

TEST_CASE("a reset wakes a waiting reader and a waiting writer") {
  LinkOptions options;
  options.stream_window = 8 << 10;
  LinkPair pair(options);
  auto [ours, theirs] = pair.open();
  int woken = 0;
  pair.run([&, t = theirs.get()]() -> Task<void> {
    AWAIT_CHECK(co_await error_of_read(*t) == ECONNREFUSED);
    ++woken;
  });
  pair.run([&, t = theirs.get()]() -> Task<void> {
    Bytes much(100 << 10);
    auto written = co_await t->write(much);
    REQUIRE(!written);
    CHECK(written.error().code == ECONNREFUSED);
    ++woken;
  });
  pair.run([&, s = ours.get()]() -> Task<void> {
    while (pair.agent->received() == 0) co_await sleep_for(1ms);  // the writer has used up its credit
    CHECK(woken == 0);
    s->reset(ECONNREFUSED);
  });
  pair.finish();
  CHECK(woken == 2);
}

TEST_CASE("a destroyed stream is reset; a finished one still delivers") {
  LinkPair pair;
  auto [ours, theirs] = pair.open();
  auto [finished, finished_end] = pair.open();
  pair.run([&, t = theirs.get()]() -> Task<void> {
    ours.reset();
    AWAIT_CHECK(co_await error_of_read(*t) == ECONNRESET);
  });
  pair.run([&, t = finished_end.get()]() -> Task<void> {
    Bytes data = pattern(700 << 10);
    AWAIT_REQUIRE(co_await finished->write(data));
    finished->finish();
    finished.reset();
    AWAIT_CHECK((co_await read_all(*t) == data));
    // Nobody reads what goes the other way: it is refused.
    while (co_await error_of_write(*t) == 0) co_await sleep_for(1ms);
    AWAIT_CHECK(co_await error_of_write(*t) == EPIPE);
  });
  pair.finish();
  CHECK(pair.client_closed.empty());
  CHECK(pair.agent_closed.empty());
}

TEST_CASE("one reader and one writer at a time") {
  LinkOptions options;
  options.stream_window = 8 << 10;
  LinkPair pair(options);
  auto [ours, theirs] = pair.open();
  pair.run([&, s = ours.get()]() -> Task<void> { AWAIT_CHECK(co_await error_of_read(*s) == EIO); });
  pair.run([&, s = ours.get()]() -> Task<void> {
    Bytes much(100 << 10);
    AWAIT_CHECK(!(co_await s->write(much)));
  });
  pair.run([&, s = ours.get()]() -> Task<void> {
    while (pair.client->received() == 0) co_await sleep_for(1ms);  // both wait by then
    AWAIT_CHECK(co_await error_of_read(*s) == EBUSY);
    AWAIT_CHECK(co_await error_of_write(*s) == EBUSY);
    s->reset(EIO);
  });
  pair.finish();
}

TEST_CASE("streams that nobody takes are bounded") {
  LinkPair pair;
  std::vector<std::unique_ptr<Stream>> streams;
  int refused = 0, kept = 0;
  for (int i = 0; i < 600; ++i) streams.push_back(*pair.agent->open_stream());
  for (auto& stream : streams) {
    pair.run([&, s = stream.get()]() -> Task<void> {
      Bytes data(10);
      AWAIT_REQUIRE(co_await s->write(data));
    });
  }
  pair.finish();
  for (std::size_t i = 512; i < streams.size(); ++i) {
    pair.run(
        [&, s = streams[i].get()]() -> Task<void> { refused += co_await error_of_read(*s) == ECONNREFUSED; });
  }
  pair.finish();
  CHECK(refused == 88);
  for (std::size_t i = 0; i < 512; ++i) {
    pair.run([&, s = streams[i].get()]() -> Task<void> { kept += co_await error_of_write(*s) == 0; });
  }
  pair.finish();
  CHECK(kept == 512);
  auto taken = pair.client->take_stream(streams[0]->id());
  REQUIRE(taken);
  CHECK_FALSE(pair.client->take_stream(streams[599]->id()));
}

TEST_CASE("a stream that is reset before it is taken keeps its errno; such are bounded too") {
  LinkPair pair;
  auto stream = pair.agent->open_stream();
  REQUIRE(stream);
  (*stream)->reset(EHOSTUNREACH);
  pair.run([&]() -> Task<void> {
    while (pair.client->received() == 0) co_await sleep_for(1ms);
    auto taken = pair.client->take_stream((*stream)->id());
    REQUIRE(taken);
    AWAIT_CHECK(co_await error_of_read(**taken) == EHOSTUNREACH);
  });
  pair.finish();
  for (int i = 0; i < 600; ++i) (*pair.agent->open_stream())->reset(EIO);
  pair.wait_until([&] { return pair.client->received() >= 601; });
  CHECK_FALSE(pair.client->take_stream(2));
  auto [ours, theirs] = pair.open();
  pair.run([&, s = ours.get()]() -> Task<void> {
    s->finish();
    co_return;
  });
  pair.run([&, t = theirs.get()]() -> Task<void> { AWAIT_CHECK((co_await read_all(*t)).empty()); });
  pair.finish();
  CHECK(pair.client_closed.empty());
}

TEST_CASE("streams open at once are bounded, streams in sequence are not") {
  LinkOptions options;
  options.max_streams = 8;
  LinkPair pair(options);
  std::vector<std::unique_ptr<Stream>> streams;
  for (int i = 0; i < 8; ++i) streams.push_back(*pair.agent->open_stream());
  CHECK(pair.agent->open_stream().error().code == EMFILE);
  streams.clear();
  pair.wait_until([&] { return pair.agent->received() == 8; });
  auto [oldest, oldest_end] =
      pair.open();  // an old one that stays open must not cost memory for each new one
  for (int i = 0; i < 300; ++i) {
    pair.run([&]() -> Task<void> {
      auto stream = pair.agent->open_stream();
      REQUIRE(stream);
      auto end = pair.client->take_stream((*stream)->id());
      REQUIRE(end);
      (*stream)->finish();
      AWAIT_CHECK((co_await read_all(**end)).empty());
      (*end)->finish();
      AWAIT_CHECK((co_await read_all(**stream)).empty());
    });
    pair.finish();
  }
  CHECK(pair.client_closed.empty());
  CHECK(pair.agent_closed.empty());
}

TEST_CASE("only the agent opens streams, only the client takes them") {
  LinkPair pair;
  CHECK(pair.client->open_stream().error().code == EINVAL);
  CHECK(pair.agent->take_stream(1).error().code == EINVAL);
  CHECK(pair.client->take_stream(0).error().code == ECONNRESET);
  CHECK(pair.client->take_stream(4000000000).error().code == EPROTO);
  CHECK(pair.client_closed.empty());
}
