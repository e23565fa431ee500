// Links over socket pairs: requests and answers, events, heartbeat, and the end.
#include <boost/asio/experimental/awaitable_operators.hpp>

#include "link_fixture.hpp"

using namespace inpod;
using namespace inpod::protocol;
using namespace std::chrono_literals;

namespace {

/// Asks for a link's text and returns it, or the error's text.
Task<std::string> ask(std::shared_ptr<Link> link, std::string path) {
  Message message = ReadLink{path};
  auto answer = co_await link->request_as<Text>(std::move(message));
  co_return answer ? answer->text : answer.error().text;
}

/// Resolves false when `time` passes before `task` has ended; the task is cancelled then.
template <class T>
Task<bool> ends_within(Task<T> task, std::chrono::milliseconds time) {
  using namespace asio::experimental::awaitable_operators;
  auto result = co_await (std::move(task) || sleep_for(time));
  co_return result.index() == 0;
}

}  // namespace

TEST_CASE("answers come in any order") {
  LinkPair pair;
  std::vector<std::uint32_t> ids;
  pair.on_request = [&](std::uint32_t id, Message) {
    ids.push_back(id);
    if (ids.size() < 3) return;
    for (auto i = ids.rbegin(); i != ids.rend(); ++i) pair.agent->respond(*i, Text{std::to_string(*i)});
  };
  std::vector<std::string> answers;
  for (int i = 0; i < 3; ++i) {
    pair.run([&]() -> Task<void> { answers.push_back(co_await ask(pair.client, "/x")); });
  }
  pair.finish();
  CHECK(answers == std::vector<std::string>{"3", "2", "1"});
}

TEST_CASE("a Failure becomes an error; an answer of the wrong type does too") {
  LinkPair pair;
  pair.on_request = [&](std::uint32_t id, Message request) {
    if (std::get<ReadLink>(request).path == "/no") {
      pair.agent->respond(id, Failure{ENOENT, "no such file"});
    } else {
      pair.agent->respond(id, Done{});
    }
    pair.agent->respond(id, Done{});  // a second answer is not sent
  };
  pair.run([&]() -> Task<void> {
    Message message = ReadLink{"/no"};
    auto answer = co_await pair.client->request(std::move(message));
    REQUIRE(!answer);
    CHECK(answer.error().code == ENOENT);
    CHECK(answer.error().text == "no such file");
    AWAIT_CHECK(co_await ask(pair.client, "/x") == "protocol error: unexpected answer");
  });
  pair.finish();
  CHECK(pair.client_closed.empty());
}

TEST_CASE("a request of a feature that the agent did not name is refused here and not sent") {
  LinkPair pair({}, false);
  auto transports = make_transports(pair.context.get_executor());
  REQUIRE(pair.agent->attach(std::move(transports.a), 0, 1 << 20));
  REQUIRE(pair.client->attach(std::move(transports.b), 0, 1 << 20, {"another"}));
  int requests = 0;
  pair.on_request = [&](std::uint32_t id, Message) {
    ++requests;
    pair.agent->respond(id, Text{"done"});
  };
  pair.run([&]() -> Task<void> {
    Message message = ControlFile{};
    auto answer = co_await pair.client->request(std::move(message));
    REQUIRE(!answer);
    CHECK(answer.error().code == EOPNOTSUPP);
    CHECK(answer.error().text == "the agent does not know file-control: it is older than this inpod");
    AWAIT_CHECK(co_await ask(pair.client, "/x") == "done");
  });
  pair.finish();
  CHECK(requests == 1);
}

TEST_CASE("requests past max_requests wait for their turn") {
  LinkOptions options;
  options.max_requests = 2;
  LinkPair pair(options);
  std::size_t open = 0, most = 0, answered = 0;
  pair.on_request = [&](std::uint32_t id, Message) {
    most = std::max(most, ++open);
    pair.run([&, id]() -> Task<void> {
      co_await sleep_for(5ms);
      --open;
      pair.agent->respond(id, Text{"done"});
    });
  };
  for (int i = 0; i < 10; ++i) {
    pair.run([&]() -> Task<void> { answered += co_await ask(pair.client, "/x") == "done"; });
  }
  pair.finish();
  CHECK(answered == 10);
  CHECK(most == 2);
}

TEST_CASE("requests for much data are limited by what they hold in memory") {
  LinkPair pair;
  std::size_t open = 0, most = 0, answered = 0, small = 0;
  pair.on_request = [&](std::uint32_t id, Message request) {
    if (std::holds_alternative<ReadLink>(request)) return pair.agent->respond(id, Text{"done"});
    most = std::max(most, ++open);
    pair.run([&, id]() -> Task<void> {
      co_await sleep_for(20ms);
      --open;
      FileData data;
      data.data.resize(512 << 10);
      pair.agent->respond(id, std::move(data));
    });
  };
  for (int i = 0; i < 100; ++i) {
    pair.run([&]() -> Task<void> {
      Message message = ReadFile{1, 0, 512 << 10, false};
      auto answer = co_await pair.client->request_as<FileData>(std::move(message));
      answered += answer && answer->data.size() == 512 << 10;
    });
  }
  pair.run([&]() -> Task<void> {
    small += co_await ask(pair.client, "/x") == "done";
    CHECK(answered == 0);  // small ones don't wait in line
  });
  pair.finish();
  CHECK(small == 1);
  CHECK(answered == 100);
  CHECK(most > 4);
  CHECK(most <= 32);  // 16 MiB
}

TEST_CASE("a cancelled request is forgotten, and its late answer is undone") {
  LinkPair pair;
  std::uint32_t request = 0;
  std::vector<std::uint64_t> closed_handles;
  pair.on_request = [&](std::uint32_t id, Message message) {
    if (auto* close = std::get_if<CloseFile>(&message)) {
      closed_handles.push_back(close->handle);
      pair.agent->respond(id, Done{});
    } else {
      request = id;
    }
  };
  std::unique_ptr<Stream> stream;
  pair.run([&]() -> Task<void> {
    Message message = OpenFile{"/x", 0, 0, 1 << 20, 0};
    AWAIT_CHECK(!(co_await ends_within(pair.client->request(std::move(message)), 50ms)));
    REQUIRE(request != 0);
    stream = *pair.agent->open_stream();
    OpenedFile opened;
    opened.handle = 42;
    opened.stream = stream->id();
    pair.agent->respond(request, opened);
    auto read = co_await stream->read();
    REQUIRE(!read);
    CHECK(read.error().code == ECONNRESET);
    while (closed_handles.empty()) co_await sleep_for(1ms);
  });
  pair.finish();
  CHECK(closed_handles == std::vector<std::uint64_t>{42});
  CHECK(pair.client_closed.empty());
}

TEST_CASE("a request cancelled before it was sent is never sent") {
  LinkPair pair({}, false);
  int requests = 0;
  pair.on_request = [&](std::uint32_t id, Message) {
    ++requests;
    pair.agent->respond(id, Text{"x"});
  };
  pair.run([&]() -> Task<void> {
    AWAIT_CHECK(!(co_await ends_within(ask(pair.client, "/x"), 20ms)));
    pair.connect();
    AWAIT_CHECK(co_await ask(pair.client, "/y") == "x");
  });
  pair.finish();
  CHECK(requests == 1);
}

TEST_CASE("events arrive in order") {
  LinkPair pair;
  std::vector<std::string> texts;
  pair.on_event = [&](Message event) { texts.push_back(std::get<Note>(event).text); };
  for (int i = 0; i < 1000; ++i) pair.agent->notify(Note{Severity::info, std::to_string(i)});
  pair.run([&]() -> Task<void> {
    while (texts.size() < 1000) co_await sleep_for(1ms);
  });
  pair.finish();
  for (int i = 0; i < 1000; ++i) REQUIRE(texts[static_cast<std::size_t>(i)] == std::to_string(i));
}

TEST_CASE("an answer that is too large becomes EMSGSIZE") {
  LinkPair pair;
  pair.on_request = [&](std::uint32_t id, Message) {
    pair.agent->respond(id, Text{std::string(2 << 20, 'x')});
  };
  pair.run([&]() -> Task<void> {
    Message message = ReadLink{"/x"};
    auto answer = co_await pair.client->request(std::move(message));
    REQUIRE(!answer);
    CHECK(answer.error().code == EMSGSIZE);
  });
  pair.finish();
}

TEST_CASE("the heartbeat measures the round trip") {
  LinkOptions options;
  options.heartbeat = 10ms;
  LinkPair pair(options);
  CHECK(pair.client->round_trip() == 0us);
  pair.wait_until([&] { return pair.client->round_trip() > 0us && pair.agent->round_trip() > 0us; });
  CHECK(pair.client->round_trip() < 5s);
  CHECK(pair.lost == 0);
}

TEST_CASE("a silent transport is lost, a quiet one is not") {
  LinkOptions options;
  options.heartbeat = 20ms;
  options.silence = 100ms;
  LinkPair pair(options);
  pair.idle(400ms);
  CHECK(pair.lost == 0);
  auto dead = make_transports(pair.context.get_executor());
  std::string why;
  pair.on_lost = [&](Error error) { why = error.text; };
  REQUIRE(pair.client->attach(std::move(dead.a), 0, options.stream_window));  // nobody answers at dead.b
  pair.idle(60ms);
  CHECK(pair.client->has_transport());
  pair.wait_until([&] { return pair.lost == 1; });
  CHECK_FALSE(pair.client->has_transport());
  CHECK(why.find("nothing was heard") == 0);
}

TEST_CASE("a peer that says nothing to what was sent is in doubt long before its transport is lost") {
  LinkOptions options;
  options.heartbeat = 20ms;
  options.doubt = 100ms;
  options.silence = 20s;
  LinkPair pair(options);
  pair.agent->notify(Note{Severity::info, "heard"});
  pair.idle(400ms);
  CHECK(pair.agent->answers());
  auto dead = make_transports(pair.context.get_executor());
  REQUIRE(pair.agent->attach(std::move(dead.a), pair.client->received(), options.stream_window));
  pair.idle(400ms);
  CHECK(pair.agent->answers());  // nothing was asked of it
  pair.agent->notify(Note{Severity::info, "into the void"});
  pair.wait_until([&] { return !pair.agent->answers(); });
  CHECK(pair.agent->has_transport());
  pair.connect();
  pair.wait_until([&] { return pair.agent->answers(); });
}

TEST_CASE("whether a peer was heard since is asked of it, for a bounded time") {
  LinkPair pair;
  const auto ask_now = [&](bool expected) {
    pair.run([&, expected]() -> Task<void> {
      const bool heard = co_await pair.agent->heard_since(std::chrono::steady_clock::now(), 300ms);
      CHECK(heard == expected);
    });
    pair.finish();
  };
  ask_now(true);
  auto dead = make_transports(pair.context.get_executor());
  const auto before = std::chrono::steady_clock::now();
  REQUIRE(pair.agent->attach(std::move(dead.a), pair.client->received(), LinkOptions{}.stream_window));
  ask_now(false);
  pair.run([&]() -> Task<void> {  // the handshake was a word of its own
    const bool heard = co_await pair.agent->heard_since(before, 0ms);
    CHECK(heard);
  });
  pair.finish();
  dead.b.reset();
  pair.wait_until([&] { return !pair.agent->has_transport(); });
  ask_now(false);
}

TEST_CASE("when a link ends, nothing in it waits any longer") {
  LinkOptions options;
  options.stream_window = 8 << 10;
  LinkPair pair(options);
  auto [ours, theirs] = pair.open();
  int ended = 0;
  pair.run([&]() -> Task<void> {
    AWAIT_CHECK(co_await ask(pair.client, "/never") == "the test is over");
    ++ended;
  });
  pair.run([&, stream = theirs.get()]() -> Task<void> {
    auto data = co_await stream->read();
    REQUIRE(!data);
    CHECK(data.error().code == ECONNRESET);
    ++ended;
  });
  pair.run([&, stream = theirs.get()]() -> Task<void> {  // more than the window: waits for credit
    Bytes much(100 << 10);
    auto written = co_await stream->write(much);
    REQUIRE(!written);
    CHECK(written.error().code == ECONNRESET);
    ++ended;
  });
  pair.run([&, stream = ours.get()]() -> Task<void> {
    for (;;) {
      auto data = co_await stream->read();
      if (!data) break;
      co_await sleep_for(1h);  // never comes here twice: its credit stays taken
    }
  });
  pair.run([&]() -> Task<void> {
    co_await sleep_for(50ms);
    pair.client->close(Error{EPERM, "the test is over", {}});
    CHECK(ended == 0);  // nothing runs inside close()
  });
  pair.run([&]() -> Task<void> {
    while (ended < 3 || pair.agent_closed.empty()) co_await sleep_for(1ms);
    pair.context.stop();
  });
  pair.idle(5s);
  CHECK(ended == 3);
  REQUIRE(pair.client_closed.size() == 1);
  CHECK(pair.client_closed[0]->text == "the test is over");
  REQUIRE(pair.agent_closed.size() == 1);
  CHECK(pair.agent_closed[0]->code == EPERM);
  CHECK(pair.agent_closed[0]->text == "the peer closed the session: the test is over");
  CHECK(pair.client->open_stream().error().code == ECONNRESET);
  CHECK(pair.client->take_stream(99).error().code == ECONNRESET);
}

TEST_CASE("closing by ourselves is no error, and is told once") {
  LinkPair pair;
  pair.client->close();
  pair.client->close(Error{1, "again", {}});
  pair.wait_until([&] { return pair.client_closed.size() == 1 && pair.agent_closed.size() == 1; });
  pair.idle(20ms);
  REQUIRE(pair.client_closed.size() == 1);
  CHECK_FALSE(pair.client_closed[0].has_value());
  REQUIRE(pair.agent_closed.size() == 1);
  CHECK(pair.agent_closed[0]->text == "the peer closed the session");
  CHECK(pair.lost == 0);
}

TEST_CASE("a dropped link fails what waits and calls nobody") {
  LinkPair pair;
  std::string answer;
  pair.run([&]() -> Task<void> {
    Message message = ReadLink{"/x"};
    auto waiting = pair.client->request(std::move(message));
    pair.client.reset();
    auto result = co_await std::move(waiting);
    CHECK(!result);
  });
  pair.finish();
  pair.wait_until([&] { return pair.agent_closed.size() == 1; });
  CHECK(pair.client_closed.empty());
  pair.client = Link::create(pair.context.get_executor(), {}, {});
}

TEST_CASE("flush_and_close sends what is queued") {
  LinkPair pair({}, true, 8 << 10);
  std::size_t events = 0;
  pair.on_event = [&](Message) { ++events; };
  auto [ours, theirs] = pair.open();
  Bytes received;
  pair.run([&, stream = theirs.get()]() -> Task<void> {
    for (;;) {
      auto data = co_await stream->read();
      REQUIRE(data);
      if (data->empty()) break;
      received.insert(received.end(), data->begin(), data->end());
    }
  });
  pair.run([&, stream = ours.get()]() -> Task<void> {
    Bytes data(500 << 10, 7);
    AWAIT_REQUIRE(co_await stream->write(data));
    stream->finish();
    for (int i = 0; i < 500; ++i) pair.agent->notify(Note{Severity::info, std::string(1000, 'x')});
    co_await pair.agent->flush_and_close(5s);
  });
  pair.finish();
  pair.wait_until([&] { return pair.client_closed.size() == 1 && pair.agent_closed.size() == 1; });
  CHECK(received.size() == 500 << 10);
  CHECK(events == 500);
}

TEST_CASE("flush_and_close does not wait past its bound") {
  LinkPair pair({}, false);
  auto dead = make_transports(pair.context.get_executor(), 8 << 10);
  REQUIRE(pair.agent->attach(std::move(dead.a), 0, 1 << 20));
  for (int i = 0; i < 1000; ++i) pair.agent->notify(Note{Severity::info, std::string(1000, 'x')});
  auto start = std::chrono::steady_clock::now();
  pair.run([&]() -> Task<void> { co_await pair.agent->flush_and_close(200ms); });
  pair.finish();
  auto took = std::chrono::steady_clock::now() - start;
  CHECK(took >= 200ms);
  CHECK(took < 5s);
  pair.wait_until([&] { return pair.agent_closed.size() == 1; });
}
