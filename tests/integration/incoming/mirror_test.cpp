// Mirror with a real HTTP server and real clients: the copy is exact, and the server never notices.
#include <unistd.h>

#include <future>

#include "agent.hpp"
#include "catch.hpp"

using namespace inpod;
using namespace inpod::test;
using protocol::IncomingMode;

namespace {

constexpr int port = 8080;

std::string ip_of(const protocol::SocketAddress& address) {
  return std::string(address.ip.begin(), address.ip.end());
}

}  // namespace

TEST_CASE("mirror: requests over IPv4 and IPv6 are copied, and the pod answers them") {
  PodNetwork network;
  network.serve(port);
  TestAgent agent(network);
  TestClient alice(agent, "alice@laptop", collector());
  TestClient bob(agent, "bob@desk", collector());
  REQUIRE(alice.subscribe(port, IncomingMode::mirror));
  REQUIRE(bob.subscribe(port, IncomingMode::mirror));

  CHECK(network.curl("http://{4}:8080/four").out == "pod /four\n");
  CHECK(network.curl("http://{6}:8080/six").out == "pod /six\n");
  const auto posted = network.curl("http://{4}:8080/", {"-d", "some=data"});
  CHECK(posted.out.find("pod 9 ") == 0);
  CHECK(network.curl_in_pod("http://127.0.0.1:8080/lo").out == "pod /lo\n");

  for (auto* client : {&alice, &bob}) {
    const auto received = client->wait_for(4);
    REQUIRE(received.size() == 4);
    CHECK(received[0].bytes.find("GET /four HTTP/1.1\r\n") == 0);
    CHECK(received[0].ended);
    CHECK(received[0].event.mode == IncomingMode::mirror);
    CHECK(received[0].event.local.port == port);
    CHECK(received[0].event.remote.family == protocol::AddressFamily::ipv4);
    CHECK(received[0].event.remote.port != 0);
    CHECK(ip_of(received[0].event.remote).substr(0, 4) == std::string("\x0a\x4d\x00\x09", 4));
    CHECK(received[1].bytes.find("GET /six HTTP/1.1\r\n") == 0);
    CHECK(received[1].event.remote.family == protocol::AddressFamily::ipv6);
    CHECK(received[2].bytes.find("\r\n\r\nsome=data") != std::string::npos);
    CHECK(received[3].bytes.find("GET /lo ") == 0);
  }
  CHECK(network.rules().empty());
  CHECK(alice.notes().empty());
}

TEST_CASE("mirror: the end of a copy tells how much of the pod's answer the peer had got") {
  PodNetwork network;
  network.serve(port);
  TestAgent agent(network);
  TestClient alice(agent, "alice@laptop", collector());
  REQUIRE(alice.subscribe(port, IncomingMode::mirror));
  const auto answer = network.curl("http://{4}:8080/four", {"-i"}).out;
  const std::string closing = R"(
import socket, struct, sys
with socket.create_connection(('10.77.0.2', 8080), 20) as one:
    one.sendall(b'GET /early HTTP/1.1\r\n')
    if sys.argv[1] == 'after':
        one.sendall(b'\r\n')
        while not one.recv(1000).endswith(b'/early\n'): pass
    if sys.argv[2] == 'reset':
        one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
)";
  const auto close = [&](const char* when, const char* how) {
    CHECK(run(network.in_client({"python3", "-c", closing, when, how})).status == 0);
  };
  close("before", "end");
  close("before", "reset");
  close("after", "reset");
  const auto received = alice.wait_for(4);
  REQUIRE(received.size() == 4);
  CHECK(received[0].answered == answer.size());
  CHECK(received[0].ended);
  CHECK(received[1].answered == 0U);
  CHECK(received[1].ended);
  CHECK(received[2].reset == ECONNRESET);
  CHECK_FALSE(received[2].answered);
  CHECK(received[3].reset == ECONNRESET);
  CHECK(received[3].answered.value_or(0) > 20);
  CHECK(received[3].bytes == "GET /early HTTP/1.1\r\n\r\n");
}

TEST_CASE("mirror: a 20 MB upload is copied byte for byte") {
  PodNetwork network;
  network.serve(port);
  TestAgent agent(network);
  TestClient alice(agent, "alice@laptop", collector());
  REQUIRE(alice.subscribe(port, IncomingMode::mirror));
  TemporaryDirectory directory;
  std::string body(20'000'000, '\0');
  std::uint32_t state = 1;
  for (auto& byte : body) byte = char((state = state * 1664525 + 1013904223) >> 24);
  const auto path = directory.write("body", body);

  const auto posted = network.curl("http://{4}:8080/upload", {"--data-binary", "@" + path});
  INFO(posted.err);
  CHECK(posted.out.find("pod 20000000 ") == 0);
  const auto received = alice.wait_for(1, seconds(120));
  REQUIRE(received.size() == 1);
  for (const auto& note : alice.notes()) UNSCOPED_INFO(note);
  const auto& bytes = received[0].bytes;
  REQUIRE(bytes.size() > body.size());
  CHECK(received[0].ended);
  CHECK(bytes.compare(bytes.size() - body.size(), body.size(), body) == 0);
}

TEST_CASE("mirror: a client that does not read loses its copy with a note; the pod and other copies go on") {
  PodNetwork network;
  network.serve(port);
  TestAgent agent(network);
  TestClient slow(agent, "slow@laptop", stuck());
  TestClient quick(agent, "quick@laptop", collector());
  REQUIRE(slow.subscribe(port, IncomingMode::mirror));
  REQUIRE(quick.subscribe(port, IncomingMode::mirror));
  TemporaryDirectory directory;
  const auto path = directory.write("body", std::string(8'000'000, 'x'));
  const auto started = std::chrono::steady_clock::now();
  CHECK(network.curl("http://{4}:8080/", {"--data-binary", "@" + path}).out.find("pod 8000000 ") == 0);
  CHECK(std::chrono::steady_clock::now() - started < seconds(30));
  const auto whole = quick.wait_for(1);
  REQUIRE(whole.size() == 1);
  CHECK(whole[0].ended);
  CHECK(whole[0].bytes.size() > 8'000'000);
  const auto cut = slow.wait_for(1);
  REQUIRE(cut.size() == 1);
  CHECK(cut[0].reset == ECONNRESET);
  CHECK(cut[0].bytes.size() < 8'000'000);
  const auto notes = slow.notes();
  REQUIRE(notes.size() == 1);
  CHECK(notes[0].find("arrives faster than this side takes it") != std::string::npos);
}

TEST_CASE("mirror: packets that the kernel dropped end the copy with a note; the pod is not slowed") {
  PodNetwork network;
  network.serve(port);
  TestAgent agent(network);
  TestClient alice(agent, "alice@laptop", collector());
  REQUIRE(alice.subscribe(port, IncomingMode::mirror));
  TemporaryDirectory directory;
  const auto path = directory.write("body", "");
  constexpr std::size_t size = 250'000'000;  // far more than the kernel keeps for us
  REQUIRE(::truncate(path.c_str(), size) == 0);
  std::promise<void> go_on;
  std::thread stall(
      [&] { agent.call([waiting = go_on.get_future().share()] { waiting.wait_for(seconds(25)); }); });
  const auto posted = network.curl("http://{4}:8080/", {"-T", path, "-X", "POST"});
  go_on.set_value();
  stall.join();
  CHECK(posted.out.find("pod 250000000 ") == 0);
  const auto received = alice.wait_for(1);
  REQUIRE(received.size() == 1);
  CHECK(received[0].reset == ECONNRESET);
  CHECK(received[0].bytes.size() < size);
  REQUIRE_FALSE(alice.notes().empty());
  CHECK(alice.notes()[0].find("kernel dropped") != std::string::npos);
  CHECK(network.curl("http://{4}:8080/next").out == "pod /next\n");
  CHECK(alice.wait_for(2).at(1).bytes.find("GET /next ") == 0);
}

TEST_CASE("mirror: an end of the subscription ends the copies, and what was open before has none") {
  PodNetwork network;
  network.serve(port);
  TestAgent agent(network);
  TestClient alice(agent, "alice@laptop", collector());
  const auto subscription = alice.subscribe(port, IncomingMode::mirror);
  REQUIRE(subscription);
  CHECK(network.curl("http://{4}:8080/one").out == "pod /one\n");
  alice.wait_for(1);
  alice.unsubscribe(*subscription);
  CHECK(network.curl("http://{4}:8080/two").out == "pod /two\n");
  alice.set_away(true);
  REQUIRE(alice.subscribe(port, IncomingMode::mirror));
  CHECK(network.curl("http://{4}:8080/three").out == "pod /three\n");
  alice.set_away(false);
  CHECK(network.curl("http://{4}:8080/four").out == "pod /four\n");
  const auto received = alice.wait_for(2);
  REQUIRE(received.size() == 2);
  CHECK(received[1].bytes.find("GET /four ") == 0);
}

TEST_CASE("mirror: the pod's own connections to the same port elsewhere are not its incoming traffic") {
  PodNetwork network;
  network.serve(port);
  TestAgent agent(network);
  TestClient alice(agent, "alice@laptop", collector());
  REQUIRE(alice.subscribe(port, IncomingMode::mirror));
  Process other(network.in_client({"python3", INCOMING_SERVER, std::to_string(port)}));
  REQUIRE(other.wait_for_output("ready", seconds(60)));
  CHECK(network.curl_in_pod("http://10.77.0.9:8080/outgoing").out == "pod /outgoing\n");
  CHECK(network.curl("http://{4}:8080/incoming").out == "pod /incoming\n");
  const auto received = alice.wait_for(1);
  REQUIRE(received.size() == 1);
  CHECK(received[0].bytes.find("GET /incoming ") == 0);
}

TEST_CASE("what this agent can't do is refused in words") {
  PodNetwork network;
  TestAgent agent(network);
  TestClient alice(agent, "alice@laptop", collector());
  protocol::Subscribe what;
  what.port = 53;
  what.transport = protocol::Transport::datagram;
  for (const auto mode : {IncomingMode::mirror, IncomingMode::steal}) {
    what.mode = mode;
    const auto refused = alice.subscribe(what);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code == ENOTSUP);
    CHECK(refused.error().text.find("UDP") != std::string::npos);
  }
  what.transport = protocol::Transport::stream;
  what.filter = "header x-user: alice";
  CHECK(alice.subscribe(what).error().code == ENOTSUP);
  what.filter.clear();
  what.port = 0;
  CHECK(alice.subscribe(what).error().code == EINVAL);
}
