// Health checks reach the pod while its port is stolen; everything else does not, and is not held up.
#include "agent.hpp"
#include "catch.hpp"

using namespace inpod;
using namespace inpod::test;
using protocol::IncomingMode;

TEST_CASE("health checks go to the pod") {
  PodNetwork network;
  network.serve(8080);
  TestAgent agent(network);
  TestClient alice(agent, "alice@laptop", http_answer("alice\n"));
  REQUIRE(alice.subscribe(8080, IncomingMode::steal,
                          {{"http", "/healthz", 8080}, {"tcp", "", 8080}, {"http", "/other", 9090}}));

  // By the kubelet's name, from anywhere and for any path.
  CHECK(network.curl("http://{4}:8080/ready", {"-A", "kube-probe/1.30"}).out == "pod /ready\n");
  CHECK(network.curl("http://{6}:8080/ready", {"-A", "kube-probe/1.30"}).out == "pod /ready\n");
  // By path, from the node only; the path of another port's check does not count.
  const std::vector<std::string> from_node{"--interface", node_ipv4};
  CHECK(network.curl("http://{4}:8080/healthz", from_node).out == "pod /healthz\n");
  CHECK(network.curl("http://{4}:8080/healthz").out == "alice\n");
  CHECK(network.curl("http://{4}:8080/healthz/more", from_node).out == "alice\n");
  CHECK(network.curl("http://{4}:8080/other", from_node).out == "alice\n");
  CHECK(network.curl("http://{4}:8080/", {"-A", "curl kube-probe/1.30"}).out == "alice\n");
  CHECK(network.curl("http://{4}:8080/", {"-d", "x=y"}).out == "alice\n");
  CHECK(alice.wait_for(5).size() == 5);
}

TEST_CASE("a TCP check from the node is not the client's") {
  PodNetwork network;
  network.serve(8080);
  TestAgent agent(network);
  TestClient alice(agent, "alice@laptop", collector());
  REQUIRE(alice.subscribe(8080, IncomingMode::steal, {{"tcp", "", 8080}}));
  const auto check = [&](const char* address) {
    return run(network.in_client({"python3", "-c",
                                  "import socket; socket.create_connection(('10.77.0.2', 8080), 10, ('" +
                                      std::string(address) + "', 0)).close()"}),
               {}, seconds(60))
        .status;
  };
  CHECK(check(node_ipv4) == 0);
  CHECK(check(client_ipv4) == 0);
  const auto received = alice.wait_for(1);
  REQUIRE(received.size() == 1);
  CHECK(received[0].event.remote.ip[3] == 9);
}

TEST_CASE("a silent peer is the client's after a moment, checks or not") {
  PodNetwork network;
  TestAgent agent(network);
  std::atomic<bool> came{false};
  TestClient alice(agent, "alice@laptop", collector());
  REQUIRE(alice.subscribe(8080, IncomingMode::steal, {{"http", "/healthz", 8080}}));
  Process silent(
      network.in_client({"python3", "-c",
                         "import socket, sys; s = socket.create_connection(('10.77.0.2', 8080), 10); "
                         "print('connected', flush=True); sys.stdin.read()"}),
      {.keep_stdin = true});
  REQUIRE(silent.wait_for_output("connected", seconds(60)));
  CHECK(eventually(seconds(5), [&] { return alice.count() == 1; }));
  silent.close_stdin();
  alice.wait_for(1);
}
