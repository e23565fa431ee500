// See target.hpp.
#include "target/target.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <poll.h>
#include <sched.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <charconv>
#include <cstdlib>
#include <memory>
#include <vector>

#include "target/cgroup.hpp"
#include "target/proc.hpp"

namespace inpod::agent {
namespace {

std::string proc(pid_t pid, const char* name) {
  return "/proc/" + std::to_string(pid) + "/" + name;
}

std::vector<pid_t> all_processes() {
  std::vector<pid_t> pids;
  std::unique_ptr<DIR, int (*)(DIR*)> directory(::opendir("/proc"), ::closedir);
  while (directory) {
    dirent* entry = ::readdir(directory.get());
    if (!entry) break;
    pid_t pid = 0;
    const char* end = entry->d_name + strlen(entry->d_name);
    auto [stop, failure] = std::from_chars(entry->d_name, end, pid);
    if (failure == std::errc() && stop == end) pids.push_back(pid);
  }
  return pids;
}

/// Clock ticks since boot (proc(5), stat, field 22), to tell a container's init from what was started in it
/// later.
unsigned long long start_time(pid_t pid) {
  auto stat = read_small_file(proc(pid, "stat"));
  if (!stat) return ~0ULL;
  std::size_t at = stat->rfind(')');  // the name before it may hold anything
  for (int field = 2; field < 22 && at != stat->npos; ++field) at = stat->find(' ', at + 1);
  return at == stat->npos ? ~0ULL : strtoull(stat->c_str() + at, nullptr, 10);
}

bool in_container(pid_t pid, const std::string& id) {
  if (auto cgroup = read_small_file(proc(pid, "cgroup")); cgroup && cgroup_names_container(*cgroup, id))
    return true;
  if (auto cpuset = read_small_file(proc(pid, "cpuset")); cpuset && cgroup_names_container(*cpuset, id))
    return true;
  auto mounts = read_small_file(proc(pid, "mountinfo"));
  return mounts && mounts_name_container(*mounts, id);
}

pid_t first_process_of(const std::string& container_id, std::size_t& seen) {
  pid_t best = 0;
  unsigned long long best_time = ~0ULL;
  auto pids = all_processes();
  seen = pids.size();
  for (pid_t pid : pids) {
    if (pid == ::getpid() || !in_container(pid, container_id)) continue;
    auto time = start_time(pid);
    if (!best || time < best_time || (time == best_time && pid < best)) best = pid, best_time = time;
  }
  return best;
}

bool has_ended(const UniqueFd& pid_fd) {
  pollfd process{pid_fd.get(), POLLIN, 0};
  return ::poll(&process, 1, 0) == 1;
}

/// A number may have gone to another process since it was looked up: it is looked at once more with the pidfd
/// open. Where the container runs on with another first process, that one is found the next time.
Result<bool> open_process(Target& target, const std::string& container_id) {
  target.pid_fd.reset(static_cast<int>(::syscall(SYS_pidfd_open, target.pid, 0)));
  if (!target.pid_fd && (errno != ESRCH || container_id.empty()))
    return fail_errno("cannot open process " + std::to_string(target.pid));
  if (container_id.empty()) return true;
  return target.pid_fd && in_container(target.pid, container_id) && !has_ended(target.pid_fd);
}

bool same_namespace(pid_t pid, const char* name) {
  struct stat own {
  }, other{};
  std::string own_path = std::string("/proc/self/ns/") + name;
  return ::stat(own_path.c_str(), &own) == 0 &&
         ::stat(proc(pid, (std::string("ns/") + name).c_str()).c_str(), &other) == 0 &&
         own.st_dev == other.st_dev && own.st_ino == other.st_ino;
}

Result<void> enter_namespace(pid_t pid, const char* name, int kind) {
  if (same_namespace(pid, name)) return {};
  std::string path = proc(pid, (std::string("ns/") + name).c_str());
  UniqueFd space(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (space && ::setns(space.get(), kind) == 0) return {};
  Error error = fail_errno("cannot enter the target's " + std::string(name) + " namespace").value();
  if (error.code == EPERM || error.code == EACCES)
    error.remedy = "the agent needs the capabilities SYS_ADMIN and SYS_PTRACE";
  return Failed(std::move(error));
}

}  // namespace

Result<Target> find_target(const StartRecord& record) {
  Target target;
  if (record.container_id.empty() && record.pid == 0) return target;
  std::size_t seen = 0;
  constexpr int most_tries = 5;
  for (int i = 0; i < most_tries && !record.container_id.empty(); ++i) {
    target.pid = first_process_of(record.container_id, seen);
    if (!target.pid) break;
    TRY_ASSIGN(is_it, open_process(target, record.container_id));
    if (is_it) return target;
  }
  if (target.pid)
    return fail("the first process of container " + record.container_id + " ends as soon as it is found",
                "wait until the container stays");
  target.pid = static_cast<pid_t>(record.pid);
  if (!target.pid)
    return fail("no process of container " + record.container_id + " among the " + std::to_string(seen) +
                    " that the agent sees",
                "the agent must run on the target's node with hostPID, and the container must be running");
  if (auto opened = open_process(target, std::string()); !opened) return Failed(opened.error());
  return target;
}

Result<void> enter_target(Target& target) {
  if (!target.pid) {
    target.root.reset(::open("/", O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (!target.root) return fail_errno("/");
  } else {
    TRY_VOID(enter_namespace(target.pid, "user", CLONE_NEWUSER));
    TRY_VOID(enter_namespace(target.pid, "net", CLONE_NEWNET));
    target.root.reset(::open(proc(target.pid, "root").c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (!target.root) {
      Error error = fail_errno("cannot open the target's root directory").value();
      error.remedy = "the agent needs the capability SYS_PTRACE, or the same user as the target";
      return Failed(std::move(error));
    }
    target.directory.reset(::open(proc(target.pid, "").c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (!target.directory) return fail_errno(proc(target.pid, ""));
    target.uts_namespace.reset(::open(proc(target.pid, "ns/uts").c_str(), O_RDONLY | O_CLOEXEC));
  }
  TRY_ASSIGN(status, read_small_file(target.pid ? proc(target.pid, "status") : "/proc/self/status"));
  TRY_ASSIGN(credentials, parse_credentials(status));
  target.credentials = std::move(credentials);
  if (target.pid_fd && has_ended(target.pid_fd))
    return fail("the target's process has ended",
                "what was found of it may be another's, who has its number now: try again");
  return {};
}

}  // namespace inpod::agent
