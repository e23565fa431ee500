// Wrapping a debugger that an editor starts by itself: `inpod gdb-wrapper ARGUMENTS…` and `inpod lldb-wrapper
// ARGUMENTS…` become that debugger, and what it debugs runs in the pod. The arguments are the debugger's own;
// streams, process and exit code are the debugger's too, so that an editor which speaks MI with it sees no
// difference.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace inpod::cli {

/// The exit code, if `arguments` (without the program's name) are one of those commands; they return only on
/// failure.
std::optional<int> run_wrapper_command(const std::vector<std::string>& arguments);

}  // namespace inpod::cli
