// Whatever ends, nothing stays behind: no process, no directory, no redirect.
#include <fcntl.h>
#include <pty.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>

#include "catch.hpp"
#include "demo_fixture.hpp"

using namespace inpod::test;

namespace {

const std::vector<std::string> sleeper = {"python3", "-u", "-c",
                                          "import time; print(open('/etc/hostname').read()); time.sleep(60)"};

/// All processes below one that is about to end.
std::vector<int> family(int pid) {
  std::vector<int> all = children_of(pid);
  for (std::size_t i = 0; i < all.size(); ++i) {
    for (const int child : children_of(all[i])) all.push_back(child);
  }
  return all;
}

bool all_gone(const std::vector<int>& pids, milliseconds bound) {
  return eventually(bound, [&] {
    for (const int pid : pids) {
      if (process_lives(pid)) return false;
    }
    return true;
  });
}

/// A program that has started, and everything that `inpod` started with it.
struct Running {
  std::unique_ptr<Process> inpod;
  std::vector<int> others;
};

Running start_sleeper(const Demo& demo) {
  Running running;
  running.inpod = demo.start(demo.run_command(sleeper));
  const bool up = running.inpod->wait_for_output("web-0", seconds(30));
  INFO(running.inpod->err());
  REQUIRE(up);
  running.others = family(running.inpod->pid());
  REQUIRE(running.others.size() >= 2);  // the agent and the program
  return running;
}

}  // namespace

TEST_CASE("signals sent to inpod reach the program; its code comes back") {
  auto& demo = Demo::shared();
  for (const int number : {SIGTERM, SIGINT, SIGHUP}) {
    auto running = start_sleeper(demo);
    running.inpod->signal(number);
    const auto outcome = running.inpod->wait(seconds(20));
    CHECK_FALSE(outcome.timed_out);
    // Python turns SIGINT into KeyboardInterrupt, and then dies by the signal.
    CHECK(outcome.status == 128 + number);
    CHECK(all_gone(running.others, seconds(5)));
    CHECK(demo.sessions_left().empty());
  }
}

TEST_CASE("a program that handles the signal goes on") {
  auto& demo = Demo::shared();
  const std::string script =
      "import signal,sys,time\nsignal.signal(signal.SIGUSR1, lambda *a: (print(open('/etc/hostname').read(), "
      "flush=True), sys.exit(3)))\n"
      "print('ready', flush=True)\ntime.sleep(60)";
  auto process = demo.start(demo.run_command({"python3", "-c", script}));
  REQUIRE(process->wait_for_output("ready\n", seconds(30)));
  process->signal(SIGUSR1);
  const auto outcome = process->wait(seconds(20));
  CHECK(outcome.status == 3);
  CHECK(outcome.out == "ready\nweb-0\n\n");
}

TEST_CASE("SIGKILL of inpod ends program and agent") {
  auto& demo = Demo::shared();
  auto running = start_sleeper(demo);
  running.inpod->signal(SIGKILL);
  CHECK(running.inpod->wait(seconds(10)).status == 137);
  CHECK(all_gone(running.others, seconds(10)));
  // The directory can't remove itself; whoever looks next clears it away.
  CHECK(demo.inpod({"session", "list"}).status == 0);
  CHECK(demo.sessions_left().empty());
  CHECK(demo.run({"cat", "/etc/hostname"}).out == "web-0\n");
}

TEST_CASE("interrupted while it starts, inpod leaves nothing") {
  auto& demo = Demo::shared();
  // At once, and in each phase, as inpod tells them.
  for (const std::string phase : {"", "Entering the namespaces", "Reading the pod's environment"}) {
    auto command = demo.run_command({"sleep", "60"});
    command.insert(command.begin(), "-v");
    auto process = demo.start(command);
    const bool reached = phase.empty() || process->wait_for_error(phase, seconds(30));
    const auto others = family(process->pid());
    process->signal(SIGINT);
    const auto outcome = process->wait(seconds(20));
    INFO(phase << ": " << outcome.err);
    CHECK(reached);
    CHECK_FALSE(outcome.timed_out);
    CHECK(outcome.status == 130);
    CHECK(all_gone(others, seconds(5)));
  }
  demo.inpod({"session", "list"});
  CHECK(demo.sessions_left().empty());
}

TEST_CASE("a second Ctrl-C does not wait for a cluster that no longer answers") {
  // An API server that knows one pod, and falls silent when the agent is to be made.
  const std::string silent = R"py(
import http.server, json, threading
class Api(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    def say(self, value, status=200):
        text = json.dumps(value).encode()
        self.send_response(status)
        self.send_header('Content-Type', 'application/json')
        self.send_header('Content-Length', str(len(text)))
        self.end_headers()
        self.wfile.write(text)
    def do_GET(self):
        if '/pods/web' in self.path:
            self.say({'kind': 'Pod', 'metadata': {'name': 'web', 'namespace': 'default', 'uid': 'u'},
                      'spec': {'nodeName': 'n', 'containers': [{'name': 'app', 'image': 'app'}]},
                      'status': {'phase': 'Running', 'containerStatuses': [{'name': 'app', 'ready': True, 'containerID': 'containerd://' + 64 * 'a', 'state': {'running': {}}}]}})
        elif 'watch=' in self.path:
            self.send_response(200)
            self.send_header('Content-Type', 'application/json')
            self.end_headers()
            threading.Event().wait()
        elif '/configmaps' in self.path:
            self.say({'kind': 'Status', 'reason': 'Forbidden', 'message': 'configmaps is forbidden: User "u" cannot get resource "configmaps" in API group "" in the namespace "default"'}, 403)
        else:
            self.say({'kind': 'List', 'metadata': {}, 'items': []})
    def hang(self):
        print(self.command, flush=True)
        threading.Event().wait()
    do_POST = do_DELETE = hang
    def log_message(self, *ignored): pass
server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Api)
server.daemon_threads = True
print('port', server.server_port, 'ready', flush=True)
server.serve_forever()
)py";
  Process server({"python3", "-c", silent});
  REQUIRE(server.wait_for_output("ready", seconds(20)));
  const auto said = server.out();
  const std::string port = said.substr(5, said.find(' ', 5) - 5);
  const TemporaryDirectory home;
  ProcessOptions options;
  options.directory = home.path();
  options.environment = {
      {"HOME", home.path()}, {"XDG_RUNTIME_DIR", home.path()}, {"XDG_STATE_HOME", home.path() + "/state"}};
  options.environment["KUBECONFIG"] = home.write("kubeconfig",
                                                 "apiVersion: v1\nkind: Config\ncurrent-context: "
                                                 "c\ncontexts: [{name: c, context: {cluster: c, user: u}}]\n"
                                                 "clusters: [{name: c, cluster: {server: 'http://127.0.0.1:" +
                                                     port + "'}}]\nusers: [{name: u, user: {}}]\n");
  Process inpod({INPOD, "run", "-t", "pod/web", "--", "true"}, options);
  const bool posted = server.wait_for_output("POST", seconds(20));
  INFO(inpod.err());
  REQUIRE(posted);
  inpod.signal(SIGINT);
  const bool taken_back = server.wait_for_output("DELETE", seconds(20));
  INFO(inpod.err());
  CHECK(taken_back);
  CHECK(inpod.running());
  inpod.signal(SIGINT);
  const auto outcome = inpod.wait(seconds(5));
  CHECK_FALSE(outcome.timed_out);
  CHECK(outcome.status == 130);
}

TEST_CASE("Ctrl-C at a terminal reaches the program once, and inpod lives to see it end") {
  auto& demo = Demo::shared();
  const std::string script =
      "import signal,sys,time\nn=[0]\ndef h(*a):\n  n[0]+=1; print('caught', n[0], "
      "flush=True)\nsignal.signal(signal.SIGINT, h)\n"
      "print('ready', flush=True)\nt=time.time()\nwhile time.time()-t<2: time.sleep(0.1)\nprint('end', n[0], "
      "flush=True)\nsys.exit(4)";
  auto command = demo.run_command({"python3", "-c", script});
  const auto options = demo.options();
  int terminal = -1;
  const pid_t pid = forkpty(&terminal, nullptr, nullptr, nullptr);
  REQUIRE(pid >= 0);
  if (pid == 0) {
    for (const auto& [name, value] : options.environment) setenv(name.c_str(), value.c_str(), 1);
    std::vector<char*> arguments{const_cast<char*>(INPOD)};
    for (auto& argument : command) arguments.push_back(argument.data());
    arguments.push_back(nullptr);
    execv(INPOD, arguments.data());
    _exit(127);
  }
  std::string screen;
  bool typed = false;
  fcntl(terminal, F_SETFL, O_NONBLOCK);
  int status = 0;
  const bool ended = eventually(seconds(40), [&] {
    char buffer[1024];
    ssize_t got = 0;
    while ((got = read(terminal, buffer, sizeof buffer)) > 0)
      screen.append(buffer, static_cast<std::size_t>(got));
    if (!typed && screen.find("ready") != std::string::npos) typed = write(terminal, "\x03", 1) == 1;
    return waitpid(pid, &status, WNOHANG) == pid;
  });
  char buffer[1024];
  ssize_t got = 0;
  while ((got = read(terminal, buffer, sizeof buffer)) > 0)
    screen.append(buffer, static_cast<std::size_t>(got));
  close(terminal);
  if (!ended) kill(pid, SIGKILL);
  INFO(screen);
  REQUIRE(ended);
  CHECK(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 4);
  CHECK(screen.find("end 1") != std::string::npos);
}

TEST_CASE("when the target ends, the session says so and the program's remote operations fail") {
  Demo demo;
  const std::string script =
      "import time\nprint(open('/etc/hostname').read(), flush=True)\nfor i in range(200):\n  try: "
      "open('/etc/web/config.yaml').read()\n"
      "  except OSError as e: print('failed', e.errno, flush=True); break\n  time.sleep(0.05)";
  auto process = demo.start(demo.run_command({"python3", "-c", script}));
  REQUIRE(process->wait_for_output("web-0", seconds(30)));
  kill(demo.pid(), SIGKILL);
  const bool failed = process->wait_for_output("failed 5", seconds(20));  // EIO
  INFO(process->out() << process->err());
  CHECK(failed);
  const auto outcome = process->wait(seconds(20));
  CHECK(outcome.status == 125);  // its own is 0
  CHECK(outcome.err.find("the target's process has ended") != std::string::npos);
  CHECK(outcome.err.find("the session was lost while") != std::string::npos);
}

TEST_CASE(
    "a program that asks nothing of a lost session does not end in success; its own failure stays its own") {
  for (const int own : {0, 3}) {
    Demo demo;
    const std::string script =
        "import sys\nprint(open('/etc/hostname').read(), flush=True)\nsys.stdin.readline()\nsys.exit(" +
        std::to_string(own) + ")";
    auto options = demo.options();
    options.keep_stdin = true;
    auto process = demo.start(demo.run_command({"python3", "-c", script}), options);
    REQUIRE(process->wait_for_output("web-0", seconds(30)));
    kill(demo.pid(), SIGKILL);
    REQUIRE(process->wait_for_error("the session has ended", seconds(20)));
    process->write_stdin("\n");
    const auto outcome = process->wait(seconds(20));
    INFO(outcome.err);
    CHECK(outcome.status == (own == 0 ? 125 : own));
    CHECK((outcome.err.find("the session was lost while") != std::string::npos) == (own == 0));
  }
}

TEST_CASE("the session stays for a server that puts itself into the background, and ends with it") {
  auto& demo = Demo::shared();
  const auto done = demo.home().path() + "/done", go = demo.home().path() + "/go";
  std::filesystem::remove(done);
  REQUIRE(mkfifo(go.c_str(), 0600) == 0);
  const std::string daemon =
      "import os\nif os.fork(): os._exit(0)\nos.setsid()\nif os.fork(): os._exit(0)\n"
      "open('" +
      go +
      "').read()\n"
      "open('" +
      done + "', 'w').write(open('/etc/hostname').read())";
  const bool by_itself = GENERATE(true, false);
  auto process = demo.start(demo.run_command({"python3", "-c", daemon}));
  REQUIRE(process->wait_for_error("into the background: inpod stays as long", seconds(30)));
  CHECK(process->running());
  if (!by_itself) process->signal(SIGTERM);
  CHECK((!by_itself || eventually(seconds(20), [&] {
    const int fifo = open(go.c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC);  // once it is being read
    const bool told = fifo >= 0 && write(fifo, "go", 2) == 2;
    if (fifo >= 0) close(fifo);
    return told;
  })));
  const auto outcome = process->wait(seconds(20));
  CHECK_FALSE(outcome.timed_out);
  CHECK(outcome.status == 0);
  CHECK(std::filesystem::exists(done) == by_itself);
  if (by_itself) CHECK(read_file(done) == "web-0\n");
  CHECK(demo.sessions_left().empty());
  std::filesystem::remove(go);
}

TEST_CASE("what a program leaves behind in its own session is told of, and not waited for") {
  auto& demo = Demo::shared();
  const auto outcome = demo.run({"sh", "-c", "sleep 1000 >/dev/null 2>&1 & echo $!"});
  CHECK(outcome.status == 0);
  CHECK(outcome.err.find("that it left in the background will not reach the pod any more") !=
        std::string::npos);
  CHECK(kill(std::stoi(outcome.out), SIGKILL) == 0);
}

TEST_CASE("two sessions at once don't touch each other") {
  auto& demo = Demo::shared();
  auto first = start_sleeper(demo), second = start_sleeper(demo);
  CHECK(demo.sessions_left().size() == 2);
  first.inpod->signal(SIGTERM);
  first.inpod->wait(seconds(20));
  CHECK(second.inpod->running());
  CHECK(demo.run({"cat", "/etc/hostname"}).out == "web-0\n");
  second.inpod->signal(SIGTERM);
  second.inpod->wait(seconds(20));
  CHECK(demo.sessions_left().empty());
}

TEST_CASE("output that a full disk swallows is no success") {
  for (const char* arguments : {"schema", "schema --markdown", "--help", "--version"}) {
    const auto outcome =
        inpod::test::run({"sh", "-c", std::string(INPOD) + " " + arguments + " > /dev/full"});
    INFO(arguments << ": " << outcome.err);
    CHECK(outcome.status == 125);
    CHECK(outcome.err.find("cannot write to standard output: No space left") != std::string::npos);
  }
}
