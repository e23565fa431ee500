// cdt-gdb-adapter (Eclipse CDT's, also behind VS Code's type "gdbtarget"). `env` is ignored, and
// `environment` goes to gdb itself with all that it starts; so an exec-wrapper, set by initCommands, brings
// everything to the program alone.
#include "dap/adapters/family.hpp"
#include "session/program.hpp"

namespace inpod::dap {
namespace {

/// `args`, as the other adapters call it, under cdt's own name: one text, which gdb's shell takes apart.
void rename_args(RawObject& arguments) {
  const auto args = arguments.get("args");
  if (!args.is_array() || !arguments.get("arguments").is_null()) return;
  std::string line;
  for (const auto& word : args)
    line +=
        (line.empty() ? "" : " ") + shell_quoted(word.is_string() ? word.get<std::string>() : word.dump());
  arguments.set("arguments", line);
}

class Cdt : public AdapterFamily {
 public:
  const char* name() const override { return "cdt-gdb-adapter"; }
  bool is_type(const std::string& type) const override {
    return type == "cdt-gdb-adapter" || type == "gdbtarget";
  }
  bool is_command(const AdapterCommand& command) const override {
    for (const auto& word : command.argv)
      if (word.find("cdt-gdb-adapter") != std::string::npos || word.ends_with("cdtDebugAdapter")) return true;
    return false;
  }
  bool answers(const nlohmann::json& capabilities) const override {
    return capabilities.is_object() && capabilities.contains("breakpointModes") &&
           !capabilities.contains("exceptionBreakpointFilters");
  }

  Result<void> check(const AdapterCommand& command, const RawObject& arguments) const override {
    const char* remedy =
        "let gdb start the program on this machine: \"debugger\": \"cdt-gdb-adapter\", without \"target\"";
    for (const auto& word : command.argv)
      if (word.find("TargetAdapter") != std::string::npos)
        return fail(
            "the debug adapter " + word +
                " (type gdbtarget) has gdbserver start the program, which inpod can't take into the pod",
            remedy);
    TRY_VOID(check_without(arguments, {"target"}, remedy));
    return check_gdb_commands(arguments, {"initCommands", "preRunCommands"});
  }

  Result<LaunchPlan> prepare(RawObject& arguments, const LaunchContext& context) const override {
    auto debuggee = debuggee_environment(context.pod, requested_variables(arguments, "environment"));
    arguments.prepend("initCommands", {"set startup-with-shell on", gdb_exec_wrapper(context)});
    rename_args(arguments);
    return LaunchPlan{{}, std::move(debuggee)};
  }
};

}  // namespace

const AdapterFamily& cdt_family() {
  static const Cdt family;
  return family;
}

}  // namespace inpod::dap
