// OpenDebugAD7, the adapter of VS Code's C/C++ extension (type "cppdbg"), with gdb. `environment` is an array
// of {name, value} that gdb itself starts with; so an exec-wrapper, set by setupCommands, brings everything
// to the program alone.
#include "dap/adapters/family.hpp"

namespace inpod::dap {
namespace {

class Cppdbg : public AdapterFamily {
 public:
  const char* name() const override { return "cppdbg"; }
  bool is_type(const std::string& type) const override { return type == "cppdbg"; }
  bool is_command(const AdapterCommand& command) const override {
    return program_name(command).starts_with("opendebugad7");
  }
  bool answers(const nlohmann::json&) const override { return false; }

  Result<void> check(const AdapterCommand&, const RawObject& arguments) const override {
    if (arguments.get("MIMode") == "lldb")
      return fail("inpod can't inject through cppdbg with \"MIMode\": \"lldb\"",
                  "use \"MIMode\": \"gdb\", or \"debugger\": \"lldb-dap\"");
    TRY_VOID(check_without(
        arguments,
        {"miDebuggerServerAddress", "debugServerPath", "useExtendedRemote", "pipeTransport", "coreDumpPath"},
        "let gdb start the program on this machine: leave the attribute out"));
    return check_gdb_commands(arguments,
                              {"setupCommands", "customLaunchSetupCommands", "postRemoteConnectCommands"});
  }

  Result<LaunchPlan> prepare(RawObject& arguments, const LaunchContext& context) const override {
    auto debuggee = debuggee_environment(context.pod, requested_variables(arguments, "environment"));
    nlohmann::json commands = nlohmann::json::array();
    const auto add = [&](const std::string& text) {
      commands.push_back({{"text", text}, {"ignoreFailures", false}});
    };
    add("set startup-with-shell on");
    add(gdb_exec_wrapper(context));
    arguments.prepend("setupCommands", commands);
    return LaunchPlan{{}, std::move(debuggee)};
  }
};

}  // namespace

const AdapterFamily& cppdbg_family() {
  static const Cppdbg family;
  return family;
}

}  // namespace inpod::dap
