// The table of families, and what the gdb-based ones share.
#include "dap/adapters/family.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "dap/lldb_commands.hpp"
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

Result<void> check_gdb_commands(const RawObject& arguments, const std::vector<const char*>& attributes) {
  for (const char* attribute : attributes) {
    const std::string commands = to_text(arguments.get(attribute));
    for (const char* setting : {"exec-wrapper", "startup-with-shell"})
      if (commands.find(setting) != std::string::npos)
        return fail(std::string("the launch sets gdb's ") + setting + " in \"" + attribute +
                        "\", and so would start the program on this machine",
                    "take that command out; variables go into \"environment\"");
    for (const char* connecting : {"target remote", "target extended-remote", "target-select"})
      if (commands.find(connecting) != std::string::npos)
        return fail(std::string("the launch has \"") + connecting + "\" in \"" + attribute +
                        "\": a server would start the program, which inpod can't take into the pod",
                    "let gdb start the program on this machine: take that command out");
  }
  return {};
}

Result<void> check_lldb_commands(const RawObject& arguments, const std::vector<const char*>& attributes) {
  const auto refused = [](const std::string& command) -> const char* {
    const auto has = [&](const char* words) { return command.find(words) != std::string::npos; };
    if (has("env-vars") &&
        (has("settings set") || has("settings clear") || has("settings remove") || has("settings replace")))
      return "it would take the pod's environment and the layer from the program: variables go into \"env\"";
    if (has("gdb-remote") || has("process connect") || has("platform connect"))
      return "a server would start the program: let lldb start it on this machine";
    if (has("process attach") || command.starts_with("attach "))
      return "a process that runs already can't be moved into the pod: let lldb start it";
    return nullptr;
  };
  for (const char* attribute : attributes) {
    const auto commands = arguments.get(attribute);
    for (const auto& command : commands.is_array() ? commands : nlohmann::json::array()) {
      const auto text = command.is_string() ? command.get<std::string>() : std::string();
      if (const char* why = refused(text))
        return fail("inpod can't launch with \"" + text + "\" in \"" + attribute + "\"", why);
    }
  }
  return {};
}

Result<void> check_without(const RawObject& arguments, const std::vector<const char*>& attributes,
                           const std::string& remedy) {
  for (const char* attribute : attributes) {
    const auto value = arguments.get(attribute);
    if (!value.is_null() && value != false && value != "" && !(value.is_structured() && value.empty()))
      return fail(
          std::string("inpod can't take a program into the pod that is launched by \"") + attribute + "\"",
          remedy);
  }
  return {};
}

Result<LldbSettings> lldb_settings(const DebuggeeEnvironment& debuggee) {
  auto set = debuggee.set;
  set.insert(debuggee.injection.begin(), debuggee.injection.end());
  const auto commands = lldb_environment(set, debuggee.unset, false);
  const std::string text = commands.text();
  auto file = std::make_shared<UniqueFd>(memfd_create("inpod-lldb", MFD_CLOEXEC));
  if (!*file || write(file->get(), text.data(), text.size()) != static_cast<ssize_t>(text.size()))
    return fail_errno("cannot hand the pod's environment to lldb");
  const std::string path = "/proc/" + std::to_string(getpid()) + "/fd/" + std::to_string(file->get());
  return LldbSettings{lldb_source(path), std::move(file), commands.left_out};
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
