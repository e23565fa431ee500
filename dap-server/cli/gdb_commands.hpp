// What gdb is told when it starts under `inpod gdb-wrapper`. Pure function; any thread.
#pragma once

#include <string>
#include <vector>

namespace inpod::cli {

/// Arguments for gdb's command line. wrapper: the beginning of our exec-wrapper, in the shell's language;
/// behind it stands the user's own wrapper, if any, and "--".
std::vector<std::string> gdb_arguments(const std::string& wrapper);

}  // namespace inpod::cli
