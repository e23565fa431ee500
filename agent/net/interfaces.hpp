// The network interfaces of the pod, as getifaddrs(3) tells them.
#pragma once

#include "protocol/messages.hpp"

namespace inpod::agent {

/// Those of the calling thread's network namespace; none where the kernel does not tell them.
protocol::Interfaces interfaces();

}  // namespace inpod::agent
