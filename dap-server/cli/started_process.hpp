// What a debugger has started, as /proc tells it, and whether the layer is in there. Reads small files; any
// thread.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "protocol/result.hpp"
#include "session/session.hpp"

namespace inpod::cli {

struct StartedProcess {
  int pid = 0;
  int parent = 0;
  int tracer = 0;          ///< the parent where that traces it, else 0
  std::string executable;  ///< as the kernel names it; empty where it has ended
  bool operator==(const StartedProcess&) const = default;
};

/// The processes below `debugger`, those that serve it (lldb-server, gdbserver) and those that are debugged;
/// not what a debugged process has started.
std::vector<StartedProcess> started_by(int debugger);

/// Whether it is still what `started_by` saw.
bool is_traced(const StartedProcess& process);

/// Whether the process is only on its way to the program: a copy of its parent, gdb's shell, or `inpod
/// debuggee`.
bool is_on_its_way(const StartedProcess& process);

/// The environment that a process was started with; nothing while that can't be told.
std::optional<std::map<std::string, std::string>> started_with(const StartedProcess& process);

/// Whether a process that was started with our session's environment has the layer, and the layer acts in it.
/// False: not told yet, so a process may stand in a debugger as long as it likes. An error is final.
Result<bool> has_layer(const StartedProcess& process, const std::map<std::string, std::string>& environment,
                       const LaunchEnvironment& session);

}  // namespace inpod::cli
