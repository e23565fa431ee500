// See no_debug.hpp.
#include "dap/no_debug.hpp"

#include <algorithm>
#include <array>

namespace inpod::dap {

std::optional<nlohmann::json> without_breakpoints(const Message& request) {
  static const std::array kinds{"setBreakpoints", "setFunctionBreakpoints", "setDataBreakpoints",
                                "setInstructionBreakpoints", "setExceptionBreakpoints"};
  const std::string& command = request.envelope.name;
  if (std::find(kinds.begin(), kinds.end(), command) == kinds.end()) return std::nullopt;
  const auto arguments = request.arguments();
  nlohmann::json answers = nlohmann::json::array();
  // Exception filters, which have no "breakpoints", need no answer each. ("lines" is what older clients
  // send.)
  const char* key = arguments.contains("breakpoints") ? "breakpoints" : "lines";
  const auto wanted =
      arguments.is_object() ? arguments.value(key, nlohmann::json::array()) : nlohmann::json::array();
  for (const auto& one : wanted.is_array() ? wanted : nlohmann::json::array()) {
    nlohmann::json answer{{"verified", false},
                          {"message", "not set: the program runs without debugging (noDebug)"}};
    const auto line = one.is_object() ? one.value("line", nlohmann::json()) : one;
    if (line.is_number_integer() && command == "setBreakpoints") answer["line"] = line;
    answers.push_back(std::move(answer));
  }
  return nlohmann::json{{"breakpoints", std::move(answers)}};
}

void without_entry_stop(RawObject& arguments) {
  for (const char* key : {"stopOnEntry", "stopAtEntry", "stopAtBeginningOfMainSubprogram"})
    arguments.erase(key);
}

}  // namespace inpod::dap
