// See debugger_arguments.hpp. Options as in gdb(1) and `lldb --help`.
#include "cli/debugger_arguments.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "session/program.hpp"

namespace inpod::cli {
namespace {

namespace fs = std::filesystem;

}  // namespace

bool is_wrapper_script(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::string head(512, '\0');
  file.read(head.data(), static_cast<std::streamsize>(head.size()));
  return head.starts_with("#!") &&
         (head.find("gdb-wrapper") != std::string::npos || head.find("lldb-wrapper") != std::string::npos);
}

bool only_asks(const std::vector<std::string>& arguments) {
  static const std::array questions{"--version",
                                    "-version",
                                    "-v",
                                    "--help",
                                    "-help",
                                    "-h",
                                    "--configuration",
                                    "-configuration",
                                    "-P",
                                    "--print-script-interpreter-info",
                                    "--python-path"};
  for (const auto& argument : arguments) {
    if (argument == "--args" || argument == "-args" || argument == "--") return false;
    if (std::find(questions.begin(), questions.end(), argument) != questions.end()) return true;
  }
  return false;
}

std::optional<std::string> lldb_program(const std::vector<std::string>& arguments) {
  static const std::array with_value{"-a", "--arch",
                                     "-k", "--one-line-on-crash",
                                     "-K", "--source-on-crash",
                                     "-o", "--one-line",
                                     "-O", "--one-line-before-file",
                                     "-s", "--source",
                                     "-S", "--source-before-file",
                                     "-l", "--script-language"};
  for (std::size_t at = 0; at < arguments.size(); ++at) {
    const std::string& word = arguments[at];
    for (const char* other : {"-n", "--attach-name", "-p", "--attach-pid", "-c", "--core"})
      if (word == other || word.starts_with(std::string(other) + "=")) return std::nullopt;
    if (word == "-f" || word == "--file" || word == "--")
      return at + 1 < arguments.size() ? std::optional(arguments[at + 1]) : std::nullopt;
    if (word.starts_with("--file=")) return word.substr(7);
    if (std::find(with_value.begin(), with_value.end(), word) != with_value.end())
      ++at;
    else if (!word.starts_with("-"))
      return word;
  }
  return std::nullopt;
}

Result<std::string> find_debugger(const std::string& name, const std::string& search_path) {
  std::istringstream directories(search_path);
  std::string directory, newest;
  int newest_version = -1;
  while (std::getline(directories, directory, ':')) {
    const fs::path folder = directory.empty() ? "." : directory;
    const std::string candidate = (folder / name).string();
    if (access(candidate.c_str(), X_OK) == 0 && fs::is_regular_file(candidate) &&
        !is_wrapper_script(candidate))
      return candidate;
    std::error_code ignored;
    for (const auto& entry : fs::directory_iterator(folder, ignored)) {
      const auto version = version_suffix(entry.path().filename().string(), name + "-");
      if (!version || *version <= newest_version || access(entry.path().c_str(), X_OK) != 0) continue;
      newest_version = *version;
      newest = entry.path().string();
    }
  }
  if (!newest.empty()) return newest;
  return fail(
      name + " is not on PATH",
      "install it, or name it: INPOD_" + std::string(name == "gdb" ? "GDB" : "LLDB") + "=/path/to/" + name);
}

}  // namespace inpod::cli
