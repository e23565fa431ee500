// What the guardian ends when the process that started it is gone, and what it leaves alone.
#include "dap/guardian.hpp"

#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>

#include "catch.hpp"

using inpod::UniqueFd;
using inpod::dap::Guardian;

namespace {

/// A process that only waits, in a group of its own; ended and reaped by the destructor.
struct Sleeper {
  pid_t pid = fork();
  UniqueFd pidfd;
  Sleeper() {
    if (pid == 0) {
      setpgid(0, 0);
      for (;;) pause();
    }
    setpgid(pid, pid);
    pidfd.reset(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
  }
  ~Sleeper() {
    kill(pid, SIGKILL);
    waitpid(pid, nullptr, 0);
  }
  bool ends_within(int milliseconds) const {
    pollfd look{pidfd.get(), POLLIN, 0};
    return poll(&look, 1, milliseconds) > 0;
  }
};

/// Runs in a process that is then killed.
void in_a_doomed_process(const std::function<void(const Guardian&)>& orders) {
  const pid_t doomed = fork();
  if (doomed == 0) {
    const auto guardian = Guardian::start();
    if (guardian) orders(*guardian);
    kill(getpid(), SIGKILL);
  }
  int status = 0;
  waitpid(doomed, &status, 0);
  REQUIRE(WIFSIGNALED(status));
}

}  // namespace

TEST_CASE("what was told to the guardian ends after its owner was killed") {
  const Sleeper process, group;
  in_a_doomed_process([&](const Guardian& guardian) {
    guardian.watch(process.pid);
    guardian.watch_group(group.pid);
  });
  CHECK(process.ends_within(10'000));
  CHECK(group.ends_within(10'000));
}

TEST_CASE("what it is to forget stays") {
  const Sleeper left, ended;
  in_a_doomed_process([&](const Guardian& guardian) {
    guardian.watch(left.pid);
    guardian.watch(ended.pid);
    guardian.forget(left.pid);
  });
  CHECK(ended.ends_within(10'000));  // by then it has done its work
  CHECK_FALSE(left.ends_within(0));
}
