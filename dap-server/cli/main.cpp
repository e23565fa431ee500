// `inpod`: global flags, the choice of the command, and the exit code. Each command lives in a file of its
// own.

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <sstream>

#include "cli/command.hpp"
#include "cli/console.hpp"
#include "cli/debugger_wrapper.hpp"
#include "cli/launcher.hpp"
#include "cli/unknown_command.hpp"
#include "kube/file_limit.hpp"
#include "log/log.hpp"
#include "session/environment_file.hpp"

namespace inpod::cli {
namespace {

/// Cuts what stands behind the first "--" off, so that no flag of the program is taken for one of inpod's.
std::vector<std::string> split_command(std::vector<std::string>& arguments) {
  const auto dashes = std::find(arguments.begin(), arguments.end(), "--");
  if (dashes == arguments.end()) return {};
  std::vector<std::string> command(dashes + 1, arguments.end());
  arguments.erase(dashes, arguments.end());
  return command;
}

int main_of(std::vector<std::string> arguments) {
  // Before all else: every argument of these is the debugger's.
  if (const auto code = run_wrapper_command(arguments)) return *code;
  if (const auto code = exec_with_environment(arguments))
    _exit(*code);  // under a debugger's eyes: no exit handlers
  kube::raise_file_limit();
  CLI::App app("inpod runs and debugs a program on this machine as though it ran in a pod of the cluster.",
               "inpod");
  Globals globals;
  globals.inherited_files = inherited_files();
  globals.command = split_command(arguments);
  app.set_version_flag("--version", std::string("inpod ") + INPOD_VERSION);
  app.add_flag("-v,--verbose", globals.verbose, "Say what is done, and log more");
  app.add_option("--log-file", globals.log_file, "Write a full log to this file")->type_name("FILE");
  app.fallthrough();
  app.require_subcommand(1);
  app.footer(
      "Examples:\n"
      "  inpod demo up                                    a pod made of namespaces on this machine, to try "
      "it\n"
      "  inpod targets                                    what can be targeted in the cluster\n"
      "  inpod run -t deployment/checkout -- ./checkout   run a program there\n"
      "  inpod check -t deployment/checkout               what is missing, and what to do about it\n"
      "`inpod COMMAND --help` says more.");
  add_run(app, globals);
  add_dap(app, globals);
  add_targets(app, globals);
  add_check(app, globals);
  add_session(app, globals);
  add_demo(app, globals);
  add_schema(app, globals);
  add_trust(app, globals);
  app.add_subcommand(
      "gdb-wrapper",
      "gdb itself, whose programs run in the pod; for editors that start gdb (INPOD_GDB, INPOD_TARGET)");
  app.add_subcommand(
      "lldb-wrapper",
      "The same for lldb; the program must stand on its command line (INPOD_LLDB, INPOD_TARGET)");
  if (const auto error = unknown_command(app, arguments)) return report(*error);
  try {
    std::reverse(arguments.begin(), arguments.end());  // CLI11 takes them from the back
    app.parse(arguments);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) {  // --help, --version
      std::ostringstream text;
      app.exit(error, text);
      print(text.str());
      return 0;
    }
    return report(Error{0, error.what(), "`inpod --help` and `inpod COMMAND --help` tell what there is"});
  }
  if (const auto opened = open_log(globals.log_file, globals.verbose); !opened) {
    report(opened.error());
    return exit_failed;
  }
  signal(SIGPIPE, SIG_IGN);
  return globals.action();
}

/// The exit code, once all that was printed is written: what a full disk swallowed is no success. A reader
/// that has gone (`inpod targets | head`) needs no words.
int finish_output(int code) {
  const int error = flush_output();
  if (code != 0 || error == 0) return code;
  if (error == EPIPE) return exit_failed;
  return report(Error{error, std::string("cannot write to standard output: ") + strerror(error),
                      "what was printed is not complete"});
}

}  // namespace
}  // namespace inpod::cli

int main(int count, char** arguments) {
  try {
    return inpod::cli::finish_output(
        inpod::cli::main_of(std::vector<std::string>(arguments + 1, arguments + count)));
  } catch (const std::exception& error) {
    return inpod::cli::report(
        inpod::Error{0, std::string("internal error: ") + error.what(), "please report it"});
  }
}
