// Reading the command lines of debuggers that inpod wraps, and finding those debuggers. Blocking look-ups in
// the local file system.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "protocol/result.hpp"

namespace inpod::cli {

/// Whether the debugger would only answer a question about itself.
bool only_asks(const std::vector<std::string>& arguments);
/// The program that an lldb command line names, or nothing. Attaching and core files name none.
std::optional<std::string> lldb_program(const std::vector<std::string>& arguments);
/// Whether the file is a script that starts one of the wrappers again.
bool is_wrapper_script(const std::string& path);
/// The program `name` on a PATH (or the newest NAME-N), passing over such scripts.
Result<std::string> find_debugger(const std::string& name, const std::string& search_path);

}  // namespace inpod::cli
