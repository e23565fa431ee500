// Each debuggee under the layer says, byte for byte, what it says inside the pod.
#include "catch.hpp"
#include "layer_pod.hpp"

using namespace inpod::test;

namespace {

const std::string tree = LayerPod::tree;

/// A TCP and UDP echo server beside the pod, for as long as it lives.
std::unique_ptr<Process> echo_server(const LayerPod& pod, int port) {
  const std::string script = R"(
import socket, socketserver, sys, threading
port = int(sys.argv[1])
class Echo(socketserver.BaseRequestHandler):
    def handle(self):
        while True:
            data = self.request.recv(65536)
            if not data: return
            self.request.sendall(data)
class Threads(socketserver.ThreadingTCPServer):
    allow_reuse_address, daemon_threads = True, True
server = Threads(('10.77.0.1', port), Echo)
threading.Thread(target=server.serve_forever, daemon=True).start()
udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
udp.bind(('10.77.0.1', port))
print('ready', flush=True)
while True:
    data, peer = udp.recvfrom(65536)
    udp.sendto(data, peer)
)";
  auto process = std::make_unique<Process>(pod.in_world({"python3", "-c", script, std::to_string(port)}), ProcessOptions{.uid = 23456});
  const bool ready = process->wait_for_output("ready", seconds(20));
  INFO(process->err());
  REQUIRE(ready);
  return process;
}

/// A client beside the pod: what the server at ADDRESS:PORT says first. It knocks until somebody answers.
std::string ask_server(const LayerPod& pod, const std::string& address, int port) {
  const std::string script = R"(
import socket, sys, time
end = time.monotonic() + 30
while time.monotonic() < end:
    try:
        peer = socket.create_connection((sys.argv[1], int(sys.argv[2])), 5)
        line = peer.makefile().readline()
        if line:
            peer.sendall(b'back')
            print(line, peer.recv(4).decode(), end='')
            break
    except OSError: pass
    time.sleep(0.05)
)";
  const auto outcome = run(pod.in_world({"python3", "-c", script, address, std::to_string(port)}), {.uid = 23456});
  INFO(outcome.err);
  CHECK(outcome.out != "");
  return outcome.out;
}

struct Served {
  std::string server, client;
  int status;
};

Served serve(const LayerPod& pod, std::unique_ptr<Process> server, const std::string& address, int port) {
  Served served;
  const bool ready = server->wait_for_output("ready", seconds(20));
  INFO(server->err());
  REQUIRE(ready);
  for (int i = 0; i < 2; ++i) served.client += ask_server(pod, address, port);
  const auto outcome = server->wait(seconds(20));
  served.server = outcome.out;
  served.status = outcome.status;
  return served;
}

}  // namespace

TEST_CASE("reading: open, read, seek, dup, mmap, sendfile") {
  check_same({"reading", tree});
  check_same({"reading_fortified", tree});
}
TEST_CASE("asking: stat, access, readlink, realpath") {
  check_same({"asking", tree});
  check_same({"asking_fortified", tree});
}
TEST_CASE("listing: opendir, scandir, glob, ftw, fts") { check_same({"listing", tree}); }
TEST_CASE("streams: stdio and iostreams") { check_same({"streams", tree}); }
TEST_CASE("children: fork, vfork, exec, posix_spawn, system, popen, SCM_RIGHTS") { check_same({"children", tree}); }
TEST_CASE("system calls by number") { check_same({"numbered", tree}); }
TEST_CASE("naming: getaddrinfo, gethostbyname, getnameinfo, host names") {
  check_same({"naming"});
  check_same({"naming_fortified"});
}

TEST_CASE("calling: TCP blocking and not, refusals, UDP") {
  const auto server = echo_server(LayerPod::shared(), 7000);
  check_same({"calling", "10.77.0.1", "7000"});
}

TEST_CASE("serving: bind, listen, accept, true addresses") {
  auto& pod = LayerPod::shared();
  for (const bool six : {false, true}) {
    const int port = six ? 8081 : 8080;
    std::vector<std::string> arguments{"serving", std::to_string(port), "2"};
    if (six) arguments.push_back("v6");
    const std::string address = six ? "fd77::2" : "10.77.0.2";
    const auto there = serve(pod, pod.start_inside(arguments), address, port);
    const auto here = serve(pod, pod.start_outside(arguments, {"--steal"}), address, port);
    CHECK(here.client == there.client);
    CHECK(here.server == there.server);
    CHECK(here.status == there.status);
  }
}
