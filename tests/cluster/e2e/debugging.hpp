// What tests that debug in the real cluster share: the installed adapters, and where the sample service is
// stopped.
#pragma once

#include <string>
#include <vector>

#include "support/dap_client.hpp"

namespace inpod::test {

/// The adapter that tests/support/debuggers/install has brought under this name (a ctest fixture runs it
/// first and keeps what it printed in the file named by $DAP_DEBUGGERS). Throws when there is none.
std::string debugger(const std::string& name);
/// The sample service's source, and the line in its request handler that is marked for a breakpoint.
const std::string& service_source();
int breakpoint_line();
/// `setBreakpoints` at that line.
void set_breakpoint(DapClient& client);
/// The value of an expression in a frame, as a watch shows it.
std::string evaluate(DapClient& client, const json& frame, const std::string& expression);

}  // namespace inpod::test
