// gdb -i dap (gdb 14 and newer). `env` REPLACES the whole environment, also of the shell that gdb starts the
// program by ($SHELL -c exec …), so it is taken out: the shell gets what gdb itself has, and behind it an
// exec-wrapper gives the program its environment. ("startup-with-shell off" would need no care of the shell,
// but then gdb splits arguments that hold spaces.)
#include "dap/adapters/family.hpp"

namespace inpod::dap {
namespace {

class Gdb : public AdapterFamily {
 public:
  const char* name() const override { return "gdb"; }
  bool is_type(const std::string& type) const override { return type == "gdb"; }
  bool is_command(const AdapterCommand& command) const override {
    // gdb, gdb16, gdb-16, x86_64-linux-gnu-gdb, rust-gdb; not cdt-gdb-adapter.
    const std::string program = program_name(command);
    const auto at = program.rfind("gdb");
    return at != std::string::npos &&
           program.find_first_not_of("-.0123456789", at + 3) == std::string::npos &&
           (at == 0 || program[at - 1] == '-');
  }
  bool answers(const nlohmann::json& capabilities) const override {
    if (!capabilities.is_object()) return false;
    for (const auto& filter : capabilities.value("exceptionBreakpointFilters", nlohmann::json::array()))
      if (filter.is_object() && filter.contains("label") && filter["label"] == "Ada assertions") return true;
    return false;
  }

  Result<void> check(const AdapterCommand&, const RawObject&) const override { return {}; }

  Result<LaunchPlan> prepare(RawObject& arguments, const LaunchContext& context) const override {
    auto debuggee = debuggee_environment(context.pod, requested_variables(arguments, "env"));
    arguments.erase("env");
    return LaunchPlan{{"set startup-with-shell on", gdb_exec_wrapper(context)}, std::move(debuggee)};
  }
};

}  // namespace

const AdapterFamily& gdb_family() {
  static const Gdb family;
  return family;
}

}  // namespace inpod::dap
