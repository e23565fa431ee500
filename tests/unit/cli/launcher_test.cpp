// Starting a debuggee: its environment, files, and what the kernel says of it.
#include "cli/launcher.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>

#include "catch.hpp"
#include "kube/file_limit.hpp"
#include "protocol/unique_fd.hpp"
#include "session/brief_run.hpp"

using namespace inpod;

TEST_CASE("exit codes as a shell gives them") {
  CHECK(cli::exit_code(W_EXITCODE(7, 0)) == 7);
  CHECK(cli::exit_code(W_EXITCODE(0, SIGKILL)) == 137);
}

TEST_CASE("the program gets the files that inpod was given, and no other") {
  const UniqueFd given(open("/dev/null", O_RDONLY));
  const UniqueFd own(open("/dev/null", O_RDONLY | O_CLOEXEC));
  const auto files = cli::inherited_files();
  CHECK(std::count(files.begin(), files.end(), given.get()) == 1);
  CHECK(std::count(files.begin(), files.end(), own.get()) == 0);
  const UniqueFd later(open("/dev/null", O_RDONLY));  // a library's, without close-on-exec
  const std::string script = "[ -e /proc/self/fd/" + std::to_string(given.get()) +
                             " ] && [ ! -e /proc/self/fd/" + std::to_string(own.get()) +
                             " ] && [ ! -e /proc/self/fd/" + std::to_string(later.get()) + " ]";
  const auto pid = cli::launch("/bin/sh", {"sh", "-c", script}, {"PATH=/usr/bin:/bin"}, files);
  REQUIRE(pid);
  int status = 0;
  waitpid(*pid, &status, 0);
  CHECK(cli::exit_code(status) == 0);
}

TEST_CASE("the program has the user's limit of open files, whatever inpod needs itself") {
  rlimit limit{};
  REQUIRE(getrlimit(RLIMIT_NOFILE, &limit) == 0);
  limit.rlim_cur = 512;
  REQUIRE(setrlimit(RLIMIT_NOFILE, &limit) == 0);
  kube::raise_file_limit();
  const auto pid =
      cli::launch("/bin/sh", {"sh", "-c", "[ $(ulimit -Sn) = 512 ]"}, {"PATH=/usr/bin:/bin"}, {});
  REQUIRE(pid);
  int status = 0;
  waitpid(*pid, &status, 0);
  CHECK(cli::exit_code(status) == 0);
  REQUIRE(getrlimit(RLIMIT_NOFILE, &limit) == 0);
  CHECK(limit.rlim_cur > 512);
}

TEST_CASE("what can't be executed says why") {
  CHECK(cli::launch("/no/such", {"x"}, {}, {}).error().code == ENOENT);
  CHECK(cli::launch("/dev/null", {"x"}, {}, {}).error().code == EACCES);
}

TEST_CASE("brief runs are bounded") {
  const auto echo =
      inpod::run_briefly({"/bin/sh", "-c", "echo out; echo err >&2; exit 3"}, {}, std::chrono::seconds(10));
  REQUIRE(echo);
  CHECK(echo->out == "out\n");
  CHECK(echo->err == "err\n");
  CHECK(echo->status == "exit code 3");
  const auto start = std::chrono::steady_clock::now();
  CHECK_FALSE(inpod::run_briefly({"/bin/sleep", "30"}, {}, std::chrono::milliseconds(200)));
  CHECK(std::chrono::steady_clock::now() - start < std::chrono::seconds(10));
  CHECK_FALSE(inpod::run_briefly({"/no/such"}, {}, std::chrono::seconds(1)));
}
