// See terminal_request.hpp.
#include "dap/terminal_request.hpp"

namespace inpod::dap {

bool keep_out_of_terminal(RawObject& arguments, const DebuggeeEnvironment& debuggee,
                          const std::vector<std::string>& starter) {
  auto variables = RawObject::parse(arguments.raw("env").value_or("{}")).value_or(RawObject());
  bool found = false;
  for (const auto* part : {&debuggee.set, &debuggee.injection}) {
    for (const auto& [name, value] : *part) {
      found = found || variables.has(name);
      variables.erase(name);
    }
  }
  if (!found) return false;
  arguments.set_raw("env", variables.text());
  arguments.prepend("args", starter);
  return true;
}

}  // namespace inpod::dap
