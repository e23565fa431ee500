// Target: the process whose namespaces are "the pod" for us. Finds it, enters its user and network namespace,
// and says what must be known of it. Targetless: everything is the agent's own.
//
// Call in this order, while the process has one thread (setns(2), CLONE_NEWUSER): find_target, enter_target.
#pragma once

#include <string>

#include "protocol/messages.hpp"
#include "protocol/result.hpp"
#include "protocol/unique_fd.hpp"
#include "start/start_record.hpp"
#include "target/credentials.hpp"

namespace inpod::agent {

struct Target {
  pid_t pid = 0;    ///< 0: targetless
  UniqueFd pid_fd;  ///< readable once the process has ended (pidfd_open(2)); none if targetless
  // Known after enter_target:
  UniqueFd directory;  ///< O_PATH of /proc/<pid>, which never becomes another process's; none if targetless
  UniqueFd root;       ///< O_PATH of its root directory
  UniqueFd uts_namespace;  ///< none if it can't be opened
  Credentials credentials;
};

/// The container's first process (the oldest whose cgroup names it), or the record's pid.
Result<Target> find_target(const StartRecord& record);
/// setns(2) into its user namespace, if that is another one, and its network namespace; then reads its
/// credentials and opens its root. Sockets made before stay where they were made.
Result<void> enter_target(Target& target);

/// What only CAP_SYS_PTRACE (or the target's own rights) can read, and what may change while it runs.
struct TargetState {
  std::string environment;     ///< environ(7) as /proc/<pid>/environ has it
  UniqueFd working_directory;  ///< O_PATH; none if that can't be had
};
/// Reads it through the target's directory in /proc (Target::directory).
Result<TargetState> read_target_state(int directory);
/// This process's own: what a targetless agent has instead.
TargetState own_state();
/// What a thread in the target's network namespace can tell of the pod: pid, ids, environment, interfaces.
protocol::Pod describe_pod(const Target& target, std::string_view environment);
/// Adds what uname(2) says; on a thread in the target's UTS namespace.
void add_names(protocol::Pod& pod);

}  // namespace inpod::agent
