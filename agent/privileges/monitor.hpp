// Monitor: a child process that keeps a few capabilities, and does for the agent the few things that need
// them (privilege separation, as OpenSSH's monitor).
//
// The agent's own threads read the target's files with the target's rights, so a root process of the
// container may come to control their memory. What they share a memory with must not be able to do more than
// the target can: whatever can is in here, in an address space that only CAP_SYS_PTRACE opens, and takes
// nothing but the requests of monitor_messages.hpp. It has no file of the agent's but the channel and stderr.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <mutex>

#include "privileges/harden.hpp"
#include "privileges/monitor_messages.hpp"
#include "protocol/result.hpp"
#include "protocol/unique_fd.hpp"

namespace inpod::agent {

class Monitor {
 public:
  struct Reply {
    MonitorAnswer answer;
    UniqueFd file;  ///< goes with the answer, if set
  };
  struct Options {
    const char* name;            ///< of the process, at most 15 characters
    std::uint64_t capabilities;  ///< what it keeps of its own, as a set of capability_bit
    Forking forking = Forking::refused;
    int file = -1;  ///< one more file that it keeps; `serve` gets the fd it has in the child
    /// Runs in the child, once: gives what answers each request.
    std::function<std::function<Reply(MonitorRequest)>(int file)> serve;
  };

  /// Forks the child, while this process has one thread, and waits until it has given up what it does not
  /// keep. It ends with this process.
  static Result<std::unique_ptr<Monitor>> start(const Options& options);
  Monitor(const Monitor&) = delete;
  Monitor& operator=(const Monitor&) = delete;

  /// Sends a request and waits for the answer, at most ten seconds; a Refused becomes its Error. After a
  /// failure of the channel every later call fails too. Any thread; one request at a time.
  Result<Reply> ask(const MonitorRequest& request);
  /// Becomes readable when the child has ended (pidfd_open(2)); −1 where the kernel has none.
  int process() const { return process_.get(); }

 private:
  Monitor(UniqueFd channel, UniqueFd process) : channel_(std::move(channel)), process_(std::move(process)) {}
  Result<Reply> exchange(const MonitorRequest& request);

  UniqueFd channel_, process_;
  std::mutex mutex_;
};

}  // namespace inpod::agent
