// See guardian.hpp. Behind fork(2) only async-signal-safe calls are made (signal-safety(7)).
#include "dap/guardian.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

#include "session/pipe.hpp"

namespace inpod::dap {
namespace {

constexpr int patience_ms = 2000;
constexpr int most = 16;

void keep_only(int kept) {
  kept = fcntl(kept, F_DUPFD, 4);
  const int nothing = open("/dev/null", O_RDWR);
  for (int fd = 0; fd < 3; ++fd) dup2(nothing, fd);
  dup2(kept, 3);
  if (syscall(SYS_close_range, 4U, ~0U, 0U) == 0) return;  // Linux 5.9
  for (int fd = 4; fd < 4096; ++fd) close(fd);
}

bool has_ended(int pidfd, int wait_ms) {
  pollfd look{pidfd, POLLIN, 0};
  return poll(&look, 1, wait_ms) > 0;
}

}  // namespace

Result<Guardian> Guardian::start() {
  TRY_ASSIGN(pipe, make_pipe());
  const pid_t child = fork();
  if (child < 0) return fail_errno("cannot fork");
  if (child == 0) {
    if (fork() != 0) _exit(0);
    guard(pipe.read.get());
  }
  while (waitpid(child, nullptr, 0) < 0 && errno == EINTR) {
  }
  return Guardian(std::move(pipe.write));
}

void Guardian::tell(Order order) const {
  if (orders_)
    (void)!write(orders_.get(), &order, sizeof order);  // fewer than PIPE_BUF bytes: whole or not at all
}

void Guardian::guard(int orders) {
  setsid();
  signal(SIGINT, SIG_IGN);
  signal(SIGTERM, SIG_IGN);
  keep_only(orders);
  struct {
    Order order;
    int pidfd;
  } watched[most];
  int count = 0;
  Order order;
  for (ssize_t got; (got = ::read(3, &order, sizeof order)) != 0;) {
    if (got < 0 && errno == EINTR) continue;
    if (got != sizeof order) _exit(1);
    // A debuggee that ended long ago makes room for the next one.
    for (int i = 0; i < count; ++i)
      if (watched[i].order.pid == order.pid || has_ended(watched[i].pidfd, 0))
        close(watched[i].pidfd), watched[i--] = watched[--count];
    if (order.what == What::forgotten) continue;
    const int pidfd = static_cast<int>(syscall(SYS_pidfd_open, order.pid, 0));
    if (pidfd >= 0 && count < most) watched[count++] = {order, pidfd};
  }
  for (int i = 0, left = patience_ms; i < count; ++i) {
    for (; left > 0 && !has_ended(watched[i].pidfd, 20); left -= 20) {
    }
    if (has_ended(watched[i].pidfd, 0)) continue;
    if (watched[i].order.what == What::group) kill(-watched[i].order.pid, SIGKILL);
    syscall(SYS_pidfd_send_signal, watched[i].pidfd, SIGKILL, nullptr, 0);
  }
  _exit(0);
}

}  // namespace inpod::dap
