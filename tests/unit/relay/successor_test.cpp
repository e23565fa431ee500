// The pod goes and another one takes its place: what debuggees keep, what they lose, and that nothing of the
// old agent's numbers reaches the new one.
#include <future>

#include "catch.hpp"
#include "unit/relay/bench.hpp"
#include "unit/relay/program_sockets.hpp"
#include "unit/relay/reader.hpp"

using namespace inpod;
using namespace inpod::test;

namespace {

protocol::Pod successor() {
  protocol::Pod pod;
  pod.hostname = "checkout-8e0";
  return pod;
}

}  // namespace

TEST_CASE("what is asked while there is no pod is answered by the successor") {
  Bench bench;
  bench.agent.files["/etc/app.conf"] = {"of the first"};
  const auto client = bench.client();
  CHECK(Reader(client, "/etc/app.conf").read(0, 100) == "of the first");
  bench.lose_pod();
  bench.on_loop([&] { bench.agent.files["/etc/app.conf"].content = "of the second"; });
  auto waiting = std::async(std::launch::async, [&] { return Reader(client, "/etc/app.conf").read(0, 100); });
  // Another operation is through meanwhile: nothing else is held up.
  CHECK(client.call({.op = relay::Op::host}).data.starts_with("checkout-7d9"));
  bench.come_to_successor(successor());
  CHECK(waiting.get() == "of the second");
  CHECK(client.call({.op = relay::Op::host}).data.starts_with("checkout-8e0"));
}

TEST_CASE("files that were open in the pod that has gone are lost, never another pod's") {
  Config config;
  config.files.mode = "write";
  Bench bench(config);
  bench.agent.files["/small"] = {"whole"};
  bench.agent.files["/big"] = {std::string(20 << 20, 'b')};
  bench.agent.files["/data/out"] = {"0123456789"};
  const auto client = bench.client();
  Reader out(client, "/data/out", O_RDWR), small(client, "/small"), big(client, "/big");
  REQUIRE(out.opened.reply.error == 0);
  bench.lose_pod();
  bench.come_to_successor(successor());
  // The first file of the new agent has the number that the old agent's first one had.
  Reader other(client, "/small", O_RDWR);
  REQUIRE(other.opened.reply.error == 0);
  CHECK(small.read(0, 100) == "whole");
  CHECK(big.read((20 << 20) - 10, 10).empty());
  CHECK(big.error == ESTALE);
  using relay::Op;
  CHECK(client.call({.op = Op::write, .a = out.handle(), .data = "lost"}).reply.error == ESTALE);
  CHECK(client.call({.op = Op::read, .a = out.handle(), .b = 4}).reply.error == ESTALE);
  CHECK(client.call({.op = Op::truncate, .a = out.handle(), .b = 0}).reply.error == ESTALE);
  CHECK(client.call({.op = Op::write, .a = other.handle(), .data = "W"}).reply.a == 1);
  CHECK(bench.on_loop([&] { return bench.agent.files["/small"].content; }) == "Whole");
  CHECK(bench.on_loop([&] { return bench.agent.files["/data/out"].content; }) == "0123456789");
  CHECK(bench.eventually([&] {
    return std::any_of(bench.events.begin(), bench.events.end(), [](const auto& event) {
      return event.value("text", "").find("/data/out") != std::string::npos;
    });
  }));
  // Their end closes nothing of the new agent's but its own file.
  for (const auto handle : {out.handle(), small.handle(), big.handle(), other.handle()})
    client.tell({.op = Op::release, .a = handle});
  CHECK(bench.eventually([&] { return bench.agent.asked["close"] > 0; }));
  CHECK(bench.asked("close") == 1);
  CHECK(bench.on_loop([&] { return bench.agent.open.empty(); }));
}

TEST_CASE("ports that a program listens on are subscribed in the successor, with its choice of mode") {
  Config config;
  config.incoming.mode = protocol::IncomingMode::steal;
  Bench bench(config);
  const auto client = bench.client();
  Listener listener(client, AF_INET, 8080);
  REQUIRE(bench.on_loop([&] { return bench.agent.subscribed.size(); }) == 1);
  bench.lose_pod();
  bench.come_to_successor(successor());
  CHECK(bench.eventually([&] { return bench.agent.subscribed.size() == 1; }));
  CHECK(bench.on_loop([&] { return bench.agent.subscribed[0].port; }) == 8080);
  CHECK(bench.on_loop([&] { return bench.agent.subscribed[0].mode; }) == protocol::IncomingMode::steal);
  CHECK(bench.on_loop([&] { return bench.agent.unsubscribed.empty(); }));
}
