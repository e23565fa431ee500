// CodeLLDB (VS Code's type "lldb"). `env` is an object added to the adapter's own environment, from which it
// can't remove a name; so the inheriting is switched off and the whole environment is given.
#include "dap/adapters/family.hpp"

namespace inpod::dap {
namespace {

class Codelldb : public AdapterFamily {
 public:
  const char* name() const override { return "codelldb"; }
  bool is_type(const std::string& type) const override { return type == "codelldb" || type == "lldb"; }
  bool is_command(const AdapterCommand& command) const override {
    return program_name(command).starts_with("codelldb");
  }
  bool answers(const nlohmann::json&) const override { return false; }

  Result<void> check(const AdapterCommand&, const RawObject& arguments) const override {
    TRY_VOID(
        check_without(arguments, {"custom", "targetCreateCommands", "processCreateCommands"},
                      "use \"program\" and \"args\", or \"debugger\": \"lldb-dap\" with \"launchCommands\""));
    return check_lldb_commands(arguments, {"initCommands", "preRunCommands"});
  }

  Result<LaunchPlan> prepare(RawObject& arguments, const LaunchContext& context) const override {
    auto debuggee = debuggee_environment(context.pod, requested_variables(arguments, "env"));
    auto whole = whole_environment(context.host, debuggee);
    whole.insert(debuggee.injection.begin(), debuggee.injection.end());
    arguments.set("env", whole);
    nlohmann::json commands = {"settings set target.inherit-env false"};
    const std::string layer = context.pod.layer.substr(context.pod.layer.rfind('/') + 1);
    if (!layer.empty())
      commands.push_back("settings append target.process.thread.step-avoid-libraries " + layer);
    TRY_ASSIGN(settings, lldb_settings(debuggee));
    commands.push_back(settings.command);
    arguments.prepend("initCommands", commands);
    return LaunchPlan{{}, std::move(debuggee), std::move(settings.file)};
  }
};

}  // namespace

const AdapterFamily& codelldb_family() {
  static const Codelldb family;
  return family;
}

}  // namespace inpod::dap
