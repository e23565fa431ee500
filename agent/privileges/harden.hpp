// What the agent gives up: each function makes the process less able, and none can be taken back.
//
// The order that main.cpp keeps: `become_untouchable` first of all; once the target's namespaces are entered,
// `limit_bounding_set`; then the monitors (monitor.hpp) are forked, and each process keeps of its
// capabilities what docs/security.md says; `filter_system_calls` last, when every thread that has to change
// its root or its namespaces has done so.
#pragma once

#include <cstdint>

#include "protocol/result.hpp"

namespace inpod::agent {

/// No other process may read or write this one's memory, unless it has CAP_SYS_PTRACE in our user namespace
/// (PR_SET_DUMPABLE 0, which also makes /proc/<pid> root's); no core is dumped; nothing that is executed
/// gains rights (PR_SET_NO_NEW_PRIVS). Inherited by fork(2).
Result<void> become_untouchable();
/// The same for /proc and ptrace(2) alone: setns(2) and changed credentials set what
/// /proc/sys/fs/suid_dumpable says. Call after each.
void stay_undumpable();
/// Empties the capability bounding set as far as CAP_SETPCAP is there to do so, and the ambient set.
void limit_bounding_set();

constexpr std::uint64_t capability_bit(int capability) {
  return std::uint64_t{1} << capability;
}
/// The calling thread keeps of its permitted and effective capabilities only these, and no inheritable ones.
Result<void> limit_capabilities(std::uint64_t kept);

enum class Forking { allowed, refused };
/// Every thread of the process may from now on make no system call that the agent has no use for, such as
/// those that execute, trace, mount, load code into the kernel or enter namespaces (EPERM), and none that is
/// newer than this source (ENOSYS). Not an error where the kernel can't filter: false.
Result<bool> filter_system_calls(Forking forking);

}  // namespace inpod::agent
