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
  auto process = std::make_unique<Process>(pod.in_world({"python3", "-c", script, std::to_string(port)}),
                                           ProcessOptions{.uid = 23456});
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
  const auto outcome =
      run(pod.in_world({"python3", "-c", script, address, std::to_string(port)}), {.uid = 23456});
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
TEST_CASE("listing: opendir, scandir, glob, ftw, fts") {
  check_same({"listing", tree});
}
TEST_CASE("streams: stdio and iostreams") {
  check_same({"streams", tree});
}
TEST_CASE("children: fork, vfork, exec, posix_spawn, system, popen, SCM_RIGHTS") {
  check_same({"children", tree});
}
TEST_CASE("system calls by number") {
  check_same({"numbered", tree});
}
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

TEST_CASE("two programs that bind a port before either listens each have it, in IPv4 and IPv6") {
  const auto here = LayerPod::shared().run({"python3", "-c", R"(
import os, socket
def bound(family, address):
    own = socket.socket(family)
    if family == socket.AF_INET6: own.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    own.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    own.bind((address, 8090))
    return own
def both(): return bound(socket.AF_INET, '0.0.0.0'), bound(socket.AF_INET6, '::')
def shares(own): return own.getsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR)
up, down = os.pipe(), os.pipe()
child = os.fork()
if child:
    os.read(up[0], 1)
    mine = both()
    os.write(down[1], b'x')
else:
    mine = both()
    os.write(up[1], b'x')
    os.read(down[0], 1)
before = [shares(own) for own in mine]
for own in mine: own.listen()
if child: print(os.waitpid(child, 0)[1])
print(before, [shares(own) for own in mine], [own.getsockname()[1] for own in mine])
try: bound(socket.AF_INET, '0.0.0.0')
except OSError as error: print(os.strerror(error.errno))
)"},
                                           {"--steal"});
  INFO(here.err);
  const std::string each = "[1, 1] [1, 1] [8090, 8090]\nAddress already in use\n", first = each + "0\n";
  CHECK(here.out == first + each);
}

TEST_CASE("workers that share a port by SO_REUSEPORT, in one process and in several") {
  const auto here = LayerPod::shared().run({"python3", "-c", R"(
import os, socket
def worker():
    own = socket.socket()
    own.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    own.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    own.bind(('0.0.0.0', 8092))
    own.listen()
    return own
child = os.fork()
mine = [worker(), worker()]
if child: print(os.waitpid(child, 0)[1])
print([(own.getsockname()[1], own.getsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT)) for own in mine])
)"},
                                           {"--steal"});
  INFO(here.err);
  CHECK(here.out == "[(8092, 1), (8092, 1)]\n0\n[(8092, 1), (8092, 1)]\n");
}

TEST_CASE("a server that is restarted while its old connections are in TIME_WAIT keeps its local port") {
  const auto here = LayerPod::shared().run({"python3", "-c", R"(
import socket
def server():
    own = socket.socket()
    own.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    own.bind(('0.0.0.0', 8091))
    own.listen()
    return own
for i in range(2):
    with server() as own, socket.create_connection(('127.0.0.1', 8091), 10) as client:
        own.accept()[0].close()
        print(client.recv(1))
)"},
                                           {"--steal"});
  INFO(here.err);
  CHECK(here.out == "b''\nb''\n");
}

TEST_CASE("so does one that listens on what its parent has bound, after exec") {
  const auto here = LayerPod::shared().run({"python3", "-c", R"(
import socket, subprocess, sys
child = """
import socket, sys
own = socket.socket(fileno=int(sys.argv[1]))
own.listen()
client = socket.create_connection(('127.0.0.1', 8093), 10)
own.accept()[0].close()
print(client.recv(1), own.getsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR))
"""
for i in range(2):
    with socket.socket() as own:
        own.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        own.bind(('0.0.0.0', 8093))
        subprocess.run([sys.executable, '-c', child, str(own.fileno())], pass_fds=[own.fileno()])
)"},
                                           {"--steal"});
  INFO(here.err);
  CHECK(here.out == "b'' 1\nb'' 1\n");
}
