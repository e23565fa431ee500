// What is said of local:PID targets that can't be entered.
#include "session/local_agent.hpp"

#include <unistd.h>

#include "catch.hpp"

using namespace inpod;

TEST_CASE("local targets that are none") {
  for (const char* bad : {"local:", "local:x", "local:0", "local:1/container/app"}) {
    INFO(bad);
    CHECK(local_pid(bad).error().text ==
          "target \"" + std::string(bad) + "\": expected local:PID with the number of a process");
  }
  CHECK(local_pid("local:2147483646").error().text ==
        "target \"local:2147483646\": there is no process 2147483646");
  const std::string self = "local:" + std::to_string(getpid());
  CHECK(local_pid(self).error().text == "target \"" + self + "\" is inpod itself");
  CHECK(local_pid("local:" + std::to_string(getppid())).value() == getppid());
}

TEST_CASE("another user's namespaces: one sentence, and a remedy for people at their own machine") {
  const auto error = local_agent_error(1,
                                       "cannot enter the target's user namespace: Operation not permitted; "
                                       "the agent needs the capabilities SYS_ADMIN and SYS_PTRACE");
  CHECK(error.code == EPERM);
  CHECK(error.text ==
        "cannot enter the namespaces of process 1: its user namespace: Operation not permitted");
  CHECK(error.remedy.find("sudo") != std::string::npos);
  const auto other = local_agent_error(7, "it ended without a word");
  CHECK(other.text == "cannot enter the namespaces of process 7: it ended without a word");
  CHECK(other.remedy.empty());
}
