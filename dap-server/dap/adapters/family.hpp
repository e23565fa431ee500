// AdapterFamily: what differs from one kind of debug adapter to the next: how it is recognised, how the
// debuggee's environment gets through it, and what keeps the layer out of shells and debuggers. One file a
// family beside this one.
//
// Families are stateless singletons; any thread.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "dap/adapter_choice.hpp"
#include "dap/environment.hpp"
#include "dap/json_text.hpp"

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
  DebuggeeEnvironment debuggee;  ///< what the starter is to give the program
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

/// gdb's exec-wrapper: puts the pod's variables and the layer into the target alone, not into gdb or the
/// shell that it starts the target by.
std::string gdb_exec_wrapper(const LaunchContext& context);

}  // namespace inpod::dap
