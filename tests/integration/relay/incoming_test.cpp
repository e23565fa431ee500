// The pod's traffic through the real agent to a listener of the test, which stands for the program's.
#include <algorithm>

#include "catch.hpp"
#include "pod_relay.hpp"
#include "unit/relay/program_sockets.hpp"

using namespace inpod;
using namespace inpod::test;

namespace {

constexpr std::uint16_t port = 8080;

/// The pod's own server: answers every connection with "pod".
class OwnServer {
 public:
  explicit OwnServer(const PodRelay& bench) : fd_(bench.socket_in_pod(AF_INET, SOCK_STREAM)) {
    const auto at = raw(AF_INET, "0.0.0.0", port);
    REQUIRE(::bind(fd_.get(), at.get(), at.length) == 0);
    REQUIRE(::listen(fd_.get(), 16) == 0);
    thread_ = std::thread([this] {
      for (;;) {
        UniqueFd accepted(::accept(fd_.get(), nullptr, nullptr));
        if (stop_) return;
        if (accepted) ::send(accepted.get(), "pod", 3, MSG_NOSIGNAL);
        char data[100];
        if (accepted) ::recv(accepted.get(), data, sizeof(data), 0);
      }
    });
  }
  ~OwnServer() {
    stop_ = true;
    ::shutdown(fd_.get(), SHUT_RDWR);
    thread_.join();
  }

 private:
  UniqueFd fd_;
  std::atomic<bool> stop_ = false;
  std::thread thread_;
};

UniqueFd come_from_world(const PodRelay& bench) {
  auto fd = bench.socket_in_world(AF_INET, SOCK_STREAM);
  const auto to = raw(AF_INET, "10.77.0.2", port);
  REQUIRE(::connect(fd.get(), to.get(), to.length) == 0);
  return fd;
}

bool noted(const PodRelay& bench, const std::string& text) {
  const auto events = bench.events();
  return std::any_of(events.begin(), events.end(), [&](const nlohmann::json& event) {
    return event.value("event", "") == "note" && event.value("text", "").find(text) != std::string::npos;
  });
}

/// The ports of the last activity; null when there was none.
nlohmann::json last_activity(const PodRelay& bench) {
  const auto events = bench.events();
  const auto last = std::find_if(events.rbegin(), events.rend(),
                                 [](const auto& event) { return event.value("event", "") == "activity"; });
  return last == events.rend() ? nlohmann::json() : last->at("incoming");
}

}  // namespace

TEST_CASE("stolen: the program answers the world, with the true peer; afterwards the pod does again") {
  Config config;
  config.incoming.mode = protocol::IncomingMode::steal;
  PodRelay bench(config);
  OwnServer server(bench);
  CHECK(receive(come_from_world(bench).get(), 3) == "pod");
  const auto client = bench.client();
  {
    Listener listener(client, AF_INET, port);
    auto visitor = come_from_world(bench);
    const auto accepted = listener.accept();
    REQUIRE(accepted);
    const auto names = client.call({.op = Op::names, .fd = accepted.get()}).reply;
    CHECK(names.a == 1);
    CHECK(text_of(names.address2) == own_address(visitor.get()));
    CHECK(text_of(names.address) == "10.77.0.2:8080");
    CHECK(::send(visitor.get(), "hi", 2, 0) == 2);
    CHECK(receive(accepted.get(), 2) == "hi");
    CHECK(::send(accepted.get(), "local", 5, 0) == 5);
    CHECK(receive(visitor.get(), 5) == "local");
    client.tell({.op = Op::listener_gone, .a = listener.local_port});  // it isn't: nothing may change
    auto second = come_from_world(bench);
    CHECK(listener.accept());
    listener.fd.reset();
    client.tell({.op = Op::listener_gone, .a = listener.local_port});
  }
  CHECK(eventually(seconds(5), [&] { return receive(come_from_world(bench).get(), 3) == "pod"; }));
}

TEST_CASE("mirrored: the pod answers, the program hears the same") {
  PodRelay bench;
  OwnServer server(bench);
  const auto client = bench.client();
  Listener listener(client, AF_INET, port);
  auto visitor = come_from_world(bench);
  CHECK(::send(visitor.get(), "GET /", 5, 0) == 5);
  const auto accepted = listener.accept();
  REQUIRE(accepted);
  CHECK(receive(accepted.get(), 5) == "GET /");
  CHECK(text_of(client.call({.op = Op::names, .fd = accepted.get()}).reply.address2) ==
        own_address(visitor.get()));
  CHECK(::send(accepted.get(), "local", 5, 0) == 5);
  CHECK(receive(visitor.get(), 8) ==
        "pod");  // the end comes after the pod's answer, and nothing of the program's
}

TEST_CASE("a port changes from mirror to steal and back while the program listens") {
  PodRelay bench;
  OwnServer server(bench);
  const auto client = bench.client();
  using protocol::IncomingMode;
  const auto refused = bench.set_mode(port, IncomingMode::steal);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().text.find("8080") != std::string::npos);

  Listener listener(client, AF_INET, port);
  const auto tells = [&](const char* mode) {
    const auto ports = last_activity(bench);
    return !ports.empty() && ports[0].at("mode") == mode;
  };
  CHECK(eventually(seconds(5), [&] { return tells("mirror"); }));
  REQUIRE(bench.set_mode(port, IncomingMode::steal));
  REQUIRE(bench.set_mode(port, IncomingMode::steal));  // nothing to do
  {
    auto visitor = come_from_world(bench);
    const auto accepted = listener.accept();
    REQUIRE(accepted);
    CHECK(::send(accepted.get(), "local", 5, 0) == 5);
    CHECK(receive(visitor.get(), 5) == "local");
  }
  CHECK(eventually(seconds(5), [&] { return tells("steal"); }));
  REQUIRE(bench.set_mode(port, IncomingMode::mirror));
  auto visitor = come_from_world(bench);
  CHECK(::send(visitor.get(), "GET /", 5, 0) == 5);
  const auto copy = listener.accept();
  REQUIRE(copy);
  CHECK(receive(copy.get(), 5) == "GET /");
  CHECK(receive(visitor.get(), 3) == "pod");
  CHECK(eventually(seconds(5), [&] { return tells("mirror"); }));
}

TEST_CASE("a stolen connection that the program can't take is the pod's") {
  Config config;
  config.incoming.mode = protocol::IncomingMode::steal;
  PodRelay bench(config);
  OwnServer server(bench);
  Listener listener(bench.client(), AF_INET, port);
  listener.fd.reset();  // as when the program was killed: nobody says so
  CHECK(receive(come_from_world(bench).get(), 3) == "pod");
}

TEST_CASE("a full backlog keeps stolen connections waiting, with a word; none goes to the pod") {
  Config config;
  config.incoming.mode = protocol::IncomingMode::steal;
  PodRelay bench(config);
  OwnServer server(bench);
  Listener listener(bench.client(), AF_INET, port, 0);
  std::vector<UniqueFd> visitors;
  for (char i = 'a'; i < 'f'; ++i) {
    visitors.push_back(come_from_world(bench));
    CHECK(::send(visitors.back().get(), &i, 1, 0) == 1);
  }
  CHECK(eventually(seconds(20), [&] { return noted(bench, "backlog"); }));
  std::vector<UniqueFd> accepted;
  std::string came;
  while (accepted.size() < visitors.size()) {
    accepted.push_back(listener.accept());
    REQUIRE(accepted.back());
    came += receive(accepted.back().get(), 1);
    CHECK(::send(accepted.back().get(), "local", 5, 0) == 5);
  }
  for (const auto& visitor : visitors) CHECK(receive(visitor.get(), 5) == "local");
  std::sort(came.begin(), came.end());
  CHECK(came == "abcde");
}

TEST_CASE("a port that somebody else steals is asked for again until it is free") {
  Config config;
  config.incoming.mode = protocol::IncomingMode::steal;
  PodRelay bench(config);
  OwnServer server(bench);
  AgentProcess agent_of_bob(bench.pod().pid());
  auto bob = std::make_unique<AgentClient>(agent_of_bob);
  protocol::Subscribe steal;
  steal.port = port;
  steal.mode = protocol::IncomingMode::steal;
  REQUIRE(bob->ask<protocol::Subscribed>(steal));
  Listener listener(bench.client(), AF_INET, port);
  CHECK(eventually(seconds(5), [&] { return noted(bench, "already stolen by test@here"); }));
  CHECK(noted(bench, "tried again"));
  const auto waits = [&](bool expected) {
    const auto ports = last_activity(bench);
    return !ports.empty() && ports[0].contains("waiting") == expected && ports[0].at("listening") != expected;
  };
  CHECK(eventually(seconds(5), [&] { return waits(true); }));
  REQUIRE(bob->ask<protocol::Done>(protocol::Bye{}));
  CHECK(eventually(seconds(20), [&] { return waits(false); }));
  auto visitor = come_from_world(bench);
  const auto accepted = listener.accept();
  REQUIRE(accepted);
  CHECK(::send(accepted.get(), "local", 5, 0) == 5);
  CHECK(receive(visitor.get(), 5) == "local");
}

TEST_CASE("when the relay closes, the pod serves again and the program sees resets") {
  Config config;
  config.incoming.mode = protocol::IncomingMode::steal;
  auto bench = std::make_unique<PodRelay>(config);
  OwnServer server(*bench);
  Listener listener(bench->client(), AF_INET, port);
  auto visitor = come_from_world(*bench);
  const auto accepted = listener.accept();
  bench->close();
  char byte;
  CHECK(::recv(accepted.get(), &byte, 1, 0) <= 0);
}
