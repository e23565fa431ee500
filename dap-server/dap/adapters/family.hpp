// AdapterFamily: what differs from one kind of debug adapter to the next: how it is recognised, how the
// debuggee's environment gets through it, and what keeps the layer out of shells and debuggers. One file a
// family beside this one.
//
// Families are stateless singletons; any thread.
#pragma once

#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "dap/adapter_choice.hpp"
#include "dap/environment.hpp"
#include "dap/json_text.hpp"
#include "protocol/unique_fd.hpp"

namespace inpod::dap {

/// What a launch brings along, beside the request's own arguments.
struct LaunchContext {
  const LaunchEnvironment& pod;
  const std::vector<std::string>& host;  ///< our own environment without the layer's part, "K=V"
  const nlohmann::json& capabilities;    ///< the adapter's answer to initialize
  /// Words in front of the program's, by which it gets its environment (EnvironmentFile::command), for those
  /// adapters that start it by a shell.
  const std::vector<std::string>& starter;
};

/// What to do for a launch.
struct LaunchPlan {
  std::vector<std::string>
      commands;  ///< debugger commands to run before the launch request, by evaluate, context "repl"
  DebuggeeEnvironment debuggee;      ///< what the starter is to give the program
  std::shared_ptr<UniqueFd> file{};  ///< that the adapter reads by our /proc/PID/fd; open as long as it lives
};

class AdapterFamily {
 public:
  virtual ~AdapterFamily() = default;
  virtual const char* name() const = 0;
  /// True when `type` (what the user called it), or failing that the program's name, is of this family.
  virtual bool is_type(const std::string& type) const = 0;
  virtual bool is_command(const AdapterCommand& command) const = 0;
  /// True when only this family answers initialize so.
  virtual bool answers(const nlohmann::json& capabilities) const = 0;
  /// An error for a launch whose program the adapter would start past inpod. It names the attribute.
  virtual Result<void> check(const AdapterCommand& command, const RawObject& arguments) const = 0;
  /// Puts the environment into the arguments of launch, or of the launch inside restart.
  virtual Result<LaunchPlan> prepare(RawObject& arguments, const LaunchContext& context) const = 0;
};

/// The variables that a launch request names, in `env` or `environment` and any shape: editors that let the
/// user write the request (CLion) don't know which of the two the adapter takes. `own`: the adapter's name
/// for them, which wins.
Variables requested_variables(const RawObject& arguments, const char* own);

const AdapterFamily& lldb_family();
const AdapterFamily& gdb_family();
const AdapterFamily& cdt_family();
const AdapterFamily& cppdbg_family();
const AdapterFamily& codelldb_family();

/// The family of an adapter; an error, with what to write, when it can't be told.
Result<const AdapterFamily*> find_family(const AdapterCommand& command, const nlohmann::json& capabilities);

/// Last part of argv[0], lower case.
std::string program_name(const AdapterCommand& command);

/// An error where one of the debugger commands under `attributes` would start the program past us: it sets
/// gdb's exec-wrapper or its shell (the user's come behind ours and replace them), or connects to a server.
Result<void> check_gdb_commands(const RawObject& arguments, const std::vector<const char*>& attributes);
/// The same for lldb's commands: those that replace target.env-vars, connect to a server, or attach.
Result<void> check_lldb_commands(const RawObject& arguments, const std::vector<const char*>& attributes);
/// An error that names the first of `attributes` that the launch has; `remedy` says what to do.
Result<void> check_without(const RawObject& arguments, const std::vector<const char*>& attributes,
                           const std::string& remedy);

/// The debuggee's environment in lldb's settings, for programs that commands launch: those of the launch, and
/// what the user types.
struct LldbSettings {
  std::string command;                ///< reads `file`; the adapter may show it
  std::shared_ptr<UniqueFd> file;     ///< in memory
  std::vector<std::string> left_out;  ///< names that lldb's commands can't carry
};
Result<LldbSettings> lldb_settings(const DebuggeeEnvironment& debuggee);

/// gdb's exec-wrapper: puts the pod's variables and the layer into the target alone, not into gdb or the
/// shell that it starts the target by.
std::string gdb_exec_wrapper(const LaunchContext& context);

}  // namespace inpod::dap
