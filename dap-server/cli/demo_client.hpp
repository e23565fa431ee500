// The demo's client: asks the pod's service once a second and prints what it answers. Blocking; runs in a process of its
// own.
#pragma once

#include <chrono>
#include <string>

#include "protocol/result.hpp"

namespace inpod::cli {

/// Waits until something listens there.
Result<void> wait_for_service(const std::string& address, int port, std::chrono::seconds bound);
/// GET / every second; each answer's body (or what went wrong) is a line on `output`. Ends when process `pod` does.
[[noreturn]] void ask_forever(const std::string& address, int port, int output, int pod);

}  // namespace inpod::cli
