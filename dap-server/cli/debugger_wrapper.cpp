// gdb runs its programs by a shell; an exec-wrapper behind that shell (`inpod debuggee`, this file too) asks
// for the session and executes the program with the pod's environment and the layer. So neither gdb nor the
// shell is injected, and a program with no target named anywhere runs as ever. lldb has no such wrapper:
// there the program must stand on the command line. What a debugger starts past all this is stopped by the
// process that holds the session (debug_session.cpp).
#include "cli/debugger_wrapper.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "cli/console.hpp"
#include "cli/debug_session.hpp"
#include "cli/debugger_arguments.hpp"
#include "cli/exec_wrapper.hpp"
#include "cli/gdb_commands.hpp"
#include "cli/launcher.hpp"
#include "dap/environment.hpp"
#include "dap/lldb_commands.hpp"
#include "session/brief_run.hpp"
#include "session/environment.hpp"
#include "session/paths.hpp"
#include "session/pipe.hpp"
#include "session/program.hpp"

extern char** environ;

namespace inpod::cli {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

std::vector<std::string> own_environment() {
  std::vector<std::string> entries;
  for (char** entry = environ; *entry != nullptr; ++entry) entries.emplace_back(*entry);
  return entries;
}

/// INPOD_TARGET= says that the program is to run here.
void say_no_target() {
  if (getenv("INPOD_TARGET") == nullptr)
    say("no target is named (INPOD_TARGET, or target in .inpod/config.yaml), so the program runs on this "
        "machine alone");
}

/// Returns on failure only.
int execute(const std::string& path, const std::vector<std::string>& arguments,
            const std::vector<std::string>& environment) {
  std::vector<char*> argv, envp;
  for (const auto& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  for (const auto& entry : environment) envp.push_back(const_cast<char*>(entry.c_str()));
  argv.push_back(nullptr);
  envp.push_back(nullptr);
  execve(path.c_str(), argv.data(), envp.data());
  return report(Error{errno, "cannot run " + path + ": " + strerror(errno), {}});
}

/// $INPOD_GDB or $INPOD_LLDB, else from PATH.
Result<std::string> chosen_debugger(const std::string& name, const char* variable) {
  const char* path = getenv("PATH");
  const std::string search_path = path == nullptr ? "/usr/local/bin:/usr/bin:/bin" : path;
  const char* chosen = getenv(variable);
  if (chosen == nullptr || *chosen == '\0') return find_debugger(name, search_path);
  auto found = find_program(chosen, search_path);
  if (!found) return Failed(found.error().context(variable));
  if (is_wrapper_script(*found))
    return fail(std::string(variable) + " names the wrapper itself, " + *found, "name the real " + name);
  return found;
}

/// Starts the process that will hold the session. It is nobody's child here, leads a session of its own, and
/// has none of our streams.
Result<std::string> start_holder() {
  TRY_ASSIGN(socket, make_debug_socket());
  Debugger self{getpid(), UniqueFd(static_cast<int>(syscall(SYS_pidfd_open, getpid(), 0)))};
  if (!self.process) return fail_errno("pidfd_open (Linux 5.3)");
  const int child = fork();
  if (child < 0) return fail_errno("fork");
  if (child > 0) {
    waitpid(child, nullptr, 0);
    return socket.name;
  }
  setsid();
  if (fork() != 0) _exit(0);
  const int null = open("/dev/null", O_RDWR | O_CLOEXEC);
  for (const int fd : {0, 1, 2}) dup2(null, fd);
  for (const int fd : inherited_files()) close(fd);  // the editor's; it would wait for their end
  if (chdir("/") != 0) _exit(125);
  _exit(serve_debug_session(std::move(socket.listener), std::move(self), own_environment()));
}

int wrap_gdb(const std::vector<std::string>& arguments) {
  const auto gdb = chosen_debugger("gdb", "INPOD_GDB");
  if (!gdb) return report(gdb.error());
  std::vector<std::string> command{*gdb};
  if (!only_asks(arguments)) {
    const auto socket = start_holder();
    if (!socket) return report(socket.error());
    const auto ours = gdb_arguments(shell_quoted(self_path()) + " debuggee " + *socket);
    command.insert(command.end(), ours.begin(), ours.end());
  }
  command.insert(command.end(), arguments.begin(), arguments.end());
  return execute(*gdb, command, own_environment());
}

/// Whether this lldb runs Python: Debian's does, where the module is installed.
bool runs_python(const std::string& lldb) {
  const auto said =
      run_briefly({lldb, "--no-lldbinit", "-b", "-o", "script print(6*7)"}, own_environment(), 20s);
  return said && said->out.find("\n42\n") != std::string::npos;
}

/// The commands by which lldb's target gets its environment, in a pipe that lldb inherits: what stands on a
/// command line can be read by everybody, in ps(1), and a pipe that lldb has read is empty for all that lldb
/// starts.
Result<UniqueFd> lldb_commands(const DebuggeeAnswer& answer, const std::string& lldb) {
  const bool several_lines = std::any_of(answer.set.begin(), answer.set.end(), [](const auto& variable) {
    return variable.second.find('\n') != std::string::npos;
  });
  const auto settings = dap::lldb_environment(answer.set, answer.unset, several_lines && runs_python(lldb));
  const std::string commands = settings.text();
  TRY_VOID(dap::check_injection(settings.left_out));
  for (const auto& name : settings.left_out)
    say("the pod's variable " + name +
        " was left out: lldb can't take its name, or takes values of more than one line only with Python");
  TRY_ASSIGN(channel, make_pipe());
  fcntl(channel.write.get(), F_SETPIPE_SZ,
        static_cast<int>(commands.size()));  // nobody reads yet: all has to fit
  fcntl(channel.write.get(), F_SETFL, O_NONBLOCK);
  if (write(channel.write.get(), commands.data(), commands.size()) == static_cast<ssize_t>(commands.size())) {
    fcntl(channel.read.get(), F_SETFD, 0);
    return std::move(channel.read);
  }
  UniqueFd file(memfd_create("inpod-lldb", 0));  // more than a pipe may hold (fs.pipe-max-size)
  if (!file || write(file.get(), commands.data(), commands.size()) != static_cast<ssize_t>(commands.size()))
    return fail_errno("cannot hand the pod's environment to lldb");
  return file;
}

/// lldb takes a name without a slash from its working directory, else from PATH.
std::string path_for_lldb(const std::string& program) {
  std::error_code error;
  const auto path = fs::absolute(program, error);
  const char* search_path = getenv("PATH");
  if (search_path != nullptr && program.find('/') == std::string::npos && !fs::exists(path, error)) {
    if (const auto found = find_program(program, search_path)) return fs::absolute(*found, error).string();
  }
  return path.string();
}

int wrap_lldb(const std::vector<std::string>& arguments) {
  const auto lldb = chosen_debugger("lldb", "INPOD_LLDB");
  if (!lldb) return report(lldb.error());
  std::vector<std::string> command{*lldb};
  UniqueFd commands;
  const bool asks = only_asks(arguments);
  const auto program = asks ? std::nullopt : lldb_program(arguments);
  if (!program && !asks) {
    say("no program stands on lldb's command line, so what lldb starts runs on this machine alone; start "
        "lldb with the program");
  } else if (program) {
    const auto socket = start_holder();
    if (!socket) return report(socket.error());
    const auto answer =
        ask_debug_session(*socket, path_for_lldb(*program), {}, [](const std::string& text) { say(text); });
    if (!answer) return report(answer.error());
    if (answer->on) {
      auto file = lldb_commands(*answer, *lldb);
      if (!file) return report(file.error());
      commands = std::move(*file);
      command.insert(command.end(),
                     {"-O", dap::lldb_source("/proc/self/fd/" + std::to_string(commands.get()))});
    } else {
      say_no_target();
    }
  }
  command.insert(command.end(), arguments.begin(), arguments.end());
  return execute(*lldb, command, own_environment());
}

/// In gdb's exec-wrapper's place: `debuggee SOCKET [WRAPPER…] -- PROGRAM ARGUMENTS…`. gdb counts what is
/// executed: this, then the program. So a wrapper of the user's own is not executed, but done here.
int become_debuggee(const std::vector<std::string>& arguments) {
  const auto separator = std::find(arguments.begin(), arguments.end(), "--");
  if (separator - arguments.begin() < 2 || arguments.end() - separator < 2)
    return report(Error{0, "this command is for debuggers that inpod wraps", {}});
  const std::vector<std::string> command(separator + 1, arguments.end());
  const auto changes = read_exec_wrapper({arguments.begin() + 2, separator});
  if (!changes) return report(changes.error());
  for (const auto& name : changes->unset) unsetenv(name.c_str());
  for (const auto& [name, value] : changes->set) setenv(name.c_str(), value.c_str(), 1);
  // An editor's plug-in has brought a session of its own.
  if (const char* socket = getenv("INPOD_SOCKET"); socket != nullptr && *socket != '\0')
    return execute(command[0], command, own_environment());
  const auto answer =
      ask_debug_session(arguments[1], command[0], changes->unset, [](const std::string& text) { say(text); });
  if (!answer) return report(answer.error());
  if (!answer->on) {
    say_no_target();
    return execute(command[0], command, own_environment());
  }
  return execute(answer->path, command, merged_environment(answer->set, answer->unset));
}

}  // namespace

std::optional<int> run_wrapper_command(const std::vector<std::string>& arguments) {
  if (arguments.empty()) return std::nullopt;
  const std::vector<std::string> rest(arguments.begin() + 1, arguments.end());
  if (arguments[0] == "gdb-wrapper") return wrap_gdb(rest);
  if (arguments[0] == "lldb-wrapper") return wrap_lldb(rest);
  if (arguments[0] != "debuggee") return std::nullopt;
  const int code = become_debuggee(arguments);
  _exit(code);  // under the debugger's eyes: no exit handlers
}

}  // namespace inpod::cli
