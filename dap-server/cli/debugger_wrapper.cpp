// gdb runs its programs by a shell; an exec-wrapper behind that shell (`inpod debuggee`, this file too) asks
// for the session and executes the program with the pod's environment and the layer. So neither gdb nor the
// shell is injected, and a program with no target named anywhere runs as ever. lldb has no such wrapper:
// there the program must stand on the command line.
#include "cli/debugger_wrapper.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>

#include "cli/console.hpp"
#include "cli/debug_session.hpp"
#include "cli/debugger_arguments.hpp"
#include "cli/launcher.hpp"
#include "session/environment.hpp"
#include "session/paths.hpp"
#include "session/pipe.hpp"
#include "session/program.hpp"

extern char** environ;

namespace inpod::cli {
namespace {

namespace fs = std::filesystem;

std::vector<std::string> own_environment() {
  std::vector<std::string> entries;
  for (char** entry = environ; *entry != nullptr; ++entry) entries.emplace_back(*entry);
  return entries;
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
  UniqueFd self(static_cast<int>(syscall(SYS_pidfd_open, getpid(), 0)));
  if (!self) return fail_errno("pidfd_open (Linux 5.3)");
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

/// Without a shell gdb runs no exec-wrapper, and the program would act on this machine. Each way to start one
/// puts the shell back, whoever took it away after gdb's own start. A hook of the user's own stays.
constexpr const char* keep_shell =
    R"gdb(python exec("for c in ('run', 'start', 'starti'):\n  try: gdb.execute('show user hook-' + c, to_string=True)\n  except gdb.error: gdb.execute('define hook-%s\\nset startup-with-shell on\\nend' % c)"))gdb";

int wrap_gdb(const std::vector<std::string>& arguments) {
  const auto gdb = chosen_debugger("gdb", "INPOD_GDB");
  if (!gdb) return report(gdb.error());
  std::vector<std::string> command{*gdb};
  if (!only_asks(arguments)) {
    const auto socket = start_holder();
    if (!socket) return report(socket.error());
    command.insert(command.end(),
                   {"-ex", "set startup-with-shell on", "-ex",
                    "set exec-wrapper " + shell_quoted(self_path()) + " debuggee " + *socket + " --", "-ex",
                    keep_shell});
  }
  command.insert(command.end(), arguments.begin(), arguments.end());
  return execute(*gdb, command, own_environment());
}

/// The commands by which lldb's target gets its environment, in a pipe that lldb inherits: what stands on a
/// command line can be read by everybody, in ps(1), and a pipe that lldb has read is empty for all that lldb
/// starts. Names whose values take more than a line are left out.
Result<UniqueFd> lldb_commands(const DebuggeeAnswer& answer) {
  std::string commands;
  for (const auto& name : answer.unset)
    commands += "settings append target.unset-env-vars " + shell_quoted(name) + "\n";
  for (const auto& [name, value] : answer.set) {
    if (value.find('\n') == std::string::npos)
      commands += "settings append target.env-vars " + shell_quoted(name + "=" + value) + "\n";
    else
      say("the pod's variable " + name + " has more than one line, which lldb can't take; it was left out");
  }
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
    std::error_code error;
    const auto path = fs::absolute(*program, error).string();
    const auto answer = ask_debug_session(*socket, path, [](const std::string& text) { say(text); });
    if (!answer) return report(answer.error());
    if (answer->on) {
      auto file = lldb_commands(*answer);
      if (!file) return report(file.error());
      commands = std::move(*file);
      command.insert(command.end(),
                     {"-O", "command source -s true /proc/self/fd/" + std::to_string(commands.get())});
    }
  }
  command.insert(command.end(), arguments.begin(), arguments.end());
  return execute(*lldb, command, own_environment());
}

/// In gdb's exec-wrapper's place: `debuggee SOCKET -- PROGRAM ARGUMENTS…`. gdb counts what is executed: this,
/// then the program.
int become_debuggee(const std::vector<std::string>& arguments) {
  if (arguments.size() < 4 || arguments[2] != "--")
    return report(Error{0, "this command is for debuggers that inpod wraps", {}});
  const std::vector<std::string> command(arguments.begin() + 3, arguments.end());
  // An editor's plug-in has brought a session of its own.
  if (const char* socket = getenv("INPOD_SOCKET"); socket != nullptr && *socket != '\0')
    return execute(command[0], command, own_environment());
  const auto answer = ask_debug_session(arguments[1], command[0], [](const std::string& text) { say(text); });
  if (!answer) return report(answer.error());
  if (!answer->on) {
    if (getenv("INPOD_TARGET") == nullptr)
      say("no target is named (INPOD_TARGET, or target in .inpod/config.yaml), so the program runs on this "
          "machine alone");
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
