// Whether a debugger can start a program with the layer in it, told before anything is made in the cluster.
#pragma once

#include <string>

#include "protocol/result.hpp"

namespace inpod::dap {

/// The program's absolute path with links resolved. `program` may be relative to our working directory or to
/// `directory`. Errors name the remedy.
Result<std::string> locate_program(const std::string& program, const std::string& directory);

/// Whether a debugger can start this program, as locate_program gave it; intercepted: and the layer come
/// along. Errors name the remedy. Reads a few kilobytes of files; any thread.
Result<void> check_program(const std::string& program, bool intercepted);

}  // namespace inpod::dap
