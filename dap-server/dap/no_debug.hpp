// A launch with "noDebug" in the cluster: gdb and lldb-dap do not know it, so the proxy keeps from them what
// would stop the program: breakpoints are answered here, unverified, and a stop at the entry is taken out.
// Signals that a debugger stops at still stop the program. Any thread.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>

#include "dap/envelope.hpp"

namespace inpod::dap {

/// The answer's body to a request that sets breakpoints of any kind; nothing for other requests.
std::optional<nlohmann::json> without_breakpoints(const Message& request);

/// Takes out of launch arguments what stops the program as it starts, in any adapter's words.
void without_entry_stop(RawObject& arguments);

}  // namespace inpod::dap
