// cdt-gdb-adapter (Eclipse CDT's, also behind VS Code's type "gdbtarget"). `env` is ignored, and `environment` goes to gdb
// itself with all that it starts; so everything travels by initCommands, which run before the program does.
#include "dap/adapters/family.hpp"

namespace inpod::dap {
namespace {

class Cdt : public AdapterFamily {
 public:
  const char* name() const override { return "cdt-gdb-adapter"; }
  bool is_type(const std::string& type) const override { return type == "cdt-gdb-adapter" || type == "gdbtarget"; }
  bool is_command(const AdapterCommand& command) const override {
    for (const auto& word : command.argv)
      if (word.find("cdt-gdb-adapter") != std::string::npos || word.ends_with("cdtDebugAdapter")) return true;
    return false;
  }
  bool answers(const nlohmann::json& capabilities) const override {
    return capabilities.is_object() && capabilities.contains("breakpointModes") &&
           !capabilities.contains("exceptionBreakpointFilters");
  }

  Result<LaunchPlan> prepare(RawObject& arguments, const LaunchContext& context) const override {
    const auto debuggee = debuggee_environment(context.pod, requested_variables(arguments, "environment"));
    nlohmann::json commands = gdb_mi_environment(debuggee);
    commands.push_back("set startup-with-shell on");
    commands.push_back(gdb_exec_wrapper(debuggee));
    arguments.prepend("initCommands", commands);
    return LaunchPlan{{}, debuggee.left_out};
  }
};

}  // namespace

const AdapterFamily& cdt_family() {
  static const Cdt family;
  return family;
}

}  // namespace inpod::dap
