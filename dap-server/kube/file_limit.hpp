// The soft limit of open files (getrlimit(2)). inpod holds a descriptor or two for each file, connection and
// process of the pod, more than a shell's 1024; what it starts gets the user's own limit back: beyond 1024
// select(2) fails, and a program must see no other limit than in the user's shell. For a process of one
// thread; restore_file_limit is async-signal-safe, for the child of a fork.
#pragma once

#include <sys/resource.h>

#include <algorithm>
#include <optional>

namespace inpod::kube {

inline std::optional<rlimit> users_file_limit;  ///< empty: it is still in force

/// As far as the hard limit goes, up to what the relay's own bounds can come to.
inline void raise_file_limit() {
  constexpr rlim_t enough = 32768;
  rlimit limit{};
  if (users_file_limit || getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  const rlimit before = limit;
  limit.rlim_cur = std::min(limit.rlim_max, enough);
  if (limit.rlim_cur > before.rlim_cur && setrlimit(RLIMIT_NOFILE, &limit) == 0) users_file_limit = before;
}

inline void restore_file_limit() {
  if (users_file_limit) setrlimit(RLIMIT_NOFILE, &*users_file_limit);
}

/// The user's limit for as long as this lives: around posix_spawn(3), which has no attribute for it. What is
/// open stays open.
class UsersFileLimit {
 public:
  UsersFileLimit() {
    if (!users_file_limit || getrlimit(RLIMIT_NOFILE, &raised_) != 0) return;
    restore_file_limit();
  }
  ~UsersFileLimit() {
    if (users_file_limit && raised_.rlim_cur != 0) setrlimit(RLIMIT_NOFILE, &raised_);
  }
  UsersFileLimit(const UsersFileLimit&) = delete;
  UsersFileLimit& operator=(const UsersFileLimit&) = delete;

 private:
  rlimit raised_{};
};

}  // namespace inpod::kube
