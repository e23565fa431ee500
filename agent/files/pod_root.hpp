// PodRoot: makes paths mean what they mean inside the target's root directory, for the threads that entered
// it.
//
// With the right to chroot the threads are chrooted there, and paths are used as they are. Without (an
// ephemeral container under a strict policy) each path is opened with openat2(2) RESOLVE_IN_ROOT, which
// confines symbolic links and ".." in the same way and needs no capability (Linux 5.6), and the system calls
// get the object's /proc/self/fd path. The rest of the file code does not see which: it asks `locate`.
#pragma once

#include <sys/types.h>

#include <string>

#include "protocol/result.hpp"
#include "protocol/unique_fd.hpp"
#include "target/target.hpp"

namespace inpod::agent {

/// A path that a system call can use, valid as long as this lives.
struct Located {
  std::string path;
  int flags = 0;    ///< AT_SYMLINK_NOFOLLOW where the path must not be followed at its end
  UniqueFd object;  ///< where paths can't be used as they are: O_PATH fd that `path` leads to
};

class PodRoot {
 public:
  /// After enter_target. Keeps the reference.
  explicit PodRoot(const Target& target);

  /// Makes the calling thread one that works in the pod: fs attributes of its own, the root, the target's UTS
  /// namespace (where that is allowed) and credentials. The threads that it starts are such threads too.
  /// After an error it must do nothing else: it may have entered in part.
  Result<void> enter_thread() const;

  /// open(2) of a path as seen in the pod; O_CLOEXEC is added.
  Result<UniqueFd> open(const std::string& path, int flags, mode_t mode) const;
  /// The object at a path; follow: also through a symbolic link at its end.
  Result<Located> locate(const std::string& path, bool follow) const;
  /// The directory entry at a path, for calls that make, move or remove it.
  Result<Located> locate_entry(const std::string& path) const;
  /// Absolute path inside the pod of what an fd refers to ("" if the kernel can't say).
  std::string path_of(int fd) const;

 private:
  bool try_chroot() const;

  const Target& target_;
  UniqueFd own_fds_;  // /proc/self/fd of the agent's own /proc: inside the root there may be none
  bool direct_;       // paths can be used as they are
};

}  // namespace inpod::agent
