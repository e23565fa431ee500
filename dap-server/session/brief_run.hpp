// Runs a helper program to its end, with a bound: `gdb --version` and the like. Blocking.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "protocol/result.hpp"

namespace inpod {

struct BriefOutput {
  std::string out, err;  ///< at most 1 MiB each
  std::string status;    ///< "exit code 0", "signal 9, Killed"
};

/// environment: "NAME=value", all of it. Past the bound the program is killed and an error returned.
Result<BriefOutput> run_briefly(std::vector<std::string> command, std::vector<std::string> environment,
                                std::chrono::milliseconds bound);

}  // namespace inpod
