// Another user of the same machine, for tests of who is let in: a child process without rights.
#pragma once

#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include "protocol/unique_fd.hpp"

namespace inpod::test {

constexpr uid_t other_user = 65534;

/// Whether this process may become another user: else such a test can't run.
inline bool can_be_other_user() {
  return ::geteuid() == 0;
}

/// A process of the other user that runs `work`, which gets a descriptor to wait at (see `go`) and returns an
/// exit code. It must end by itself.
class OtherUser {
 public:
  template <class Work>
  explicit OtherUser(Work work) {
    int to_child[2], from_child[2];
    if (::pipe(to_child) != 0 || ::pipe(from_child) != 0) throw std::runtime_error("pipe");
    pid_ = ::fork();
    if (pid_ == 0) {
      ::close(to_child[1]);
      ::alarm(20);
      if (::setresgid(other_user, other_user, other_user) != 0 ||
          ::setresuid(other_user, other_user, other_user) != 0)
        ::_exit(99);
      ::_exit(work(from_child[1], to_child[0]));
    }
    ::close(to_child[0]), ::close(from_child[1]);
    go_.reset(to_child[1]), ready_.reset(from_child[0]);
  }
  ~OtherUser() {
    if (pid_ > 0) exit_code();
  }
  /// Waits until the work has written a byte to its first argument.
  bool ready() const {
    char byte = 0;
    pollfd wait{ready_.get(), POLLIN, 0};
    return ::poll(&wait, 1, 20000) == 1 && ::read(ready_.get(), &byte, 1) == 1;
  }
  /// Lets a work go on that reads a byte from its second argument.
  void go() const { (void)!::write(go_.get(), "g", 1); }
  /// Waits for the end.
  int exit_code() {
    go_.reset();
    int status = 0;
    ::waitpid(pid_, &status, 0);
    pid_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 100 + WTERMSIG(status);
  }

 private:
  pid_t pid_ = -1;
  UniqueFd go_, ready_;
};

/// Runs `work` as the other user; its exit code.
template <class Work>
int as_other_user(Work work) {
  return OtherUser([&](int, int) { return work(); }).exit_code();
}

}  // namespace inpod::test
