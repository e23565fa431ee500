// The processes below one, as /proc tells them (proc(5)): debuggers start servers, and those start programs.
// Reads small files; any thread.
#pragma once

#include <string>
#include <vector>

namespace inpod {

/// The children of all of a process's threads; none where it has ended.
std::vector<int> child_processes(int pid);

/// The process that traces it (ptrace(2)); 0 where there is none.
int tracer_of(int pid);

/// A process below `ancestor` that runs the file `executable` under a debugger; 0 where there is none.
int find_debuggee(int ancestor, const std::string& executable);

}  // namespace inpod
