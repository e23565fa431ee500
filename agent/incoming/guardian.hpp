// Guardian: a tiny child process that deletes a table when the agent is gone, for kernels that can't do it
// themselves.
//
// It is a plain fork that holds the read end of a pipe; the agent alone holds the write end, so end of file
// means that the agent ended, however it did. The child makes only async-signal-safe calls (the agent may
// have threads), keeps none of the agent's other files open, ignores the signals that a shell or a runtime
// sends to a group, and stays in the network namespace it was made in. What it sends was built before the
// fork.
#pragma once

#include <sys/types.h>

#include <memory>

#include "protocol/messages.hpp"
#include "protocol/result.hpp"
#include "protocol/unique_fd.hpp"

namespace inpod::agent {

class Guardian {
 public:
  /// last_words: the netlink batch that the child sends to netfilter at the end.
  static Result<std::unique_ptr<Guardian>> start(const protocol::Bytes& last_words);
  /// Lets the child do its work and waits for it, at most a second.
  ~Guardian();
  Guardian(const Guardian&) = delete;
  Guardian& operator=(const Guardian&) = delete;

 private:
  Guardian(pid_t child, UniqueFd alive) : child_(child), alive_(std::move(alive)) {}
  pid_t child_;
  UniqueFd alive_;
};

}  // namespace inpod::agent
