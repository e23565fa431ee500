// Environments in lldb's command language, for launches whose environment lldb takes from its settings:
// `inpod lldb-wrapper`, and commands that a user gives to an adapter with lldb behind. Pure functions; any
// thread.
#pragma once

#include <map>
#include <string>
#include <vector>

namespace inpod::dap {

struct LldbCommands {
  std::vector<std::string> commands;  ///< a line each, none of which depends on another
  std::vector<std::string> left_out;  ///< names that these commands can't carry

  /// All of them, for a file that lldb reads.
  std::string text() const;
};

/// The lldb command that reads a file of such commands. What stands there is not echoed.
std::string lldb_source(const std::string& path);

/// Commands that set and unset variables for every target that lldb makes. Any byte of a value arrives, save
/// that a line break takes `python`: an lldb that runs its command `script`.
LldbCommands lldb_environment(const std::map<std::string, std::string>& set,
                              const std::vector<std::string>& unset, bool python);

}  // namespace inpod::dap
