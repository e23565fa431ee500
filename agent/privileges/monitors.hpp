// The agent's two monitors (monitor.hpp): one for the pod's network, one that reads the target's /proc.
#pragma once

#include <functional>
#include <memory>

#include "incoming/privileged_network.hpp"
#include "privileges/monitor.hpp"
#include "target/target.hpp"

namespace inpod::agent {

/// Both are forked while this process has one thread, in the target's namespaces. `in_child` runs first of
/// all in the child: it wipes what the child must not know.
Result<std::shared_ptr<Monitor>> start_network_monitor(const std::function<void()>& in_child);
Result<std::shared_ptr<Monitor>> start_target_monitor(const Target& target,
                                                      const std::function<void()>& in_child);

/// What incoming traffic needs, done by the network monitor.
std::shared_ptr<PrivilegedNetwork> privileged_network(std::shared_ptr<Monitor> monitor);
/// What the target monitor reads. It may take up to ten seconds; any thread.
Result<TargetState> read_target_state(Monitor& monitor);
/// What the target monitor finds in /proc (opened_inside); all 0 when it fails. Any thread.
std::vector<std::uint8_t> find_openers(Monitor& monitor, const std::vector<TcpEnds>& connections);

}  // namespace inpod::agent
