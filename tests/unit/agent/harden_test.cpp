// What a process can't do any more once it gave it up. Each case runs in a child, since nothing comes back.
#include "privileges/harden.hpp"

#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>
#include <thread>

#include "catch.hpp"
#include "target/credentials.hpp"
#include "target/proc.hpp"

using namespace inpod::agent;

namespace {

/// Runs the checks in a child; the line of the first that fails, or 0.
int in_child(const std::function<int()>& checks) {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(checks() & 0xff);
  int status = -1;
  REQUIRE(::waitpid(child, &status, 0) == child);
  INFO("status " << status);
  REQUIRE(WIFEXITED(status));
  return WEXITSTATUS(status);
}

bool fails_with(long result, int code) {
  return result == -1 && errno == code;
}

std::string own_status(const char* path = "/proc/thread-self/status") {
  auto text = read_small_file(path);
  return text ? *text : "";
}

}  // namespace

#define NEED(check) \
  if (!(check)) return __LINE__

TEST_CASE("A hardened process is not dumpable, gains nothing and dumps no core", "[harden]") {
  CHECK(in_child([] {
          NEED(become_untouchable());
          NEED(::prctl(PR_GET_DUMPABLE) == 0);
          NEED(::prctl(PR_GET_NO_NEW_PRIVS, 0L, 0L, 0L, 0L) == 1);
          rlimit core{1, 1};
          NEED(::getrlimit(RLIMIT_CORE, &core) == 0 && core.rlim_cur == 0 && core.rlim_max == 0);
          return 0;
        }) == 0);
}

TEST_CASE("Capabilities that are given up are gone", "[harden]") {
  CHECK(in_child([] {
          auto before = parse_credentials(own_status());
          NEED(before);
          const std::uint64_t wanted = capability_bit(CAP_CHOWN) | capability_bit(CAP_NET_RAW);
          limit_bounding_set();
          NEED(limit_capabilities(wanted));
          auto after = parse_credentials(own_status());
          NEED(after && after->permitted == (before->permitted & wanted));
          NEED(after->effective == after->permitted);
          NEED(limit_capabilities(~std::uint64_t{0}));  // nothing comes back
          after = parse_credentials(own_status());
          NEED(after && after->permitted == (before->permitted & wanted));
          return 0;
        }) == 0);
}

TEST_CASE("The filter refuses what the agent never needs, on threads that were there too", "[harden]") {
  CHECK(in_child([] {
          NEED(become_untouchable());
          int pipe_ends[2];
          NEED(::pipe(pipe_ends) == 0);
          bool refused_there = false;
          std::thread earlier([&] {
            char byte;
            (void)!::read(pipe_ends[0], &byte, 1);
            refused_there = fails_with(::unshare(CLONE_NEWNS), EPERM);
          });
          auto filtered = filter_system_calls(Forking::refused);
          NEED(filtered && *filtered);
          NEED(::write(pipe_ends[1], "x", 1) == 1);
          earlier.join();
          NEED(refused_there);
          char* const none[] = {nullptr};
          NEED(fails_with(::execve("/bin/true", none, none), EPERM));
          NEED(fails_with(::ptrace(PTRACE_TRACEME, 0, 0, 0), EPERM));
          NEED(fails_with(::mount("none", "/", "tmpfs", 0, nullptr), EPERM));
          NEED(fails_with(::setns(0, 0), EPERM));
          NEED(fails_with(::chroot("/"), EPERM));
          NEED(fails_with(::syscall(SYS_bpf, 0, 0, 0), EPERM));
          NEED(fails_with(::syscall(SYS_io_uring_setup, 1, 0), EPERM));
          NEED(fails_with(::syscall(SYS_process_vm_writev, ::getpid(), 0, 0, 0, 0, 0), EPERM));
          NEED(fails_with(::syscall(451), ENOSYS));
          NEED(fails_with(::syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0), EPERM));
          NEED(fails_with(::fork(), EPERM));
          bool ran = false;
          std::thread([&] { ran = true; }).join();  // what it does need
          NEED(ran);
          NEED(own_status().find("\nSeccomp:\t2\n") != std::string::npos);
          return 0;
        }) == 0);
}

TEST_CASE("A process that may fork still executes nothing", "[harden]") {
  CHECK(in_child([] {
          NEED(become_untouchable());
          auto filtered = filter_system_calls(Forking::allowed);
          NEED(filtered && *filtered);
          const pid_t child = ::fork();
          if (child == 0) ::_exit(7);
          int status = 0;
          NEED(::waitpid(child, &status, 0) == child && WEXITSTATUS(status) == 7);
          char* const none[] = {nullptr};
          NEED(fails_with(::execve("/bin/true", none, none), EPERM));
          NEED(fails_with(::syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0), EPERM));
          return 0;
        }) == 0);
}
