// Where tests/support/debuggers/install has put a debugger.
#pragma once

#include <cstdlib>
#include <fstream>
#include <string>

namespace inpod::test {

/// The path for a KEY of the installer, by the list that $DAP_DEBUGGERS names; "" when it is not there.
inline std::string installed_debugger(const std::string& key) {
  const char* paths = getenv("DAP_DEBUGGERS");
  std::ifstream lines(paths ? paths : "");
  for (std::string line; std::getline(lines, line);)
    if (line.starts_with(key + "=")) return line.substr(key.size() + 1);
  return "";
}

}  // namespace inpod::test
