// See terminal_request.hpp.
#include "dap/terminal_request.hpp"

#include <algorithm>

namespace inpod::dap {

bool keep_out_of_terminal(RawObject& arguments, const DebuggeeEnvironment& debuggee,
                          const std::vector<std::string>& starter) {
  auto variables = RawObject::parse(arguments.raw("env").value_or("{}")).value_or(RawObject());
  std::vector<std::string> before;  // the program's own words
  for (const auto* part : {&debuggee.set, &debuggee.injection}) {
    for (const auto& [name, value] : *part) {
      if (variables.has(name)) before = starter;
      variables.erase(name);
    }
  }
  const bool by_starter = !before.empty();
  std::vector<std::string> unset;
  for (const auto& [name, value] : variables_from_json(arguments.get("env"))) {
    if (value || !variables.has(name)) continue;
    variables.erase(name);
    const auto& known = debuggee.unset;
    if (!by_starter || std::find(known.begin(), known.end(), name) == known.end())
      unset.insert(unset.end(), {"-u", name});
  }
  if (!unset.empty()) {
    unset.insert(unset.begin(), "/usr/bin/env");
    before.insert(before.begin(), unset.begin(), unset.end());
  }
  if (before.empty()) return false;
  arguments.set_raw("env", variables.text());
  arguments.prepend("args", before);
  return true;
}

}  // namespace inpod::dap
