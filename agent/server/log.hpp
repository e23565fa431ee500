// The agent's log: lines on stderr, few, and nothing secret in them. Any thread.
#pragma once

#include <unistd.h>

#include <string>

namespace inpod::agent {

inline void log(const std::string& text) {
  std::string line = "inpod-agent: " + text + "\n";
  if (::write(STDERR_FILENO, line.data(), line.size()) < 0) {
    // Nobody reads it any more; the agent goes on.
  }
}

}  // namespace inpod::agent
