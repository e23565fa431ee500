// The demo's pod: a process in network, mount, pid and uts namespaces of its own (and a user namespace, for
// an ordinary user), with a root file system of its own, that runs inpod-demo-web; and its client in a second
// network namespace.
#pragma once

#include <string>

#include "protocol/result.hpp"

namespace inpod::cli {

constexpr const char* demo_pod_address = "10.77.0.2";
constexpr const char* demo_client_address = "10.77.0.1";
constexpr int demo_port = 8080;
constexpr const char* demo_hostname = "web-0";

/// The pod as its maker knows it.
struct DemoPod {
  int client = 0;  ///< pid of the client, our child and the pod's parent
  int pod = 0;     ///< pid of the service: pid 1 of the pod
};

/// Makes both and waits until the service answers (at most 10 s). web: inpod-demo-web's path; mount_point: an
/// empty directory; output: fd on which the client prints each answer; service_log: where the service's own
/// output goes. They die with this process (PR_SET_PDEATHSIG).
Result<DemoPod> start_demo_pod(const std::string& web, const std::string& mount_point, int output,
                               int service_log);
/// Kills both and waits for their ends.
void end_demo_pod(const DemoPod& pod);

/// Inside the pod: builds its root file system at `mount_point` and makes it the root.
Result<void> enter_demo_root(const std::string& web, const std::string& mount_point);

}  // namespace inpod::cli
