// Helper processes: their streams, their inherited files, and that none outlives us.
#include "session/child.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/time.h>
#include <sys/wait.h>

#include "catch.hpp"
#include "kube/file_limit.hpp"

using namespace inpod;

namespace {

std::string read_all(int fd) {
  std::string text;
  char buffer[256];
  ssize_t got = 0;
  while ((got = read(fd, buffer, sizeof buffer)) > 0) text.append(buffer, static_cast<std::size_t>(got));
  return text;
}

ChildOptions shell(const std::string& script) {
  ChildOptions options;
  options.command = {"/bin/sh", "-c", script};
  options.environment = {"PATH=/usr/bin:/bin", "GREETING=hello"};
  return options;
}

}  // namespace

TEST_CASE("a child gets its input, environment and files, and nothing else") {
  int fds[2];
  REQUIRE(pipe(fds) == 0);  // deliberately not close-on-exec
  const UniqueFd read_end(fds[0]), write_end(fds[1]);
  auto options =
      shell("read line; echo \"$GREETING $line $HOME\"; echo inherited >&5; ls /proc/self/fd | tr '\\n' ' '");
  options.inherit = {{write_end.get(), 5}};
  auto child = Child::start(std::move(options));
  REQUIRE(child);
  const UniqueFd out(child->take_output()), err(child->take_errors());
  REQUIRE(child->write_input("world\n", 6));
  const auto text = read_all(out.get());
  CHECK(text == "hello world \n0 1 2 3 5 ");  // 3 is ls's own, on the directory
  char buffer[32];
  CHECK(std::string(buffer, static_cast<std::size_t>(read(read_end.get(), buffer, sizeof buffer))) ==
        "inherited\n");
  child->end(std::chrono::milliseconds(1000));
  CHECK(child->status_text() == "exit code 0");
}

TEST_CASE("a child has the user's limit of open files") {
  rlimit limit{};
  REQUIRE(getrlimit(RLIMIT_NOFILE, &limit) == 0);
  limit.rlim_cur = 512;
  REQUIRE(setrlimit(RLIMIT_NOFILE, &limit) == 0);
  kube::raise_file_limit();
  auto child = Child::start(shell("ulimit -Sn"));
  REQUIRE(child);
  const UniqueFd out(child->take_output());
  CHECK(read_all(out.get()) == "512\n");
  child->end(std::chrono::milliseconds(1000));
}

TEST_CASE("a program that can't be run is an error with its errno") {
  ChildOptions options;
  options.command = {"/no/such/program"};
  const auto child = Child::start(std::move(options));
  REQUIRE_FALSE(child);
  CHECK(child.error().code == ENOENT);
  CHECK(child.error().text.find("/no/such/program") != std::string::npos);
}

TEST_CASE("signals that come meanwhile change nothing") {
  struct sigaction quiet {
  }, before{};
  quiet.sa_handler = [](int) {};  // without SA_RESTART: calls of ours end with EINTR
  REQUIRE(sigaction(SIGALRM, &quiet, &before) == 0);
  const itimerval often{{0, 50000}, {0, 50000}}, never{};
  setitimer(ITIMER_REAL, &often, nullptr);
  int wrong = 0;
  for (int i = 0; i < 10; ++i) {
    ChildOptions options;
    options.command = {"/no/such/program"};
    const auto child = Child::start(std::move(options));
    wrong += child.has_value() || child.error().code != ENOENT;
  }
  auto brief = Child::start(shell("sleep 0.3"));
  const bool waited = brief && brief->wait(std::chrono::milliseconds(20000));
  setitimer(ITIMER_REAL, &never, nullptr);
  sigaction(SIGALRM, &before, nullptr);
  CHECK(wrong == 0);
  CHECK(waited);
}

TEST_CASE("end asks first, then kills") {
  auto polite = Child::start(shell("exec sleep 30"));
  REQUIRE(polite);
  CHECK_FALSE(polite->ended());
  CHECK(polite->status_text() == "running");
  polite->end(std::chrono::milliseconds(5000));
  CHECK(polite->status_text() == "signal 15, Terminated");
  auto deaf = Child::start(shell("trap '' TERM; echo ready; while :; do sleep 1; done"));
  REQUIRE(deaf);
  const UniqueFd out(deaf->take_output());
  char byte = 0;
  REQUIRE(read(out.get(), &byte, 1) == 1);
  deaf->end(std::chrono::milliseconds(100));
  CHECK(deaf->status_text() == "signal 9, Killed");
}

TEST_CASE("a child dies with its parent") {
  int fds[2];
  REQUIRE(pipe2(fds, O_CLOEXEC) == 0);
  const UniqueFd read_end(fds[0]);
  UniqueFd write_end(fds[1]);
  const int parent = fork();
  if (parent == 0) {
    auto options = shell("echo up >&5; exec sleep 60");
    options.inherit = {{write_end.get(), 5}};
    auto child = Child::start(std::move(options));
    raise(SIGKILL);
  }
  write_end.reset();
  waitpid(parent, nullptr, 0);
  // The pipe ends once nobody holds it: the child is gone, although its parent had no chance to end it.
  pollfd wait{read_end.get(), POLLIN, 0};
  std::string text;
  char buffer[16];
  while (poll(&wait, 1, 5000) == 1) {
    const ssize_t got = read(read_end.get(), buffer, sizeof buffer);
    if (got <= 0) {
      text += "end";
      break;
    }
  }
  CHECK(text == "end");
}
