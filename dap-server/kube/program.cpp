// posix_spawn, output into sealed memory files, the end by a pidfd: no thread, no pipe to fill up.
#include "kube/program.hpp"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <map>
#include <memory>

#include "kube/exec_pointers.hpp"
#include "kube/file_limit.hpp"
#include "protocol/task.hpp"
#include "protocol/unique_fd.hpp"

extern char** environ;

namespace inpod::kube {
namespace {

namespace asio = boost::asio;
constexpr off_t output_limit = 1 << 20;

/// A file in memory that can't grow past the limit. The child shares its position, which thus tells how much
/// it wrote.
Result<UniqueFd> memory_file() {
  UniqueFd file(memfd_create("inpod-program", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!file || ftruncate(file.get(), output_limit) != 0 || fcntl(file.get(), F_ADD_SEALS, F_SEAL_GROW) != 0) {
    return fail_errno("cannot make a file in memory");
  }
  return file;
}

std::string written(int fd) {
  const off_t size = lseek(fd, 0, SEEK_CUR);
  std::string text(static_cast<std::size_t>(std::max<off_t>(size, 0)), '\0');
  const ssize_t got = pread(fd, text.data(), text.size(), 0);
  text.resize(static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
  return text;
}

std::vector<std::string> merged_environment(const std::vector<std::string>& more) {
  std::map<std::string, std::string> variables;
  const auto put = [&](const std::string& assignment) {
    variables[assignment.substr(0, assignment.find('='))] = assignment;
  };
  for (char** variable = environ; *variable; ++variable) put(*variable);
  for (const auto& assignment : more) put(assignment);
  std::vector<std::string> all;
  for (auto& [name, assignment] : variables) all.push_back(std::move(assignment));
  return all;
}

/// The child; killed and reaped by the destructor if it still runs.
struct Child {
  pid_t pid = 0;
  int status = 0;
  ~Child() {
    if (pid > 0) {
      kill(pid, SIGKILL);
      reap();
    }
  }
  void reap() {
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    pid = 0;
  }
};

Result<void> start(Program& program, int out, int err, Child& child) {
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  if (!program.terminal) posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, out, 1);
  if (!program.terminal || !isatty(2)) posix_spawn_file_actions_adddup2(&actions, err, 2);
  posix_spawn_file_actions_addclosefrom_np(&actions, 3);  // Asio's sockets are not made close-on-exec
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t none;
  sigemptyset(&none);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
  auto environment =
      program.whole_environment ? program.environment : merged_environment(program.environment);
  const UsersFileLimit limit;
  const int code = posix_spawnp(&child.pid, program.command[0].c_str(), &actions, &attributes,
                                exec_pointers(program.command).data(), exec_pointers(environment).data());
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  if (code != 0) child.pid = 0;
  return code == 0 ? Result<void>() : fail_errno("cannot run " + program.command[0], code);
}

}  // namespace

asio::awaitable<Result<ProgramOutput>> run_program(Program program) {
  CO_TRY(out, memory_file());
  CO_TRY(err, memory_file());
  Child child;
  CO_TRY_VOID(start(program, out.get(), err.get(), child));
  const auto executor = co_await asio::this_coro::executor;
  asio::posix::stream_descriptor ended(executor, static_cast<int>(syscall(SYS_pidfd_open, child.pid, 0)));

  const auto late = std::make_shared<bool>(false);
  asio::steady_timer deadline(executor, program.timeout);
  deadline.async_wait([weak = std::weak_ptr<bool>(late), &ended](const boost::system::error_code& cancelled) {
    const auto waiting = weak.lock();  // gone: it ended, or was cancelled, just as the time was over
    if (cancelled || !waiting) return;
    *waiting = true;
    ended.cancel();
  });
  const auto [error] = co_await ended.async_wait(asio::posix::stream_descriptor::wait_read, as_result);
  deadline.cancel();
  if (*late) {
    co_return Failed(Error{
        ETIMEDOUT,
        program.command[0] + " did not end within " + std::to_string(program.timeout.count() / 1000) + " s",
        {}});
  }
  if (error) co_return Failed(Error{ECANCELED, program.command[0] + " was cancelled", {}});
  child.reap();
  ProgramOutput result;
  result.exit_code = WIFEXITED(child.status) ? WEXITSTATUS(child.status) : 128 + WTERMSIG(child.status);
  result.output = written(out.get());
  result.errors = written(err.get());
  co_return result;
}

}  // namespace inpod::kube
