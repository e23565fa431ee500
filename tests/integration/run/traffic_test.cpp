// Connections leave from the pod; the pod's requests reach the program.
#include <signal.h>

#include <sstream>

#include "catch.hpp"
#include "demo_fixture.hpp"

using namespace inpod::test;

namespace {

struct Answers {
  int by_pod = 0, by_other = 0;
};

/// Whose the client's answers after `from` are, each of them. The pod's own process is 1 there.
Answers answers_since(const Demo& demo, std::size_t from) {
  Answers seen;
  std::istringstream lines(demo.answers().substr(from));
  for (std::string line; std::getline(lines, line);) {
    if (line.find("\"process\": ") == std::string::npos || line.back() != '}')
      continue;  // not all of it is there
    ++(line.find("\"process\": 1}") == std::string::npos ? seen.by_other : seen.by_pod);
  }
  return seen;
}

}  // namespace

TEST_CASE("curl speaks to the pod's own service by the pod's names") {
  auto& demo = Demo::shared();
  const auto page = demo.run({"curl", "-sS", "-m", "20", "http://web:8080/from-curl"});
  INFO(page.err);
  CHECK(page.status == 0);
  CHECK(page.out.find("you asked for /from-curl") != std::string::npos);
  CHECK(page.out.find("\"hostname\": \"web-0\"") != std::string::npos);
  const auto loopback = demo.run({"curl", "-sS", "-m", "20", "http://127.0.0.1:8080/"});
  CHECK(loopback.status == 7);  // loopback is this machine's
}

TEST_CASE("a loopback port that is named is the pod's: its side-cars'") {
  auto& demo = Demo::shared();
  const std::vector<std::string> flags{"--outgoing-loopback-ports", "8080"};
  const std::vector<std::string> ask{
      "curl", "-sS", "-m", "20", "-w", " %{remote_ip} %{remote_port}", "http://127.0.0.1:8080/sidecar"};
  const auto page = demo.run(ask, flags);
  INFO(page.err);
  CHECK(page.out.find("you asked for /sidecar") != std::string::npos);
  CHECK(page.out.find(" 127.0.0.1 8080") != std::string::npos);
  CHECK(demo.run({"python3", "-c",
                  "import socket; s = socket.create_connection(('127.0.0.1', 8080), 20); "
                  "print(s.getpeername())"},
                 flags)
            .out == "('127.0.0.1', 8080)\n");  // a blocking connect
  CHECK(demo.run({"curl", "-sS", "-m", "20", "http://127.0.0.1:8081/"}, flags).status == 7);
}

TEST_CASE("refusals and unknown names are those of the pod") {
  auto& demo = Demo::shared();
  const std::vector<std::vector<std::string>> commands = {
      {"curl", "-s", "-m", "20", "-o", "/dev/null", "-w", "%{errormsg} %{local_ip} %{remote_port}",
       "http://10.77.0.2:1/"},
      {"curl", "-s", "-m", "20", "-o", "/dev/null", "-w", "%{remote_ip} %{remote_port} %{local_ip}",
       "http://web:8080/"},
  };
  for (const auto& command : commands) {
    const auto here = demo.run(command), there = demo.inside(command);
    INFO(here.err);
    CHECK(here.status == there.status);
  }
  CHECK(demo.run(commands[1]).out == demo.inside(commands[1]).out);
  CHECK(demo.run({"curl", "-sS", "-m", "20", "http://no-such-name.invalid/"}).status ==
        6);  // curl(1): could not resolve
}

TEST_CASE("a mirrored request reaches the program while the pod answers") {
  auto& demo = Demo::shared();
  auto server = demo.start(demo.run_command({INPOD_DEMO_WEB, "8080"}, {"--mirror"}));
  const bool seen = server->wait_for_output("GET /\n", seconds(30));
  INFO(server->err());
  CHECK(seen);
  const auto from = demo.answers().size();
  Answers seen_since;
  CHECK(eventually(seconds(20), [&] {
    seen_since = answers_since(demo, from);
    return seen_since.by_pod >= 3;
  }));
  CHECK(seen_since.by_other == 0);
  server->signal(SIGTERM);
  CHECK(server->wait(seconds(20)).status == 0);
}

TEST_CASE("a program on a port that the pod doesn't listen on is told which port to map") {
  auto& demo = Demo::shared();
  auto server = demo.start(demo.run_command({INPOD_DEMO_WEB, "9090"}));
  const bool told = server->wait_for_error(
      "port 9090: nothing listens on it in the pod, which listens on 8080", seconds(30));
  INFO(server->err());
  CHECK(told);
  CHECK(server->err().find("incoming.map: {9090: 8080}") != std::string::npos);
  server->signal(SIGTERM);
  CHECK(server->wait(seconds(20)).status == 0);
}

TEST_CASE("a stolen request is answered by the program, and by the pod again afterwards") {
  Demo demo;
  auto server = demo.start(demo.run_command({INPOD_DEMO_WEB, "8080"}, {"--steal"}));
  bool answered = false;
  CHECK(eventually(seconds(30), [&] {
    const auto from = demo.answers().size();
    Answers seen;
    eventually(seconds(3), [&] {
      seen = answers_since(demo, from);
      return seen.by_pod + seen.by_other > 0;
    });
    answered = seen.by_other > 0 && seen.by_pod == 0;
    return answered;
  }));
  INFO(server->err() << demo.answers());
  CHECK(answered);
  CHECK(server->out().find("GET /\n") != std::string::npos);
  server->signal(SIGTERM);
  CHECK(server->wait(seconds(20)).status == 0);
  const auto from = demo.answers().size();
  CHECK(eventually(seconds(10),
                   [&] { return demo.answers().find("\"process\": 1}", from) != std::string::npos; }));
  CHECK(demo.answers().find("no answer") == std::string::npos);
}

TEST_CASE("a blocking connect that a signal interrupts still connects") {
  auto& demo = Demo::shared();
  // A server whose queue is full until it is told to accept: the kernel answers no SYN meanwhile.
  const std::string serve =
      "import socket, sys\nl = socket.socket()\nl.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, "
      "1)\nl.bind(('10.77.0.2', 9099))\nl.listen(0)\n"
      "full = socket.create_connection(('10.77.0.2', 9099))\nprint('full', "
      "flush=True)\nsys.stdin.readline()\n"
      "l.accept()\nc = l.accept()[0]\nc.sendall(c.recv(10).upper())";
  const std::string program =
      "import signal, socket\nsignal.signal(signal.SIGALRM, lambda *a: print('interrupted', "
      "flush=True))\nsignal.setitimer(signal.ITIMER_REAL, 0.3)\n"
      "s = socket.socket()\ns.settimeout(None)\ns.connect(('10.77.0.2', "
      "9099))\ns.sendall(b'ping')\nprint(s.recv(10), s.getpeername())";
  const auto talk = [&](std::vector<std::string> command) {
    ProcessOptions options;
    options.keep_stdin = true;
    options.directory = "/";
    Process server({"nsenter", "-t", std::to_string(demo.pid()), "-a", "--preserve-credentials", "-r", "-w",
                    "--", "python3", "-c", serve},
                   options);
    REQUIRE(server.wait_for_output("full", seconds(20)));
    Process client(std::move(command), demo.options());
    CHECK(client.wait_for_output("interrupted", seconds(20)));
    server.write_stdin("\n");
    const auto outcome = client.wait(seconds(30));
    INFO(outcome.err << server.err());
    CHECK(outcome.status == 0);
    return outcome.out;
  };
  std::vector<std::string> here{INPOD};
  for (auto& word : demo.run_command({"python3", "-c", program})) here.push_back(word);
  const std::string expected = "interrupted\nb'PING' ('10.77.0.2', 9099)\n";
  CHECK(talk(here) == expected);
  CHECK(talk({"nsenter", "-t", std::to_string(demo.pid()), "-n", "python3", "-c", program}) == expected);
}

TEST_CASE("the pod's IPv6 peers are reached from a machine without ::1") {
  auto& demo = Demo::shared();
  std::vector<std::string> command{
      "unshare",
      "-n",
      "sh",
      "-ec",
      "ip link set lo up; echo 1 >/proc/sys/net/ipv6/conf/lo/disable_ipv6; exec \"$@\"",
      "sh",
      INPOD};
  const auto run = demo.run_command({"curl", "-gsS", "-m", "20", "http://[fd77::2]:8080/"});
  command.insert(command.end(), run.begin(), run.end());
  const auto outcome = inpod::test::run(command, demo.options(), seconds(60));
  CHECK(outcome.status == 0);
  CHECK(outcome.out.find("hello from the pod") != std::string::npos);
  CHECK(outcome.err == "");
}
