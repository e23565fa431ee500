// Lost transports: nothing is lost or doubled while a link is resumed, and everything fails properly when it
// can't be.
#include <random>

#include "link_fixture.hpp"

using namespace inpod;
using namespace inpod::protocol;
using namespace std::chrono_literals;

namespace {

std::uint8_t byte_at(std::size_t i) {
  return static_cast<std::uint8_t>(i * 2654435761U >> 13);
}

Task<void> send_pattern(Stream& stream, std::size_t size) {
  Bytes chunk;
  for (std::size_t sent = 0; sent < size; sent += chunk.size()) {
    chunk.resize(std::min<std::size_t>(size - sent, 10000 + sent % 90000));
    for (std::size_t i = 0; i < chunk.size(); ++i) chunk[i] = byte_at(sent + i);
    AWAIT_REQUIRE(co_await stream.write(chunk));
  }
  stream.finish();
}

Task<void> receive_pattern(Stream& stream, std::size_t size) {
  std::size_t received = 0;
  for (;;) {
    auto data = co_await stream.read();
    REQUIRE(data);
    if (data->empty()) break;
    bool same = true;
    for (std::uint8_t byte : *data) same = same && byte == byte_at(received++);
    REQUIRE(same);
  }
  REQUIRE(received == size);
}

}  // namespace

TEST_CASE("no byte is lost however often the transport is cut") {
  constexpr std::size_t size = 20 << 20;
  LinkPair pair({}, false, 64 << 10);
  std::mt19937 random(7);
  auto reconnect = [&] {
    auto cut = [&] { return std::uniform_int_distribution<std::size_t>(0, 1 << 20)(random); };
    pair.connect(cut(), cut());
  };
  pair.on_lost = [&](Error) { reconnect(); };
  int requests = 0, answers = 0;
  pair.on_request = [&](std::uint32_t id, Message request) {
    ++requests;
    pair.run([&, id, path = std::get<ReadLink>(request).path]() -> Task<void> {
      co_await sleep_for(std::chrono::milliseconds(id % 7));
      pair.agent->respond(id, Text{path});
    });
  };
  auto [ours, theirs] = pair.open();
  bool done = false;
  int transfers = 2;
  auto transfer_ended = [&] { done = --transfers == 0; };
  pair.run([&, s = ours.get()]() -> Task<void> { co_await send_pattern(*s, size); });
  pair.run([&, s = theirs.get()]() -> Task<void> { co_await send_pattern(*s, size); });
  pair.run([&, s = ours.get()]() -> Task<void> {
    co_await receive_pattern(*s, size);
    transfer_ended();
  });
  pair.run([&, s = theirs.get()]() -> Task<void> {
    co_await receive_pattern(*s, size);
    transfer_ended();
  });
  for (int k = 0; k < 4; ++k) {
    pair.run([&, k]() -> Task<void> {
      for (int i = 0; !done; ++i) {
        std::string path = std::to_string(k) + "/" + std::to_string(i);
        Message message = ReadLink{path};
        auto answer = co_await pair.client->request_as<Text>(std::move(message));
        REQUIRE(answer);
        REQUIRE(answer->text == path);
        ++answers;
      }
    });
  }
  reconnect();
  pair.finish(90s);
  CHECK(pair.lost > 20);
  CHECK(answers > 20);
  CHECK(answers == requests);
  CHECK(pair.client_closed.empty());
  CHECK(pair.agent_closed.empty());
}

TEST_CASE("once the client is told how far the agent has got, its old transport takes it no further") {
  LinkPair pair;
  int requests = 0;
  pair.on_request = [&](std::uint32_t id, Message) {
    ++requests;
    pair.agent->respond(id, Text{"answer"});
  };
  pair.idle(20ms);
  bool answered = false;
  pair.run([&]() -> Task<void> {
    Message message = ReadLink{"/x"};
    auto answer = co_await pair.client->request_as<Text>(std::move(message));
    REQUIRE(answer);
    answered = true;
  });
  pair.agent->drop_transport();
  CHECK_FALSE(pair.agent->has_transport());
  const auto told = pair.agent->received();
  pair.idle(50ms);
  CHECK(pair.agent->received() == told);
  CHECK(requests == 0);
  CHECK(pair.lost == 1);
  pair.connect();
  pair.finish();
  CHECK(answered);
  CHECK(requests == 1);
  CHECK(pair.agent_closed.empty());
  CHECK(pair.client_closed.empty());
}

TEST_CASE("what is sent without a transport waits for one") {
  LinkPair pair({}, false);
  pair.on_request = [&](std::uint32_t id, Message) { pair.agent->respond(id, Text{"late"}); };
  auto [ours, theirs] = pair.open();
  bool answered = false;
  pair.run([&]() -> Task<void> {
    Message message = ReadLink{"/x"};
    auto answer = co_await pair.client->request_as<Text>(std::move(message));
    REQUIRE(answer);
    answered = true;
  });
  pair.run([&, s = theirs.get()]() -> Task<void> { co_await send_pattern(*s, 1 << 20); });
  pair.run([&, s = ours.get()]() -> Task<void> { co_await receive_pattern(*s, 1 << 20); });
  pair.idle(20ms);
  CHECK_FALSE(answered);
  pair.connect();
  pair.finish();
  CHECK(answered);
}

TEST_CASE("frames that come twice are taken once") {
  // The agent computes what it has received, then more arrives on the old transport, then the client replays
  // from that older number.
  LinkPair pair;
  std::vector<std::uint32_t> requests;
  pair.on_request = [&](std::uint32_t id, Message) { requests.push_back(id); };
  // The first pings must be over: their pongs would acknowledge the requests.
  pair.wait_until([&] { return pair.client->round_trip() > 0us && pair.agent->round_trip() > 0us; });
  auto received_before = pair.agent->received();
  int answers = 0;
  for (int i = 0; i < 3; ++i) {
    pair.run([&]() -> Task<void> {
      Message message = ReadLink{"/x"};
      AWAIT_REQUIRE(co_await pair.client->request(std::move(message)));
      ++answers;
    });
  }
  pair.wait_until([&] { return requests.size() == 3; });
  auto transports = make_transports(pair.context.get_executor());
  auto received = pair.client->received();
  REQUIRE(pair.client->attach(std::move(transports.b), received_before, 1 << 20));
  REQUIRE(pair.agent->attach(std::move(transports.a), received, 1 << 20));
  pair.idle(50ms);
  for (auto id : requests) pair.agent->respond(id, Done{});
  pair.finish();
  CHECK(requests.size() == 3);
  CHECK(answers == 3);
}

TEST_CASE("past the resume window everything fails") {
  LinkOptions options;
  options.resume_window = 1s;
  LinkPair pair(options, false);
  pair.connect(0, 0);
  auto [ours, theirs] = pair.open();
  int ended = 0;
  pair.run([&]() -> Task<void> {
    Message message = ReadLink{"/x"};
    auto answer = co_await pair.client->request(std::move(message));
    REQUIRE(!answer);
    CHECK(answer.error().code == ECONNRESET);
    ++ended;
  });
  for (auto* stream : {ours.get(), theirs.get()}) {
    pair.run([&, stream]() -> Task<void> {
      auto data = co_await stream->read();
      REQUIRE(!data);
      CHECK(data.error().code == ECONNRESET);
      ++ended;
    });
  }
  auto start = std::chrono::steady_clock::now();
  pair.finish();
  auto took = std::chrono::steady_clock::now() - start;
  CHECK(took >= 1s);
  CHECK(took < 10s);
  CHECK(ended == 3);
  pair.wait_until([&] { return pair.client_closed.size() == 1 && pair.agent_closed.size() == 1; });
  CHECK(pair.client_closed[0]->code == ETIMEDOUT);
  auto late = make_transports(pair.context.get_executor());
  CHECK_FALSE(pair.client->attach(std::move(late.a), 0, 1 << 20));
}

TEST_CASE("a transport within the resume window ends the count") {
  LinkOptions options;
  options.resume_window = 1s;
  LinkPair pair(options, false);
  pair.connect(0, 0);
  pair.wait_until([&] { return pair.lost == 1; });
  pair.connect();
  pair.idle(1200ms);
  CHECK(pair.client_closed.empty());
  CHECK(pair.client->has_transport());
}

TEST_CASE("a peer that can't be resumed is refused") {
  LinkPair pair;
  auto one = make_transports(pair.context.get_executor());
  auto result = pair.client->attach(std::move(one.a), 5, 1 << 20);  // it was sent nothing
  REQUIRE(!result);
  CHECK(result.error().code == ESTALE);
  auto two = make_transports(pair.context.get_executor());
  result = pair.client->attach(std::move(two.a), 0, 2 << 20);
  REQUIRE(!result);
  CHECK(result.error().code == EPROTO);
  CHECK(pair.client->has_transport());  // the old one stays
}

TEST_CASE("past replay_limit the link fails") {
  LinkOptions options;
  options.replay_limit = 1 << 20;
  LinkPair pair(options, false);
  for (int i = 0; i < 2000; ++i) pair.agent->notify(Note{Severity::info, std::string(1000, 'x')});
  pair.wait_until([&] { return pair.agent_closed.size() == 1; });
  CHECK(pair.agent_closed[0]->code == ENOBUFS);
}

TEST_CASE("streams wait, and the link lives, when the buffer for replay is full") {
  LinkOptions options;
  options.replay_limit = 256 << 10;
  LinkPair pair(options, true, 16 << 10);
  auto [ours, theirs] = pair.open();
  pair.run([&, s = ours.get()]() -> Task<void> { co_await send_pattern(*s, 4 << 20); });
  pair.run([&, s = theirs.get()]() -> Task<void> { co_await receive_pattern(*s, 4 << 20); });
  pair.finish();
  CHECK(pair.agent_closed.empty());
}
