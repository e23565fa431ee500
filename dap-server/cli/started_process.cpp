// See started_process.hpp.
#include "cli/started_process.hpp"

#include <filesystem>
#include <fstream>
#include <iterator>

#include "cli/debug_session.hpp"
#include "session/descendants.hpp"
#include "session/layer_check.hpp"

namespace inpod::cli {
namespace {

namespace fs = std::filesystem;

/// Debuggers start servers, and those by a shell at most.
constexpr int deepest = 4;

std::string file_of(int pid, const std::string& name) {
  return "/proc/" + std::to_string(pid) + "/" + name;
}

std::string read_whole(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

std::string executable_of(int pid) {
  std::error_code error;
  const auto path = fs::read_symlink(file_of(pid, "exe"), error);
  return error ? std::string() : path.string();
}

std::vector<std::string> strings_of(int pid, const std::string& name) {
  std::vector<std::string> strings;
  std::ifstream file(file_of(pid, name), std::ios::binary);
  for (std::string each; std::getline(file, each, '\0');) strings.push_back(each);
  return strings;
}

bool maps(int pid, const std::string& library) {
  return read_whole(file_of(pid, "maps")).find(library) != std::string::npos;
}

/// lldb-server, gdbserver; not rr(1), whose replay acts on nothing.
bool serves_debuggers(const std::string& executable) {
  return fs::path(executable).filename().string().find("server") != std::string::npos;
}

void add_started(std::vector<StartedProcess>& found, int parent, bool debugs, int depth) {
  for (const int child : child_processes(parent)) {
    const auto executable = executable_of(child);
    const bool traced = tracer_of(child) == parent;
    found.push_back({child, parent, traced && debugs ? parent : 0, executable});
    if (!traced && depth < deepest) add_started(found, child, serves_debuggers(executable), depth + 1);
  }
}

/// The shell that gdb, or lldb's `process launch --shell`, starts a program with. A program may itself be a
/// shell with such a command, so only what inpod has a part in counts.
bool is_starting_shell(const StartedProcess& process, const std::vector<std::string>& command) {
  // $SHELL may be a script: then its interpreter stands in front.
  for (std::size_t i = 1; i + 1 < command.size() && i <= 3; ++i) {
    if (command[i] != "-c" || !command[i + 1].starts_with("exec ")) continue;
    if (command[i + 1].find(debug_socket_prefix) != std::string::npos) return true;
    const auto environment = started_with(process);
    return !environment || environment->contains("INPOD_SOCKET");
  }
  return false;
}

}  // namespace

std::vector<StartedProcess> started_by(int debugger) {
  std::vector<StartedProcess> found;
  add_started(found, debugger, true, 1);
  return found;
}

bool is_traced(const StartedProcess& process) {
  return tracer_of(process.pid) == process.tracer;
}

bool is_on_its_way(const StartedProcess& process) {
  const auto executable = executable_of(process.pid);
  const auto command = strings_of(process.pid, "cmdline");
  // In the midst of an exec the kernel shows no command; and both must be of the same program.
  if (command.empty() || executable != executable_of(process.pid)) return true;
  if (command.size() >= 3 && command[1] == "debuggee" && command[2].starts_with(debug_socket_prefix))
    return true;
  if (is_starting_shell(process, command)) return true;
  return executable == executable_of(process.parent) && command == strings_of(process.parent, "cmdline");
}

std::optional<std::map<std::string, std::string>> started_with(const StartedProcess& process) {
  const auto entries = strings_of(process.pid, "environ");
  // The kernel shows none in the midst of an exec; with libc there the program runs.
  if (entries.empty() && !maps(process.pid, "/libc.so.6")) return std::nullopt;
  std::map<std::string, std::string> environment;
  for (const auto& entry : entries)
    if (const auto equals = entry.find('='); equals != std::string::npos)
      environment.emplace(entry.substr(0, equals), entry.substr(equals + 1));
  return environment;
}

Result<bool> has_layer(const StartedProcess& process, const std::map<std::string, std::string>& environment,
                       const LaunchEnvironment& session) {
  if (session.layer.empty()) return true;
  const auto executable = file_of(process.pid, "exe");  // stays true when the file is replaced
  TRY_ASSIGN(seen, check_layer_in(process.pid, executable, session.layer));
  if (seen != LayerSeen::loaded) return false;
  const auto program = environment.find("INPOD_PROGRAM");
  std::error_code error;
  if (environment.contains("INPOD_ACTIVE") ||
      (program != environment.end() && fs::equivalent(program->second, executable, error)))
    return true;
  return fail("it is not the program that the session is for, " +
                  (program == environment.end() ? std::string("which is not named") : program->second),
              "start the debugger anew with " + process.executable);
}

}  // namespace inpod::cli
