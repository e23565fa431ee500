// See adapter_choice.hpp.
#include "dap/adapter_choice.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <sstream>

#include "kube/file_limit.hpp"
#include "session/program.hpp"

namespace inpod::dap {
namespace {

namespace fs = std::filesystem;

constexpr int first_gdb_with_dap = 14;
const char* const remedy =
    "install one (Debian/Ubuntu: sudo apt-get install lldb-19, or gdb 14 or newer), or name one: "
    "\"debugger\": "
    "\"lldb-dap\", or {\"command\": …, \"args\": […], \"type\": …}";

std::vector<std::string> path_directories() {
  const char* path = getenv("PATH");
  std::vector<std::string> out;
  std::istringstream in(path ? path : "/usr/bin:/bin");
  for (std::string directory; std::getline(in, directory, ':');)
    out.push_back(directory.empty() ? "." : directory);
  return out;
}

bool executable(const fs::path& path) {
  std::error_code ignored;
  return fs::is_regular_file(path, ignored) && access(path.c_str(), X_OK) == 0;
}

std::optional<std::string> on_path(const std::string& command) {
  if (command.find('/') != std::string::npos)
    return executable(command) ? std::optional(command) : std::nullopt;
  for (const auto& directory : path_directories())
    if (executable(fs::path(directory) / command)) return (fs::path(directory) / command).string();
  return std::nullopt;
}

/// `base` itself, else the highest base-N on PATH.
std::optional<std::string> newest(const std::string& base) {
  if (auto plain = on_path(base)) return plain;
  std::optional<std::string> best;
  int best_version = -1;
  for (const auto& directory : path_directories()) {
    std::error_code ignored;
    for (const auto& entry : fs::directory_iterator(directory, ignored)) {
      const auto version = version_suffix(entry.path().filename().string(), base + "-");
      if (!version || *version <= best_version || !executable(entry.path())) continue;
      best_version = *version;
      best = entry.path().string();
    }
  }
  return best;
}

/// What an editor's extension has brought: the last in name order of
/// ~/.vscode*/extensions/EXTENSION-*/PROGRAM.
std::optional<std::string> in_extensions(const std::string& extension, const std::string& program) {
  const char* home = getenv("HOME");
  std::vector<std::string> found;
  for (const char* editor : {".vscode", ".vscode-server", ".vscode-oss"}) {
    std::error_code ignored;
    for (const auto& entry :
         fs::directory_iterator(fs::path(home ? home : "/") / editor / "extensions", ignored))
      if (entry.path().filename().string().starts_with(extension + "-") && executable(entry.path() / program))
        found.push_back((entry.path() / program).string());
  }
  return found.empty() ? std::nullopt : std::optional(*std::max_element(found.begin(), found.end()));
}

/// Major version of a gdb, or 0.
int gdb_version(const std::string& gdb) {
  if (gdb.find('\'') != std::string::npos) return 0;
  const std::string command = "timeout 5 '" + gdb + "' --version </dev/null 2>/dev/null";
  const kube::UsersFileLimit limit;
  const std::unique_ptr<FILE, int (*)(FILE*)> output(popen(command.c_str(), "r"), pclose);
  std::array<char, 256> line{};
  if (!output || !fgets(line.data(), line.size(), output.get())) return 0;
  const std::string text = line.data();  // "GNU gdb (Debian 13.1-3) 13.1"
  const auto space = text.rfind(' ');
  return space == std::string::npos ? 0 : std::atoi(text.c_str() + space);
}

bool is_gdb(const std::string& name) {
  return name == "gdb" || name.ends_with("-gdb") || version_suffix(name, "gdb");
}

AdapterCommand gdb_command(std::string gdb) {
  return {{std::move(gdb), "-q", "-i", "dap"}, "gdb"};
}

Result<AdapterCommand> checked_gdb(const std::string& gdb) {
  const int version = gdb_version(gdb);
  if (version >= first_gdb_with_dap) return gdb_command(gdb);
  return fail(
      gdb + " (version " + std::to_string(version) + ") can't be a debug adapter: that came with gdb 14",
      "use lldb-dap (sudo apt-get install lldb-19), a newer gdb, or cdt-gdb-adapter (npm install -g "
      "cdt-gdb-adapter)");
}

std::optional<AdapterCommand> find_lldb() {
  for (const char* base : {"lldb-dap", "lldb-vscode"})
    if (auto path = newest(base)) return AdapterCommand{{*path}, "lldb-dap"};
  return std::nullopt;
}

std::optional<AdapterCommand> find_cdt() {
  for (const char* name : {"cdt-gdb-adapter", "cdtDebugAdapter"})
    if (auto path = on_path(name)) return AdapterCommand{{*path}, "cdt-gdb-adapter"};
  return std::nullopt;
}

std::optional<AdapterCommand> find_codelldb() {
  auto path = on_path("codelldb");
  if (!path) path = in_extensions("vadimcn.vscode-lldb", "adapter/codelldb");
  return path ? std::optional(AdapterCommand{{*path, "--port", "${port}"}, "codelldb"}) : std::nullopt;
}

std::optional<AdapterCommand> find_cppdbg() {
  auto path = on_path("OpenDebugAD7");
  if (!path) path = in_extensions("ms-vscode.cpptools", "debugAdapters/bin/OpenDebugAD7");
  return path ? std::optional(AdapterCommand{{*path}, "cppdbg"}) : std::nullopt;
}

Result<AdapterCommand> known(const std::optional<AdapterCommand>& found, const std::string& what,
                             const std::string& how) {
  if (found) return *found;
  return fail("the debug adapter " + what + " is not installed", how);
}

}  // namespace

Result<AdapterCommand> adapter_from_name(const std::string& name) {
  if (name == "lldb-dap" || name == "lldb-vscode")
    return known(find_lldb(), "lldb-dap", "sudo apt-get install lldb-19");
  if (name == "codelldb" || name == "lldb")
    return known(find_codelldb(), "codelldb",
                 "install the extension CodeLLDB (vadimcn.vscode-lldb), or use \"debugger\": \"lldb-dap\"");
  if (name == "cppdbg")
    return known(find_cppdbg(), "OpenDebugAD7",
                 "install the extension C/C++ (ms-vscode.cpptools), or use \"debugger\": \"lldb-dap\"");
  if (name == "cdt-gdb-adapter" || name == "gdbtarget")
    return known(find_cdt(), "cdt-gdb-adapter", "npm install -g cdt-gdb-adapter");
  const auto path = on_path(name);
  if (!path) return fail("the debug adapter " + name + " is not on PATH", remedy);
  if (is_gdb(path->substr(path->rfind('/') + 1))) return checked_gdb(*path);
  return AdapterCommand{{*path}, ""};
}

Result<AdapterCommand> adapter_from_json(const nlohmann::json& debugger) {
  const char* const shape =
      "write a name (\"lldb-dap\", \"gdb\", …) or {\"command\": \"…\", \"args\": [\"…\"], \"type\": \"…\"}";
  if (debugger.is_string()) return adapter_from_name(debugger.get<std::string>());
  if (!debugger.is_object()) return fail("\"debugger\" is neither a name nor an object", shape);
  if (!debugger.contains("command") || !debugger["command"].is_string())
    return fail("\"debugger\" has no \"command\"", shape);
  const auto command = debugger["command"].get<std::string>();
  const auto path = on_path(command);
  if (!path)
    return fail("the debug adapter " + command + " is not an executable file" +
                    (command.find('/') == std::string::npos ? " on PATH" : ""),
                remedy);
  AdapterCommand out{{*path}, ""};
  for (const auto& argument : debugger.value("args", nlohmann::json::array())) {
    if (!argument.is_string()) return fail("\"debugger\": \"args\" must be strings", shape);
    out.argv.push_back(argument.get<std::string>());
  }
  if (debugger.contains("type") && debugger["type"].is_string())
    out.type = debugger["type"].get<std::string>();
  if (out.argv.size() == 1 && is_gdb(path->substr(path->rfind('/') + 1))) return checked_gdb(*path);
  return out;
}

Result<AdapterCommand> adapter_from_command_line(const std::string& line) {
  std::vector<std::string> words;
  if (line.starts_with('[')) {
    const auto array = nlohmann::json::parse(line, nullptr, false);
    for (const auto& word : array) words.push_back(word.is_string() ? word.get<std::string>() : "");
  } else {
    std::istringstream in(line);
    for (std::string word; in >> word;) words.push_back(word);
  }
  if (words.empty() || words[0].empty())
    return fail("the debug adapter's command line is empty", "name a command, or a JSON array of strings");
  if (words.size() == 1) return adapter_from_name(words[0]);
  const auto path = on_path(words[0]);
  if (!path) return fail("the debug adapter " + words[0] + " is not on PATH", remedy);
  words[0] = *path;
  return AdapterCommand{std::move(words), ""};
}

std::optional<Error> gdb_without_dap(const std::vector<std::string>& argv) {
  const auto path = argv.empty() ? std::nullopt : on_path(argv[0]);
  if (!path || !is_gdb(path->substr(path->rfind('/') + 1)) || gdb_version(*path) == 0) return std::nullopt;
  const auto checked = checked_gdb(*path);
  return checked ? std::nullopt : std::optional(checked.error());
}

Result<AdapterCommand> installed_adapter() {
  if (auto path = newest("lldb-dap")) return AdapterCommand{{*path}, "lldb-dap"};
  const auto gdb = on_path("gdb");
  if (gdb && gdb_version(*gdb) >= first_gdb_with_dap) return gdb_command(*gdb);
  if (auto lldb = find_lldb()) return *lldb;
  if (auto cdt = find_cdt(); cdt && gdb) return *cdt;
  return fail("no debug adapter is installed here", remedy);
}

}  // namespace inpod::dap
