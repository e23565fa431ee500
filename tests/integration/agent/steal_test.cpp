// Stealing through the real agent: who may take a port from whom, what becomes of the connections of a client
// that is gone, and whose connections stay with the pod.
#include "agent_client.hpp"
#include "catch.hpp"
#include "pod.hpp"

using namespace inpod;
using namespace inpod::test;

namespace {

constexpr std::uint16_t port = 8080;

Result<protocol::Subscribed> steal(AgentClient& client) {
  protocol::Subscribe what;
  what.port = port;
  what.mode = protocol::IncomingMode::steal;
  return client.ask<protocol::Subscribed>(what);
}

std::size_t connections(const AgentClient& client) {
  std::size_t count = 0;
  for (const auto& event : client.events()) count += std::holds_alternative<protocol::Incoming>(event);
  return count;
}

bool noted(const AgentClient& client, const std::string& text) {
  for (const auto& event : client.events())
    if (const auto* note = std::get_if<protocol::Note>(&event);
        note && note->text.find(text) != std::string::npos)
      return true;
  return false;
}

/// Sends a line to the pod's port, and prints what comes back: all of it, or the error.
std::vector<std::string> visitor(const std::string& address) {
  return {"python3", "-c", R"(
import socket, sys
s = socket.create_connection((sys.argv[1], 8080), 30)
s.sendall(b'hello\n')
try: print('got', s.recv(100))
except OSError as e: print('error', e.errno)
)",
          address};
}

/// In the pod's container: answers each connection with "pod".
std::vector<std::string> own_server() {
  return {"python3", "-u", "-c", R"(
import socket
s = socket.create_server(('', 8080)); print('up')
while True:
    c, a = s.accept(); c.recv(100); c.sendall(b'pod'); c.close()
)"};
}

}  // namespace

TEST_CASE("What a killed session stole is its successor's at once", "[steal]") {
  TestPod pod;
  AgentProcess agent(pod.pid());
  AgentClient ghost(agent);
  REQUIRE(steal(ghost));
  const auto before = agent.fds();
  ghost.cut();
  CHECK(eventually(seconds(5), [&] { return agent.fds() < before; }));  // it has noticed
  AgentClient successor(agent);
  CHECK(steal(successor));
  Process peer(pod.in_world(visitor("10.77.0.2")));
  CHECK(eventually(seconds(10), [&] { return connections(successor) == 1; }));
  // Should it come back after all, it hears of it.
  REQUIRE(ghost.connect(agent.token()));
  CHECK(eventually(seconds(5), [&] { return noted(ghost, "a newer session of yours"); }));
  CHECK(connections(ghost) == 0);
}

TEST_CASE("What a session stole whose line was cut without a word is its successor's, too", "[steal]") {
  TestPod pod;
  AgentProcess agent(pod.pid());
  AgentClient ghost(agent);
  REQUIRE(steal(ghost));
  std::promise<void> began, over;
  std::thread stuck([&] {
    ghost.on_link([&] {  // answers nothing any more
      began.set_value();
      over.get_future().wait();
    });
  });
  began.get_future().wait();
  {
    AgentClient successor(agent);
    const auto taken = steal(successor);
    CHECK((taken ? "" : taken.error().text) == std::string());
  }
  over.set_value();
  stuck.join();
}

TEST_CASE("A living session keeps its port, and the next one hears whose it is", "[steal]") {
  TestPod pod;
  AgentProcess agent(pod.pid());
  AgentClient first(agent), second(agent);
  REQUIRE(steal(first));
  auto refused = steal(second);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == EADDRINUSE);
  CHECK(refused.error().text.find("already stolen by test@here") != std::string::npos);
  CHECK(refused.error().text.find("another session of yours") != std::string::npos);
  // Nor does one that is away for a moment lose it to one that was there beside it.
  const auto before = agent.fds();
  first.cut();
  CHECK(eventually(seconds(5), [&] { return agent.fds() < before; }));
  CHECK_FALSE(steal(second));
  CHECK(first.connect(agent.token()));
  CHECK(first.ask<protocol::Done>(protocol::Bye{}));
  CHECK(steal(second));
}

TEST_CASE("The connections of a killed client are reset soon, while it could still come back", "[steal]") {
  TestPod pod;
  AgentProcess agent(pod.pid());
  AgentClient client(agent);
  REQUIRE(steal(client));
  Process peer(pod.in_world(visitor("10.77.0.2")));
  CHECK(eventually(seconds(10), [&] { return connections(client) == 1; }));
  client.cut();
  const auto outcome = peer.wait(seconds(10));
  CHECK(outcome.out == "error " + std::to_string(ECONNRESET) + "\n");
  REQUIRE(client.connect(agent.token()));
  Process again(pod.in_world(visitor("10.77.0.2")));
  CHECK(eventually(seconds(10), [&] { return connections(client) == 2; }));
}

TEST_CASE("What the target's container asks of its own port stays with it; side-cars are stolen", "[steal]") {
  TestPod pod;
  Process server(pod.inside(own_server()));
  REQUIRE(server.wait_for_output("up", seconds(20)));
  AgentProcess agent(pod.pid());
  AgentClient client(agent);
  REQUIRE(steal(client));
  for (const char* address : {"127.0.0.1", "10.77.0.2"})
    CHECK(run(pod.inside(visitor(address)), {}, seconds(30)).out == "got b'pod'\n");
  CHECK(connections(client) == 0);
  const auto beside = [&](const char* address) {
    std::vector<std::string> command{"nsenter", "--net=/proc/" + std::to_string(pod.pid()) + "/ns/net"};
    for (const auto& word : visitor(address)) command.push_back(word);
    return command;
  };
  Process sidecar(beside("127.0.0.1")), second(beside("10.77.0.2"));
  CHECK(eventually(seconds(10), [&] { return connections(client) == 2; }));
}
