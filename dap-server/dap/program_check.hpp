// Whether a debugger can start a program with the layer in it, told before anything is made in the cluster.
#pragma once

#include <string>

#include "protocol/result.hpp"

namespace inpod::dap {

/// The program's absolute path with links resolved. `program` may be relative to our working directory or to `directory`.
/// Errors name the remedy. Reads a few kilobytes of files; any thread.
Result<std::string> check_program(const std::string& program, const std::string& directory);

}  // namespace inpod::dap
