// The demo's client: asks the pod's service once a second and prints what it answers. Blocking; runs in a
// process of its own.
#pragma once

#include <chrono>
#include <string>

#include "protocol/result.hpp"

namespace inpod::cli {

/// Waits until something listens there.
Result<void> wait_for_service(const std::string& address, int port, std::chrono::seconds bound);
/// Where lines go. Files are emptied when they have grown to 1 MiB.
struct DemoLogs {
  int answers = -1;  ///< the client's
  int service = -1;  ///< the service's own, looked after here because the service knows nothing of it
};

/// GET / every second; each answer's body (or what went wrong) is a line. Ends when process `pod` does.
[[noreturn]] void ask_forever(const std::string& address, int port, DemoLogs logs, int pod);

}  // namespace inpod::cli
