// Starting and ending helper processes.
#include "session/child.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include <algorithm>

#include "kube/exec_pointers.hpp"
#include "kube/file_limit.hpp"
#include "session/pipe.hpp"

namespace inpod {
namespace {

/// dup2 that also clears close-on-exec where both numbers are the same.
bool move_to(int from, int to) {
  return from == to ? fcntl(from, F_SETFD, 0) == 0 : dup2(from, to) >= 0;
}

/// In the child, between fork and exec: only async-signal-safe calls (signal-safety(7)).
[[noreturn]] void become(const int (&streams)[3], std::vector<std::pair<int, int>>& inherit,
                         char* const* arguments, char* const* environment, int parent, int report) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(125);
  setsid();
  signal(SIGPIPE, SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  close_rest_on_exec();
  // Lifted above every wanted number first, so that none of them overwrites another.
  for (auto& [from, to] : inherit) from = fcntl(from, F_DUPFD_CLOEXEC, 64);
  bool ready = true;
  for (int i = 0; i < 3; ++i) ready = ready && move_to(streams[i], i);
  for (const auto& [from, to] : inherit) ready = ready && from >= 0 && move_to(from, to);
  kube::restore_file_limit();  // last: the numbers above may lie beyond it
  if (ready) execve(arguments[0], arguments, environment);
  const int code = errno;
  if (write(report, &code, sizeof code) < 0) _exit(126);
  _exit(125);
}

}  // namespace

Child::Child(Child&& other) noexcept
    : pid_(std::exchange(other.pid_, 0)),
      status_(other.status_),
      input_(std::move(other.input_)),
      output_(std::move(other.output_)),
      errors_(std::move(other.errors_)) {}

Child& Child::operator=(Child&& other) noexcept {
  if (this != &other) {
    end(std::chrono::milliseconds(500));
    pid_ = std::exchange(other.pid_, 0);
    status_ = other.status_;
    input_ = std::move(other.input_);
    output_ = std::move(other.output_);
    errors_ = std::move(other.errors_);
  }
  return *this;
}

Result<Child> Child::start(ChildOptions options) {
  TRY_ASSIGN(input, make_pipe());
  TRY_ASSIGN(output, make_pipe());
  TRY_ASSIGN(errors, make_pipe());
  TRY_ASSIGN(report, make_pipe());
  // The pipe that tells of a failed exec must be clear of the numbers that the child gives away.
  UniqueFd report_write(fcntl(report.write.get(), F_DUPFD_CLOEXEC, 64));
  report.write.reset();
  auto arguments = kube::exec_pointers(options.command);
  auto environment = kube::exec_pointers(options.environment);
  const int streams[3] = {input.read.get(), output.write.get(), errors.write.get()};
  const int parent = getpid();
  const int pid = fork();
  if (pid < 0) return fail_errno("fork");
  if (pid == 0)
    become(streams, options.inherit, arguments.data(), environment.data(), parent, report_write.get());
  report_write.reset();
  Child child;
  child.pid_ = pid;
  int code = 0;
  ssize_t got = 0;
  do {
    got = read(report.read.get(), &code, sizeof code);
  } while (got < 0 && errno == EINTR);
  if (got == sizeof code) return fail_errno("cannot run " + options.command[0], code);
  child.input_ = std::move(input.write);
  child.output_ = std::move(output.read);
  child.errors_ = std::move(errors.read);
  return child;
}

bool Child::write_input(const void* data, std::size_t size) const {
  const auto* at = static_cast<const char*>(data);
  while (size > 0) {
    const ssize_t written = write(input_.get(), at, size);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return false;
    at += written;
    size -= static_cast<std::size_t>(written);
  }
  return true;
}

bool Child::ended() {
  if (pid_ == 0 || status_) return true;
  int status = 0;
  if (waitpid(pid_, &status, WNOHANG) != pid_) return false;
  status_ = status;
  return true;
}

std::string Child::status_text() const {
  if (!status_) return "running";
  if (WIFSIGNALED(*status_)) {
    return "signal " + std::to_string(WTERMSIG(*status_)) + ", " + strsignal(WTERMSIG(*status_));
  }
  return "exit code " + std::to_string(WEXITSTATUS(*status_));
}

bool Child::wait(std::chrono::milliseconds bound) {
  if (ended()) return true;
  const UniqueFd process(static_cast<int>(syscall(SYS_pidfd_open, pid_, 0)));
  pollfd end{process.get(), POLLIN, 0};
  const auto until = std::chrono::steady_clock::now() + bound;
  auto left = std::max(bound, std::chrono::milliseconds(0));
  while (poll(&end, process ? 1 : 0, static_cast<int>(left.count())) < 0 &&
         errno == EINTR) {  // a signal is no reason to give up
    left = std::chrono::duration_cast<std::chrono::milliseconds>(until - std::chrono::steady_clock::now());
    left = std::max(left, std::chrono::milliseconds(0));
  }
  return ended();
}

void Child::end(std::chrono::milliseconds patience) {
  input_.reset();
  if (ended()) return;
  kill(pid_, SIGTERM);
  if (wait(patience)) return;
  kill(pid_, SIGKILL);
  int status = 0;
  while (waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  status_ = status;
}

}  // namespace inpod
