// Guardian: a small process that outlives this one by a moment. When this one is killed, its debug adapter
// may stay: lldb-vscode 14 and cdt-gdb-adapter run on with their input ended, and so does the debuggee. What
// is told to the guardian and still there two seconds after our end gets SIGKILL.
//
// It is nobody's child (daemon(7)), holds no file of ours but its pipe, and goes as soon as there is nothing
// to guard.
#pragma once

#include <sys/types.h>

#include "protocol/result.hpp"
#include "protocol/unique_fd.hpp"

namespace inpod::dap {

class Guardian {
 public:
  Guardian() = default;
  /// Forks; call it on any thread. Nothing of it is left once the returned object is gone and the guarded
  /// have ended.
  static Result<Guardian> start();

  /// A process, or the leader of a process group that ends with it. Must live now.
  void watch(pid_t process) const { tell({process, What::process}); }
  void watch_group(pid_t leader) const { tell({leader, What::group}); }
  /// Of `watch`: it may outlive us after all.
  void forget(pid_t process) const { tell({process, What::forgotten}); }

 private:
  enum class What { process, group, forgotten };
  struct Order {
    pid_t pid;
    What what;
  };
  explicit Guardian(UniqueFd orders) : orders_(std::move(orders)) {}
  void tell(Order order) const;
  [[noreturn]] static void guard(int orders);

  UniqueFd orders_;  ///< its end is ours
};

}  // namespace inpod::dap
