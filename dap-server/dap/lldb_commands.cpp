// Three layers of lldb read such a command, and each has quotes of its own: the interpreter evaluates
// backticks, wherever they stand, unless a backslash precedes them; the command splits words as a shell does;
// and the setting trims spaces and takes off a pair of quotes. Seen with lldb 14 and 19.
#include "dap/lldb_commands.hpp"

#include "session/program.hpp"

namespace inpod::dap {
namespace {

std::string append(const char* setting, const std::string& element) {
  std::string out = std::string("settings append ") + setting + " ";
  for (const char c : shell_quoted(element)) {
    if (c == '`') out += '\\';
    out += c;
  }
  return out;
}

/// A command as an argument of Python's: hexadecimal needs no quotes.
std::string scripted(const std::string& command) {
  static const char* digits = "0123456789abcdef";
  std::string hex;
  for (const char c : command) {
    const auto byte = static_cast<unsigned char>(c);
    hex += {digits[byte >> 4], digits[byte & 15]};
  }
  return "script lldb.debugger.HandleCommand(bytes.fromhex('" + hex + "').decode())";
}

}  // namespace

std::string LldbCommands::text() const {
  std::string out;
  for (const auto& command : commands) out += command + "\n";
  return out;
}

std::string lldb_source(const std::string& path) {
  return "command source -s true -e false " + path;  // -e: an error ends nothing
}

LldbCommands lldb_environment(const std::map<std::string, std::string>& set,
                              const std::vector<std::string>& unset, bool python) {
  LldbCommands out;
  const auto add = [&](const std::string& name, const std::string& command) {
    const bool one_line = command.find('\n') == std::string::npos;
    // lldb reads "[KEY]" as an index.
    if (name.starts_with("[") || (!one_line && !python))
      out.left_out.push_back(name);
    else
      out.commands.push_back(one_line ? command : scripted(command));
  };
  for (const auto& name : unset) add(name, append("target.unset-env-vars", '"' + name + '"'));
  for (const auto& [name, value] : set) add(name, append("target.env-vars", name + "=\"" + value + '"'));
  return out;
}

}  // namespace inpod::dap
