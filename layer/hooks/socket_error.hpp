// Errors of sockets that the relay connects: a failed connection shows as ECONNRESET, an unreachable UDP peer
// as ECONNREFUSED; the relay knows the true one.
#pragma once

#include <sys/types.h>

#include "layer.hpp"

namespace inpod::layer {

/// Sets errno to the true error of fd's connection if it has just become ECONNRESET, or for UDP ECONNREFUSED,
/// for want of a better one.
void correct_errno(int fd);

/// Passes on what a call on `fd` returned, with errno corrected.
inline ssize_t true_error(int fd, ssize_t value) {
  if (value < 0 && (errno == ECONNRESET || errno == ECONNREFUSED) && active() &&
      core.fds.get(fd).kind() == FdKind::connecting)
    correct_errno(fd);
  return value;
}

}  // namespace inpod::layer
