#include "debugging.hpp"

#include <cstdlib>
#include <sstream>
#include <stdexcept>

#include "cluster.hpp"
#include "support/installed_debugger.hpp"

namespace inpod::test {

std::string debugger(const std::string& name) {
  const auto path = installed_debugger(name);
  if (path.empty()) throw std::runtime_error("no adapter " + name);
  return path;
}

const std::string& service_source() {
  static const std::string path = sources + "/tests/debuggees/servers/service.cpp";
  return path;
}

int breakpoint_line() {
  std::istringstream lines(read_file(service_source()));
  int number = 1;
  for (std::string line; std::getline(lines, line); ++number)
    if (line.find("// breakpoint") != std::string::npos) return number;
  throw std::runtime_error("no breakpoint line in " + service_source());
}

void set_breakpoint(DapClient& client) {
  client.must("setBreakpoints",
              {{"source", {{"name", "service.cpp"}, {"path", service_source()}}},
               {"breakpoints", {{{"line", breakpoint_line()}}}}},
              seconds(60));
}

std::string evaluate(DapClient& client, const json& frame, const std::string& expression) {
  return client
      .must("evaluate", {{"expression", expression}, {"context", "watch"}, {"frameId", frame.at("id")}})
      .value("result", "");
}

}  // namespace inpod::test
