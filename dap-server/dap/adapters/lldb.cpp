// lldb-dap, and lldb-vscode as it was called up to LLVM 17. It injects only the debuggee: no shell, and
// lldb-server starts the program by itself. `env` is an array of "K=V" up to 19 (an object is silently
// ignored); newer ones take it as well. With runInTerminal it asks the client to start the program;
// terminal_request.hpp keeps the variables out of that terminal.
#include "dap/adapters/family.hpp"

namespace inpod::dap {
namespace {

class Lldb : public AdapterFamily {
 public:
  const char* name() const override { return "lldb-dap"; }
  bool is_type(const std::string& type) const override { return type == "lldb-dap" || type == "lldb-vscode"; }
  bool is_command(const AdapterCommand& command) const override {
    const std::string program = program_name(command);
    return program.starts_with("lldb-dap") || program.starts_with("lldb-vscode");
  }
  bool answers(const nlohmann::json& capabilities) const override { return tells_version(capabilities); }

  Result<void> check(const AdapterCommand&, const RawObject& arguments) const override {
    return check_lldb_commands(arguments, {"initCommands", "preRunCommands", "launchCommands"});
  }

  Result<LaunchPlan> prepare(RawObject& arguments, const LaunchContext& context) const override {
    auto debuggee = debuggee_environment(context.pod, requested_variables(arguments, "env"));
    nlohmann::json pairs = nlohmann::json::array();
    for (const auto* part : {&debuggee.set, &debuggee.injection})
      for (const auto& [variable, value] : *part) pairs.push_back(variable + "=" + value);
    arguments.set("env", pairs);

    // "?": echoed only when it fails; understood by those that tell their version.
    const std::string quiet = tells_version(context.capabilities) ? "?" : "";
    nlohmann::json commands = nlohmann::json::array();
    const std::string layer = context.pod.layer.substr(context.pod.layer.rfind('/') + 1);
    if (!layer.empty())
      commands.push_back(quiet + "settings append target.process.thread.step-avoid-libraries " + layer);
    TRY_ASSIGN(settings, lldb_settings(debuggee));
    commands.push_back(quiet + settings.command);
    arguments.prepend("initCommands", commands);
    const auto own = arguments.get("launchCommands");
    if (own.is_array() && !own.empty())  // lldb-dap's `env` does nothing then
      debuggee.left_out.insert(debuggee.left_out.end(), settings.left_out.begin(), settings.left_out.end());
    return LaunchPlan{{}, std::move(debuggee), std::move(settings.file)};
  }

 private:
  static bool tells_version(const nlohmann::json& capabilities) {
    return capabilities.is_object() &&
           (capabilities.contains("__lldb") || capabilities.contains("$__lldb_version"));
  }
};

}  // namespace

const AdapterFamily& lldb_family() {
  static const Lldb family;
  return family;
}

}  // namespace inpod::dap
