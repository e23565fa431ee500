// The table of families, and what the gdb-based ones share.
#include "dap/adapters/family.hpp"

#include <algorithm>
#include <array>

#include "session/program.hpp"

namespace inpod::dap {
std::string program_name(const AdapterCommand& command) {
  const std::string& path = command.argv.empty() ? command.type : command.argv[0];
  std::string name = path.substr(path.rfind('/') + 1);
  std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) { return std::tolower(c); });
  return name;
}

Variables requested_variables(const RawObject& arguments, const char* own) {
  const std::string other = std::string(own) == "env" ? "environment" : "env";
  Variables variables = variables_from_json(arguments.get(own));
  variables.merge(variables_from_json(arguments.get(other)));
  return variables;
}

std::string gdb_exec_wrapper(const LaunchContext& context) {
  std::string line = "set exec-wrapper";
  for (const auto& word : context.starter) line += " " + shell_quoted(word);
  return line;
}

Result<const AdapterFamily*> find_family(const AdapterCommand& command, const nlohmann::json& capabilities) {
  const std::array families{&lldb_family(), &gdb_family(), &cdt_family(), &codelldb_family(),
                            &cppdbg_family()};
  for (const auto* family : families)
    if (!command.type.empty() && family->is_type(command.type)) return family;
  for (const auto* family : families)
    if (family->is_command(command)) return family;
  for (const auto* family : families)
    if (family->answers(capabilities)) return family;
  return fail(
      "inpod does not know how the debug adapter " + program_name(command) + " passes an environment on",
      R"(say which it is like: "debugger": {"command": …, "type": "lldb-dap" | "gdb" | "cdt-gdb-adapter" | "codelldb" | "cppdbg"})");
}

}  // namespace inpod::dap
