// What the launcher must know of a program before it starts it: where it is, what the kernel will run for it,
// and whether the layer can be loaded into that. Reads files; any thread.
#pragma once

#include <optional>
#include <string>

#include "protocol/result.hpp"

namespace inpod {

struct Program {
  std::string path;  ///< what to exec: absolute
  std::string
      executable;  ///< the ELF file that runs, symlinks resolved: the program itself or its #! interpreter
};

/// Looks `command` up as a shell would: with a "/" as it is, else in `search_path` (PATH). Error code ENOENT:
/// not found (exit code 127); EACCES: found, not executable (126).
Result<std::string> find_program(const std::string& command, const std::string& search_path);

/// Resolves `#!` lines (4 deep, as the kernel). intercepted: checks also that the result is a dynamic glibc
/// program of this machine's kind that keeps LD_PRELOAD. Errors name what it is instead.
Result<Program> inspect_program(const std::string& path, const std::string& search_path, bool intercepted);

/// The sanitizer's runtime that the ELF file needs and that must be preloaded before the layer
/// (policy/elf.hpp); empty: none.
std::string sanitizer_of(const std::string& executable);

/// The number behind `prefix` in a program's name such as lldb-dap-19 (at most 4 digits); nothing if that is
/// no such name.
std::optional<int> version_suffix(const std::string& name, const std::string& prefix);

/// One word for a POSIX shell. (lldb's commands: dap/lldb_commands.hpp.)
std::string shell_quoted(const std::string& text);

}  // namespace inpod
