// Pipe: both ends of a pipe(7), closed at exec. Any thread.
#pragma once

#include <fcntl.h>
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

}  // namespace inpod
