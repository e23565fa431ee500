// The exec-wrapper that a user gives to gdb beside ours. gdb counts the programs that are executed on the way
// to the debuggee, so a wrapper can't be a program of its own behind `inpod debuggee`: what env(1) would do
// is done there instead. Pure functions; any thread.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "protocol/result.hpp"

namespace inpod::cli {

struct EnvironmentChanges {
  std::map<std::string, std::string> set;
  std::vector<std::string> unset;  ///< before `set`
};

/// Reads `env [-u NAME]… [NAME=VALUE]…`, no words at all too. Any other wrapper is an error that says so.
Result<EnvironmentChanges> read_exec_wrapper(const std::vector<std::string>& words);

}  // namespace inpod::cli
