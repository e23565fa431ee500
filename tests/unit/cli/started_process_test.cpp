// What a debugger has started: this test is the debugger.
#include "cli/started_process.hpp"

#include <signal.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>

#include "catch.hpp"
#include "session/descendants.hpp"
#include "support/process.hpp"

using namespace inpod;
using namespace inpod::cli;
using test::eventually;

namespace {

/// A traced process that stands still: before it executes sleep(1), and again once it has.
class Debuggee {
 public:
  explicit Debuggee(std::vector<const char*> environment) : pid_(fork()) {
    if (pid_ == 0) {
      ptrace(PTRACE_TRACEME, 0, nullptr, nullptr);
      raise(SIGSTOP);
      environment.push_back(nullptr);
      const char* const command[] = {"sleep", "80", nullptr};
      execve("/bin/sleep", const_cast<char**>(command), const_cast<char**>(environment.data()));
      _exit(127);
    }
    REQUIRE(pid_ > 0);
    waitpid(pid_, nullptr, 0);
  }
  ~Debuggee() {
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
  void execute() {
    REQUIRE(ptrace(PTRACE_CONT, pid_, nullptr, nullptr) == 0);
    waitpid(pid_, nullptr, 0);  // the trap behind exec
  }
  void run() { REQUIRE(ptrace(PTRACE_CONT, pid_, nullptr, nullptr) == 0); }
  StartedProcess seen() const {
    const auto all = started_by(getpid());
    const auto found =
        std::find_if(all.begin(), all.end(), [&](const StartedProcess& each) { return each.pid == pid_; });
    return found == all.end() ? StartedProcess() : *found;
  }

 private:
  pid_t pid_;
};

LaunchEnvironment session_with(const std::string& layer) {
  LaunchEnvironment session;
  session.layer = layer;
  return session;
}

}  // namespace

TEST_CASE("a debuggee is known by its tracer, and on its way until it has executed the program") {
  Debuggee debuggee({"A=1", "INPOD_PROGRAM=/bin/sleep", "B=x=y"});
  CHECK(debuggee.seen().tracer == getpid());
  CHECK(is_on_its_way(debuggee.seen()));
  CHECK(find_debuggee(getpid(), "/bin/sleep") == 0);
  debuggee.execute();
  CHECK(find_debuggee(getpid(), "/bin/sleep") == debuggee.seen().pid);
  CHECK(find_debuggee(getpid(), "/bin/cat") == 0);
  const auto process = debuggee.seen();
  CHECK(process.executable.ends_with("/sleep"));
  CHECK(is_traced(process));
  CHECK_FALSE(is_on_its_way(process));
  const auto environment = started_with(process);
  REQUIRE(environment);
  CHECK(*environment ==
        std::map<std::string, std::string>{{"A", "1"}, {"INPOD_PROGRAM", "/bin/sleep"}, {"B", "x=y"}});
}

TEST_CASE("a missing layer is told once libc is there, and not while the program stands at its entry") {
  Debuggee debuggee({"A=1"});
  debuggee.execute();
  const auto process = debuggee.seen();
  const auto entry = has_layer(process, {}, session_with("/no/libinpod.so"));
  REQUIRE(entry);
  CHECK_FALSE(*entry);
  debuggee.run();
  CHECK(eventually(std::chrono::seconds(20),
                   [&] { return !has_layer(process, {}, session_with("/no/libinpod.so")); }));
}

TEST_CASE("a layer that is there acts in the session's program alone") {
  Debuggee debuggee({"A=1"});
  debuggee.execute();
  debuggee.run();
  const auto process = debuggee.seen();
  const auto session = session_with("/libc.so.6");  // stands for the layer: it is mapped
  CHECK(eventually(std::chrono::seconds(20), [&] {
    const auto active = has_layer(process, {{"INPOD_PROGRAM", "/bin/sleep"}}, session);
    return active && *active;
  }));
  const auto descendant = has_layer(process, {{"INPOD_ACTIVE", "1"}}, session);
  CHECK((descendant && *descendant));
  const auto other = has_layer(process, {{"INPOD_PROGRAM", "/bin/cat"}}, session);
  REQUIRE_FALSE(other);
  CHECK(other.error().text.find("/bin/cat") != std::string::npos);
  CHECK(has_layer(process, {}, session_with("")));  // a session that intercepts nothing
}

TEST_CASE("an empty environment is one once the program runs") {
  Debuggee debuggee({});
  debuggee.execute();
  CHECK_FALSE(started_with(debuggee.seen()));
  debuggee.run();
  CHECK(eventually(std::chrono::seconds(20), [&] { return started_with(debuggee.seen()).has_value(); }));
}
