// EnvironmentFile: carries a program's environment past what stands between inpod and the program: a
// debugger, the shell by which gdb starts programs, a terminal. None of these may have the pod's variables in
// its own environment, and no command line may hold their values, which everybody can read in ps(1).
//
// The values stand in a memfd(2) of this process. The program is started by
// `inpod exec-environment /proc/PID/fd/N -- PROGRAM ARGUMENTS…`, which reads them and becomes the program.
// Only processes that may trace this one can open that path (proc(5), ptrace(2) "access mode checking"), and
// it is gone with this process.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "protocol/result.hpp"
#include "protocol/unique_fd.hpp"

namespace inpod {

class EnvironmentFile {
 public:
  static Result<EnvironmentFile> create();
  /// Replaces what the next program is given: changes to the environment that it is started with.
  Result<void> write(const std::map<std::string, std::string>& set, const std::vector<std::string>& unset);
  /// The words that stand in front of the program's; the same for the file's whole life.
  std::vector<std::string> command() const;

 private:
  explicit EnvironmentFile(UniqueFd file) : file_(std::move(file)) {}
  UniqueFd file_;
};

/// If `arguments` (without our own name) are that command, becomes the program. Returns an exit code on
/// failure: 125, or 126 or 127 as env(1); nothing for other arguments.
std::optional<int> exec_with_environment(const std::vector<std::string>& arguments);

}  // namespace inpod
