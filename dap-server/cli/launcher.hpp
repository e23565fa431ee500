// Launcher: the debuggee of `inpod run`. It keeps the user's terminal, standard streams, inherited files and
// process group, as if inpod weren't there, and dies with inpod.
#pragma once

#include <string>
#include <vector>

#include "protocol/result.hpp"

namespace inpod::cli {

/// The files that inpod itself was given and passes on (everything open and not close-on-exec); call it first
/// thing.
std::vector<int> inherited_files();

/// Forks and executes; returns the pid. Errors are the exec's, with its errno (ENOENT, EACCES, ENOEXEC, …).
Result<int> launch(const std::string& path, const std::vector<std::string>& arguments,
                   const std::vector<std::string>& environment, const std::vector<int>& files);

/// A wait status as a shell's exit code: the program's own, or 128 + signal.
int exit_code(int wait_status);

}  // namespace inpod::cli
