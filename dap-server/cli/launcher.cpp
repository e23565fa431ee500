// Starting the debuggee of `inpod run`.
#include "cli/launcher.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>

#include "cli/signals.hpp"
#include "kube/exec_pointers.hpp"
#include "kube/file_limit.hpp"
#include "protocol/unique_fd.hpp"
#include "session/pipe.hpp"

namespace inpod::cli {
namespace {

/// Of everything from 3 up only `files` stay open in the program.
void keep_only(const std::vector<int>& files) {
  close_rest_on_exec();
  for (const int fd : files) fcntl(fd, F_SETFD, 0);
}

/// Variables by which a service manager names the process that is to take what it hands over
/// (sd_listen_fds(3), sd_watchdog_enabled(3)): where they named this process, they mean the program.
class NamedProcess {
 public:
  NamedProcess(std::vector<char*>& environment, std::string name) : text_(std::move(name)) {
    const std::string own = text_ + std::to_string(getpid());
    const auto at = std::find_if(environment.begin(), environment.end(),
                                 [&](const char* entry) { return entry != nullptr && entry == own; });
    if (at != environment.end()) entry_ = &*at;
    start_ = text_.size();
    text_.resize(start_ + 12);
  }
  /// Async-signal-safe.
  void set(int pid) {
    if (entry_ == nullptr) return;
    *std::to_chars(text_.data() + start_, text_.data() + text_.size() - 1, pid).ptr = 0;
    *entry_ = text_.data();
  }

 private:
  std::string text_;
  std::size_t start_ = 0;
  char** entry_ = nullptr;
};

}  // namespace

std::vector<int> inherited_files() {
  std::vector<int> files;
  DIR* directory = opendir("/proc/self/fd");
  if (directory == nullptr) return files;
  while (const dirent* entry = readdir(directory)) {
    const int fd = atoi(entry->d_name);
    if (fd > 2 && fd != dirfd(directory) && (fcntl(fd, F_GETFD) & FD_CLOEXEC) == 0) files.push_back(fd);
  }
  closedir(directory);
  return files;
}

Result<int> launch(const std::string& path, const std::vector<std::string>& arguments,
                   const std::vector<std::string>& environment, const std::vector<int>& files) {
  int report[2];
  if (pipe2(report, O_CLOEXEC) != 0) return fail_errno("pipe");
  const UniqueFd report_read(report[0]);
  UniqueFd report_write(report[1]);
  auto argv = kube::exec_pointers(arguments);
  auto envp = kube::exec_pointers(environment);
  NamedProcess listening(envp, "LISTEN_PID="), watched(envp, "WATCHDOG_PID=");
  const int parent = getpid();
  const int pid = fork();
  if (pid < 0) return fail_errno("fork");
  if (pid == 0) {  // only async-signal-safe calls from here on
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(128 + SIGKILL);
    restore_signals();
    keep_only(files);
    listening.set(getpid());
    watched.set(getpid());
    kube::restore_file_limit();
    execve(path.c_str(), argv.data(), envp.data());
    const int code = errno;
    if (write(report_write.get(), &code, sizeof code) < 0) _exit(126);
    _exit(126);
  }
  report_write.reset();
  int code = 0;
  if (read(report_read.get(), &code, sizeof code) == sizeof code) {
    waitpid(pid, nullptr, 0);
    return fail_errno("cannot run " + path, code);
  }
  return pid;
}

int exit_code(int wait_status) {
  return WIFSIGNALED(wait_status) ? 128 + WTERMSIG(wait_status) : WEXITSTATUS(wait_status);
}

}  // namespace inpod::cli
