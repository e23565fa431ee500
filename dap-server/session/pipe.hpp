// Pipe: both ends of a pipe(7), closed at exec; and what else is to be closed there. Any thread.
#pragma once

#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "protocol/result.hpp"
#include "protocol/unique_fd.hpp"

namespace inpod {

struct Pipe {
  UniqueFd read, write;
};

inline Result<Pipe> make_pipe() {
  int fds[2];
  if (pipe2(fds, O_CLOEXEC) != 0) return fail_errno("cannot make a pipe");
  return Pipe{UniqueFd(fds[0]), UniqueFd(fds[1])};
}

/// Everything from 3 up closes at exec: Asio's sockets are not made close-on-exec. Async-signal-safe, for the
/// child of a fork.
inline void close_rest_on_exec() {
  constexpr unsigned close_on_exec = 1U << 2;  // CLOSE_RANGE_CLOEXEC, Linux 5.11
  if (syscall(SYS_close_range, 3U, ~0U, close_on_exec) == 0) return;
  for (int fd = 3; fd < 4096; ++fd) fcntl(fd, F_SETFD, FD_CLOEXEC);
}

}  // namespace inpod
