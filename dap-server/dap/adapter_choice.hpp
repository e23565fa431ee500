// Which debug adapter to start: what the user named, else what is installed.
//
// A name is one of the known ones ("lldb-dap", "gdb", "cdt-gdb-adapter", "codelldb", "cppdbg", or VS Code's
// types for them) or a command on PATH or by path. Looks at the file system and may run `gdb --version`
// (bounded). Any thread.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "protocol/result.hpp"

namespace inpod::dap {

/// How to start an adapter. type: what the user called its kind, or empty; see adapters/family.hpp.
struct AdapterCommand {
  std::vector<std::string> argv;
  std::string type;
  bool operator==(const AdapterCommand&) const = default;
};

/// From launch.json's "debugger": a name, or {"command", "args", "type"}.
Result<AdapterCommand> adapter_from_json(const nlohmann::json& debugger);
/// From a name, or a path.
Result<AdapterCommand> adapter_from_name(const std::string& name);
/// From a command line: words separated by spaces, or a JSON array of strings.
Result<AdapterCommand> adapter_from_command_line(const std::string& line);
/// Whether a command that ended without a word to its client is a gdb that speaks no DAP: the error that says
/// so, with its remedy. Runs `gdb --version`.
std::optional<Error> gdb_without_dap(const std::vector<std::string>& argv);
/// The best one that is installed: lldb-dap (newest), gdb ≥ 14, lldb-vscode, cdt-gdb-adapter with a gdb.
Result<AdapterCommand> installed_adapter();

}  // namespace inpod::dap
