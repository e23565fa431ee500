// Runs a short-lived helper program (a credential plugin, the loader) to its end without blocking the
// executor. Its output goes to memory, at most 1 MiB of each stream (past that its writes fail); it is killed
// at the deadline and on cancellation.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <string>
#include <vector>

#include "protocol/result.hpp"

namespace inpod::kube {

struct Program {
  std::vector<std::string> command;      ///< command[0]: a path, or a name looked up in PATH
  std::vector<std::string> environment;  ///< "NAME=value", added to ours or replacing it
  bool whole_environment = false;        ///< `environment` is all that it gets
  /// It talks with the user: gets our stdin (else /dev/null), and our stderr where that is a terminal (else
  /// it is kept).
  bool terminal = false;
  std::chrono::milliseconds timeout{60000};
};

struct ProgramOutput {
  int exit_code = 0;  ///< 128 + N: ended by signal N
  std::string output, errors;
};

/// Errors: not found or not executable (code ENOENT, EACCES), or still running at the deadline (ETIMEDOUT).
boost::asio::awaitable<Result<ProgramOutput>> run_program(Program program);

}  // namespace inpod::kube
