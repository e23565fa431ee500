// Outgoing connections: errors, data, half-close and resets as a program in the pod would see them.
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "agent_client.hpp"
#include "catch.hpp"
#include "pod.hpp"

using namespace inpod;
using namespace inpod::test;

namespace {

/// A Python program in the world's network (or the pod), which prints "up" when it listens.
std::unique_ptr<Process> python(const TestPod& pod, const std::string& program, bool in_pod = false) {
  std::vector<std::string> command{"python3", "-u", "-c", program};
  auto server = std::make_unique<Process>(in_pod ? pod.inside(command) : pod.in_world(command));
  bool up = server->wait_for_output("up", seconds(20));
  INFO(server->err());
  REQUIRE(up);
  return server;
}

// Answers "pong" to the first read and closes.
const std::string pong = R"(
import socket, sys, threading
def serve(family, address, kind):
    s = socket.socket(family, kind)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind(address)
    def stream():
        s.listen(8)
        while True:
            c, _ = s.accept()
            c.recv(64); c.sendall(b'pong\n'); c.close()
    def datagram():
        while True:
            d, a = s.recvfrom(70000)
            if a: s.sendto(b'pong\n', a)
    threading.Thread(target=stream if kind == socket.SOCK_STREAM else datagram, daemon=True).start()
)";

protocol::Connect to(const std::string& ip, std::uint16_t port,
                     protocol::Transport transport = protocol::Transport::stream) {
  protocol::Connect connect;
  connect.transport = transport;
  connect.remote.family = protocol::AddressFamily::ipv4;
  unsigned a, b, c, d;
  REQUIRE(sscanf(ip.c_str(), "%u.%u.%u.%u", &a, &b, &c, &d) == 4);
  connect.remote.ip = {static_cast<std::uint8_t>(a), static_cast<std::uint8_t>(b),
                       static_cast<std::uint8_t>(c), static_cast<std::uint8_t>(d)};
  connect.remote.port = port;
  return connect;
}

}  // namespace

TEST_CASE("Connecting gives what the pod's own connect gives", "[connect]") {
  TestPod pod({"--user", "1000:1000"});
  auto world = python(pod, pong + R"(
serve(socket.AF_INET, ('10.77.0.1', 8080), socket.SOCK_STREAM)
serve(socket.AF_INET6, ('fd77::1', 8080), socket.SOCK_STREAM)
serve(socket.AF_INET, ('10.77.0.1', 8081), socket.SOCK_DGRAM)
print('up'); sys.stdin.read(); threading.Event().wait()
)");
  auto inside = python(pod, pong + R"(
import os
serve(socket.AF_UNIX, '/tmp/open.sock', socket.SOCK_STREAM); os.chmod('/tmp/open.sock', 0o777)
serve(socket.AF_UNIX, '/tmp/closed.sock', socket.SOCK_STREAM); os.chmod('/tmp/closed.sock', 0o700)
serve(socket.AF_UNIX, '\0abstract', socket.SOCK_STREAM)
serve(socket.AF_INET, ('127.0.0.1', 9090), socket.SOCK_STREAM)
x = socket.socket(socket.AF_UNIX); x.bind('/tmp/dead.sock'); os.chmod('/tmp/dead.sock', 0o777); x.close()
os.symlink('/tmp/open.sock', '/tmp/link.sock'); open('/tmp/file', 'w').close(); os.chmod('/tmp/file', 0o666)
print('up'); threading.Event().wait()
)",
                       true);
  pod.shell(
      "ip route add unreachable 192.0.2.0/24; ip route add prohibit 198.51.100.0/24; ip route add blackhole "
      "203.0.113.0/24; ip -6 route add unreachable 2001:db8::/32");
  AgentProcess agent(pod.pid());
  AgentClient client(agent);
  compare(client, pod, {"connect\tstream\t10.77.0.1\t8080",       "connect\tstream\tfd77::1\t8080",
                        "connect\tdatagram\t10.77.0.1\t8081",     "connect\tstream\t127.0.0.1\t9090",
                        "connect\tstream\t10.77.0.1\t1",          "connect\tstream\tfd77::1\t1",
                        "connect\tstream\t127.0.0.1\t1",          "connect\tstream\t192.0.2.1\t80",
                        "connect\tstream\t198.51.100.1\t80",      "connect\tstream\t203.0.113.1\t80",
                        "connect\tstream\t2001:db8::1\t80",       "connect\tdatagram\t192.0.2.1\t80",
                        "connect\tstream\t10.77.0.77\t80",        "connect\tstream\t255.255.255.255\t80",
                        "connect\tdatagram\t255.255.255.255\t80", "connect\tstream\t/tmp/open.sock\t0",
                        "connect\tstream\t/tmp/link.sock\t0",     "connect\tstream\t/tmp/closed.sock\t0",
                        "connect\tstream\t/tmp/dead.sock\t0",     "connect\tstream\t/tmp/none.sock\t0",
                        "connect\tstream\t/tmp/file\t0",          "connect\tdatagram\t/tmp/open.sock\t0",
                        "connect\tstream\t@abstract\t0",          "connect\tstream\t@nobody\t0"});
}

TEST_CASE("A connection's own time limit", "[connect]") {
  TestPod pod;
  pod.shell("ip neigh add 10.77.0.66 lladdr 02:00:00:00:00:66 dev eth0");  // packets leave, nobody answers
  AgentProcess agent(pod.pid());
  AgentClient client(agent);
  auto connect = to("10.77.0.66", 80);
  connect.timeout_ms = 300;
  auto begin = std::chrono::steady_clock::now();
  auto answer = client.ask<protocol::Connected>(connect);
  REQUIRE_FALSE(answer);
  CHECK(answer.error().code == ETIMEDOUT);
  CHECK(std::chrono::steady_clock::now() - begin < seconds(5));
}

TEST_CASE("Source addresses", "[connect]") {
  TestPod pod;
  auto world = python(pod, R"(
import socket
s = socket.socket(); s.bind(('10.77.0.1', 8080)); s.listen(8); print('up')
while True:
    c, a = s.accept(); c.sendall(('%s %d' % a).encode()); c.close()
)");
  AgentProcess agent(pod.pid());
  AgentClient client(agent);
  auto connect = to("10.77.0.1", 8080);
  connect.bind = to("10.77.0.2", 4567).remote;
  auto connected = client.ask<protocol::Connected>(connect);
  REQUIRE(connected);
  CHECK(connected->local == connect.bind);
  CHECK(connected->remote == connect.remote);
  auto seen = client.drain(connected->stream);
  REQUIRE(seen);
  CHECK(*seen == "10.77.0.2 4567");
  connect.bind = to("10.77.0.3", 0).remote;
  CHECK(client.ask<protocol::Connected>(connect).error().code == EADDRNOTAVAIL);
}

TEST_CASE("Half-close works in both directions", "[connect]") {
  TestPod pod;
  auto world = python(pod, R"(
import socket
s = socket.socket(); s.bind(('10.77.0.1', 8080)); s.listen(8); print('up')
while True:
    c, a = s.accept(); got = b''
    while True:
        d = c.recv(65536)
        if not d: break
        got += d
    c.sendall(b'%d bytes' % len(got)); c.close()
)");
  AgentProcess agent(pod.pid());
  AgentClient client(agent);
  auto connected = client.ask<protocol::Connected>(to("10.77.0.1", 8080));
  REQUIRE(connected);
  auto stream = client.take(connected->stream);
  REQUIRE(client.write(stream, std::string(5'000'000, 'x')));
  client.on_link([&] { stream->finish(); });
  auto answer = client.read(stream);
  REQUIRE(answer);
  CHECK(*answer == "5000000 bytes");
  auto end = client.read(stream);
  REQUIRE(end);
  CHECK(end->empty());
}

TEST_CASE("Resets go through in both directions", "[connect]") {
  TestPod pod;
  auto world = python(pod, R"(
import socket, struct
s = socket.socket(); s.bind(('10.77.0.1', 8080)); s.listen(8); print('up')
c, a = s.accept(); c.recv(10)
c.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0)); c.close()
c, a = s.accept()
try: c.recv(10); print('orderly')
except ConnectionResetError: print('was reset')
import time; time.sleep(60)
)");
  AgentProcess agent(pod.pid());
  AgentClient client(agent);
  auto first = client.ask<protocol::Connected>(to("10.77.0.1", 8080));
  REQUIRE(first);
  auto stream = client.take(first->stream);
  REQUIRE(client.write(stream, "x"));
  auto end = client.read(stream);
  REQUIRE_FALSE(end);
  CHECK(end.error().code == ECONNRESET);
  auto second = client.ask<protocol::Connected>(to("10.77.0.1", 8080));
  REQUIRE(second);
  auto other = client.take(second->stream);
  client.on_link([&] { other->reset(ECONNRESET); });
  CHECK(world->wait_for_output("was reset", seconds(10)));
}

TEST_CASE("Datagrams keep their boundaries, empty and large ones too", "[connect]") {
  TestPod pod;
  auto world = python(pod, R"(
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(('10.77.0.1', 8081)); print('up')
while True:
    d, a = s.recvfrom(70000); s.sendto(d, a)
)");
  AgentProcess agent(pod.pid());
  AgentClient client(agent);
  auto connected = client.ask<protocol::Connected>(to("10.77.0.1", 8081, protocol::Transport::datagram));
  REQUIRE(connected);
  auto stream = client.take(connected->stream);
  for (std::size_t size : {std::size_t{1}, std::size_t{0}, std::size_t{1400}, std::size_t{60000}}) {
    REQUIRE(client.write(stream, std::string(size, 'd'), true));
    auto echo = client.read(stream);
    REQUIRE(echo);
    CHECK(echo->size() == size);
  }
}

TEST_CASE("A refused datagram is not the end: its server may come back", "[connect]") {
  TestPod pod;
  AgentProcess agent(pod.pid());
  AgentClient client(agent);
  auto connected = client.ask<protocol::Connected>(to("10.77.0.1", 8082, protocol::Transport::datagram));
  REQUIRE(connected);
  auto stream = client.take(connected->stream);
  for (int i = 0; i < 3; ++i) {
    REQUIRE(client.write(stream, "lost", true));
    CHECK(perform(client, "realpath\t/data") == "/data");  // it has sent that one, and been refused
  }
  auto world = python(pod, R"(
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(('10.77.0.1', 8082)); print('up')
d, a = s.recvfrom(70000); s.sendto(d, a)
)");
  REQUIRE(client.write(stream, "found", true));
  auto echo = client.read(stream);
  REQUIRE(echo);
  CHECK(*echo == "found");
}

TEST_CASE("Many connections at once, none held up by a slow one", "[connect]") {
  TestPod pod;
  auto world = python(pod, R"(
import socket, threading
s = socket.socket(); s.bind(('10.77.0.1', 8080)); s.listen(200); print('up')
def serve(c):
    k = c.recv(1)
    if k == b'f':
        try:
            while True: c.sendall(b'y' * 65536)
        except OSError: pass
    else: c.sendall(b'quick'); c.close()
while True:
    c, a = s.accept(); threading.Thread(target=serve, args=(c,), daemon=True).start()
)");
  AgentProcess agent(pod.pid());
  AgentClient client(agent);
  std::vector<std::shared_ptr<protocol::Stream>> floods;
  for (int i = 0; i < 5; ++i) {  // never read: each fills its own window and stops
    auto connected = client.ask<protocol::Connected>(to("10.77.0.1", 8080));
    REQUIRE(connected);
    floods.push_back(client.take(connected->stream));
    REQUIRE(client.write(floods.back(), "f"));
  }
  for (int i = 0; i < 100; ++i) {
    auto connected = client.ask<protocol::Connected>(to("10.77.0.1", 8080));
    REQUIRE(connected);
    auto stream = client.take(connected->stream);
    REQUIRE(client.write(stream, "q"));
    auto answer = client.read(stream);
    REQUIRE(answer);
    CHECK(*answer == "quick");
  }
}
