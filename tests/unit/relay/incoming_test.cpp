// Listeners of the program and the connections that come to them, over a real relay and a scripted agent.
#include <fcntl.h>
#include <poll.h>
#include <sys/un.h>

#include <algorithm>

#include "catch.hpp"
#include "relay/incoming.hpp"
#include "unit/relay/bench.hpp"
#include "unit/relay/program_sockets.hpp"

using namespace inpod;
using namespace inpod::test;
namespace {

std::shared_ptr<protocol::Stream> come(Bench& bench, protocol::IncomingMode mode, std::uint16_t port) {
  std::shared_ptr<protocol::Stream> stream = std::move(*bench.agent.link->open_stream());
  bench.agent.link->notify(
      protocol::Incoming{1, stream->id(), mode, ipv4("10.244.1.7", 51234), ipv4("10.0.0.9", port)});
  return stream;
}

Task<void> collect(std::shared_ptr<protocol::Stream> from, std::string& into, int& code) {
  for (;;) {
    auto data = co_await from->read();
    if (!data) {
      code = data.error().code;
      co_return;
    }
    if (data->empty()) {
      code = 0;
      co_return;
    }
    into.append(data->begin(), data->end());
  }
}

}  // namespace

TEST_CASE("stolen connections come to the program's listener with the true peer") {
  Config config;
  config.incoming.mode = protocol::IncomingMode::steal;
  Bench bench(config);
  const auto client = bench.client();
  const int domain = GENERATE(AF_INET, AF_INET6);
  Listener listener(client, domain, 8080);
  REQUIRE(bench.on_loop([&] { return bench.agent.subscribed.size(); }) == 1);
  CHECK(bench.on_loop([&] { return bench.agent.subscribed[0].port; }) == 8080);
  CHECK(text_of(client.call({.op = Op::names, .fd = listener.fd.get()}).reply.address) ==
        (domain == AF_INET ? "0.0.0.0:8080" : "::|8080"));

  auto stream = bench.on_loop([&] { return come(bench, protocol::IncomingMode::steal, 8080); });
  std::string output;
  int code = -1;
  bench.on_loop([&] {
    bench.agent.spawn(collect(stream, output, code));
    bench.agent.spawn([](std::shared_ptr<protocol::Stream> to) -> Task<void> {
      const std::string text = "GET /";
      co_await to->write({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
      to->finish();
    }(stream));
  });
  UniqueFd accepted(::accept(listener.fd.get(), nullptr, nullptr));
  const auto names = client.call({.op = Op::names, .fd = accepted.get()}).reply;
  CHECK(names.a == 1);
  CHECK(text_of(names.address2) == (domain == AF_INET ? "10.244.1.7:51234" : "::ffff:10.244.1.7|51234"));
  CHECK(text_of(names.address) == (domain == AF_INET ? "10.0.0.9:8080" : "::ffff:10.0.0.9|8080"));
  CHECK(receive(accepted.get(), 100) == "GET /");
  CHECK(::send(accepted.get(), "200", 3, 0) == 3);
  accepted.reset();
  CHECK(bench.eventually([&] { return code == 0; }));
  CHECK(output == "200");
  bench.on_loop([&] { stream.reset(); });
  const auto activity = [&] { return bench.events.empty() ? nlohmann::json() : bench.events.back(); };
  CHECK(bench.eventually([&] {
    const auto last = activity();
    return last.value("event", "") == "activity" && last["incoming"].size() == 1 &&
           last["incoming"][0]["open"] == 0 && last["incoming"][0]["requests"] == 1;
  }));
}

TEST_CASE("a port on which the pod does not listen is told, with those on which it does") {
  Config config;
  const bool listened = GENERATE(false, true);
  config.incoming.map[3000] = listened ? 443 : 8080;
  Bench bench(config);
  bench.on_loop([&] { bench.agent.listeners = {{80, 443, 40001}, {15000}}; });
  const auto client = bench.client();
  Listener listener(client, AF_INET, 3000), other(client, AF_INET, 9000);
  const auto told = [&](const std::string& text) {
    return std::any_of(bench.events.begin(), bench.events.end(), [&](const auto& event) {
      return event.value("event", "") == "note" && event.value("severity", "") == "warning" &&
             event.value("text", "").find(text) == 0;
    });
  };
  const std::string advice =
      ": nothing listens on it in the pod, which listens on 80, 443: for that traffic map the program's port "
      "to the pod's, incoming.map: ";
  CHECK(bench.eventually([&] { return told("port 9000" + advice + "{9000: 80}"); }));
  if (!listened)
    CHECK(bench.eventually([&] { return told("port 8080" + advice + "{3000: 80}"); }));
  else
    CHECK_FALSE(bench.on_loop([&] { return told("port 443"); }));
}

TEST_CASE("nothing is advised about ports where nothing is known") {
  CHECK_FALSE(relay::port_advice({}, 8080, 8080));
  CHECK_FALSE(relay::port_advice({{}, {80}}, 8080, 8080));
  CHECK_FALSE(relay::port_advice({{40001}, {}}, 8080, 8080));
  CHECK_FALSE(relay::port_advice({{80}, {8080}}, 8080, 8080));
  CHECK_FALSE(relay::port_advice({{80, 8080}, {}}, 8080, 8080));
}

TEST_CASE("what a program answers to mirrored traffic goes nowhere") {
  Bench bench;
  Listener listener(bench.client(), AF_INET, 80);
  CHECK(bench.on_loop([&] { return bench.agent.subscribed.at(0).mode; }) == protocol::IncomingMode::mirror);
  std::string output;
  int code = -1;
  bench.on_loop([&] {
    auto stream = come(bench, protocol::IncomingMode::mirror, 80);
    bench.agent.spawn(collect(stream, output, code));
  });
  UniqueFd accepted(::accept(listener.fd.get(), nullptr, nullptr));
  CHECK(::send(accepted.get(), "answer", 6, 0) == 6);
  accepted.reset();
  CHECK(bench.eventually([&] { return code == 0; }));
  CHECK(output.empty());
}

TEST_CASE("the end of a mirrored connection waits for the program's answer, if the pod had answered") {
  Bench bench;
  Listener listener(bench.client(), AF_INET, 80);
  const bool reset = GENERATE(false, true);
  const std::uint64_t answered = GENERATE(0, 6);
  CAPTURE(reset, answered);
  const auto before = bench.received();
  auto stream = bench.on_loop([&] {
    auto made = come(bench, protocol::IncomingMode::mirror, 80);
    bench.agent.spawn(
        [](Bench& of, std::shared_ptr<protocol::Stream> to, std::uint64_t got, bool by_reset) -> Task<void> {
          const std::string text = "GET /";
          co_await to->write({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
          of.agent.link->notify(protocol::PeerClosed{to->id(), got});
          by_reset ? to->reset(ECONNRESET) : to->finish();
        }(bench, made, answered, reset));
    return made;
  });
  const auto accepted = listener.accept();
  REQUIRE(accepted);
  CHECK(receive(accepted.get(), 5) == "GET /");
  constexpr int frames = 4;  // Incoming, the request, PeerClosed, the end
  for (int i = 0; i < 1000 && bench.received() < before + frames; ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  REQUIRE(bench.received() >= before + frames);
  bench.on_loop([] {});
  char byte = 0;
  const auto look = [&] { return ::recv(accepted.get(), &byte, 1, MSG_PEEK); };
  if (answered != 0) {
    CHECK((::recv(accepted.get(), &byte, 1, MSG_PEEK | MSG_DONTWAIT) == -1 && errno == EAGAIN));
    CHECK(::send(accepted.get(), "answer", 6, MSG_NOSIGNAL) == 6);
  }
  const auto end = look();
  if (reset)
    CHECK((end == -1 && errno == ECONNRESET));
  else
    CHECK(end == 0);
}

TEST_CASE("without a listener a connection is refused, so that the agent gives it to the pod") {
  Bench bench;
  int code = -1;
  std::string output;
  Listener listener(bench.client(), AF_INET, 80);
  SECTION("closed just now") {
    listener.fd.reset();
  }
  SECTION("closed, and said so") {
    listener.fd.reset();
    bench.client().tell({.op = Op::listener_gone, .a = listener.local_port});
    CHECK(bench.eventually([&] { return bench.agent.unsubscribed.size() == 1; }));
  }
  bench.on_loop(
      [&] { bench.agent.spawn(collect(come(bench, protocol::IncomingMode::steal, 80), output, code)); });
  CHECK(bench.eventually([&] { return code == ECONNREFUSED; }));
  CHECK(bench.eventually([&] { return bench.agent.unsubscribed.size() == 1; }));
}

TEST_CASE("a listener that is still open elsewhere stays subscribed") {
  Bench bench;
  Listener listener(bench.client(), AF_INET, 80);
  UniqueFd copy(::dup(listener.fd.get()));
  listener.fd.reset();
  const auto client = bench.client();
  const auto telling = client.connect();
  RelayClient::send(telling.get(), {.op = Op::listener_gone, .a = listener.local_port});
  Received none;
  CHECK_FALSE(RelayClient::receive(telling.get(), none));  // it has looked
  CHECK(client.call({.op = Op::stat, .a = 1, .text = "/nothing"}).reply.error ==
        ENOENT);  // what it told the agent has come there
  CHECK(bench.on_loop([&] { return bench.agent.unsubscribed.empty(); }));
  Listener second(bench.client(), AF_INET, 80);
  CHECK(bench.on_loop([&] { return bench.agent.subscribed.size(); }) == 1);  // one subscription for both
}

TEST_CASE("ports: ignored, chosen, mapped") {
  Config config;
  config.incoming.ignore_ports = {9229};
  config.incoming.map = {{3000, 80}};
  Bench bench(config);
  const auto client = bench.client();
  Listener ignored(client, AF_INET, 9229), anywhere(client, AF_INET, 0), mapped(client, AF_INET, 3000);
  const auto ports = bench.on_loop([&] {
    std::vector<int> result;
    for (auto& entry : bench.agent.subscribed) result.push_back(entry.port);
    return result;
  });
  CHECK(ports == std::vector<int>{80});
}

TEST_CASE("a program that connects to itself does so without the pod") {
  Bench bench;
  const auto client = bench.client();
  Listener listener(client, AF_INET, 8080);
  for (const char* host : {"127.0.0.1", "10.0.0.9"}) {
    auto fd = make_socket(AF_INET, SOCK_STREAM);
    CHECK(connect_in_pod(client, fd.get(), raw(AF_INET, host, 8080), true) == 0);
    UniqueFd accepted(::accept(listener.fd.get(), nullptr, nullptr));
    CHECK(accepted);
  }
  CHECK(bench.asked("connect") == 0);
}

namespace {

/// op bound, by which the relay binds; its errno.
int bind_in_pod(const RelayClient& client, int fd, const Raw& asked) {
  const std::uint64_t families = asked.storage.ss_family == AF_INET ? relay::bound_ipv4 : relay::bound_ipv6;
  return client
      .call({.op = Op::bound,
             .b = families,
             .c = 1,
             .fd = fd,
             .address = asked.get(),
             .address_length = asked.length})
      .reply.error;
}

}  // namespace

TEST_CASE("a socket is bound to addresses of the pod alone, and keeps its source there") {
  Bench bench;
  protocol::Connect asked;
  int failing = 0;
  bench.agent.on_connect = [&](std::uint32_t id, const protocol::Connect& request) {
    asked = request;
    if (request.bind.port != 0 && failing != 0)
      return bench.agent.link->respond(id, protocol::Failure{std::exchange(failing, 0), "the port"});
    bench.agent.spawn(bench.agent.echo(bench.agent.connected(id, request.bind, request.remote)));
  };
  const auto client = bench.client();
  auto fd = make_socket(AF_INET, SOCK_STREAM);
  CHECK(bind_in_pod(client, fd.get(), raw(AF_INET, "10.0.0.10", 80)) == EADDRNOTAVAIL);
  CHECK(own_port(fd.get()) == 0);
  const bool any_port = GENERATE(false, true), taken = GENERATE(false, true);
  CAPTURE(any_port, taken);
  REQUIRE(bind_in_pod(client, fd.get(), raw(AF_INET, "10.0.0.9", any_port ? 0 : 4567)) == 0);
  const auto port = any_port ? own_port(fd.get()) : 4567;
  CHECK(text_of(client.call({.op = Op::names, .fd = fd.get()}).reply.address) ==
        "10.0.0.9:" + std::to_string(port));
  failing = taken ? EADDRINUSE : 0;
  const int code = connect_in_pod(client, fd.get(), raw(AF_INET, "10.1.2.3", 80), true);
  CHECK(code == (taken && !any_port ? EADDRINUSE : 0));
  CHECK(bench.on_loop([&] { return asked.bind; }) ==
        ipv4("10.0.0.9", taken && any_port ? 0 : static_cast<std::uint16_t>(port)));
}

TEST_CASE("a connection goes to the listener that a kernel would choose") {
  Config config;
  config.incoming.mode = protocol::IncomingMode::steal;
  Bench bench(config);
  const auto client = bench.client();
  auto at_address = make_socket(AF_INET, SOCK_STREAM);
  REQUIRE(bind_in_pod(client, at_address.get(), raw(AF_INET, "10.0.0.9", 8080)) == 0);
  Listener of_ipv4(client, AF_INET, 8080), of_both(client, AF_INET6, 8080);
  const bool with_address = GENERATE(true, false);
  if (with_address) {
    REQUIRE(::listen(at_address.get(), 8) == 0);
    client.call({.op = Op::listening, .fd = at_address.get()});
  }
  const auto come_to = [&](protocol::SocketAddress local) {
    bench.on_loop([&] {
      auto stream = std::move(*bench.agent.link->open_stream());
      auto remote = local;
      remote.port = 51234;
      bench.agent.link->notify(
          protocol::Incoming{1, stream->id(), protocol::IncomingMode::steal, remote, local});
    });
  };
  const auto accepts = [](int fd) { return static_cast<bool>(UniqueFd(::accept(fd, nullptr, nullptr))); };
  protocol::SocketAddress ipv6{protocol::AddressFamily::ipv6, {0xfd, 0, 1}, 8080, 0, {}};
  come_to(ipv4("10.0.0.9", 8080));
  CHECK(accepts(with_address ? at_address.get() : of_ipv4.fd.get()));
  come_to(ipv4("10.0.0.8", 8080));
  CHECK(accepts(of_ipv4.fd.get()));
  come_to(ipv6);
  CHECK(accepts(of_both.fd.get()));
}
