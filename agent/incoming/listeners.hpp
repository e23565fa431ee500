// Which TCP ports something listens on in this thread's network namespace: to tell a developer that a port
// which never sees traffic was named. Reads /proc; no side effects.
#pragma once

#include <string_view>

#include "protocol/messages.hpp"

namespace inpod::agent {

/// Reads them anew. Sockets of agents of ours are among them, where those listen in the pod.
protocol::Listeners listeners();

/// The parser behind it, over the text of /proc/net/tcp or tcp6 (proc(5)). Lines it can't read are skipped.
/// Several files add up: `finish` sorts, and takes from loopback what other addresses reach, too.
void add_listeners(std::string_view table, protocol::Listeners& found);
void finish(protocol::Listeners& found);

}  // namespace inpod::agent
