// What a Pod object says: which container, where it runs, how it is probed, in what state it is. Pure; any
// thread.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "protocol/messages.hpp"
#include "protocol/result.hpp"

namespace inpod::kube {

/// A running container of a pod, with all that an agent for it needs to know.
struct ResolvedTarget {
  std::string target;  ///< as the user wrote it, in full form
  std::string namespace_, pod, pod_uid, container, node;
  std::string runtime;                  ///< "containerd", "docker", "cri-o"
  std::string container_id;             ///< the runtime's id, as it stands in /proc/PID/cgroup
  std::string image;                    ///< as the pod's spec names it
  std::vector<protocol::Probe> probes;  ///< of all containers of the pod, ports by number
  nlohmann::json image_pull_secrets;    ///< the pod's, as in the spec
  bool leaving = false;                 ///< the pod is being deleted
  std::string owner_kind, owner;        ///< the pod's controller ("ReplicaSet", "web-5d4f"), or empty
};

/// The container a user means: the named one; else the annotation kubectl.kubernetes.io/default-container;
/// else the first that is no known sidecar. Error: not there, with those that are.
Result<std::string> choose_container(const nlohmann::json& pod, const std::string& wanted);

/// Error when the container isn't running: why it isn't.
Result<ResolvedTarget> describe_pod(const nlohmann::json& pod, const std::string& container);

/// The entry of ownerReferences that controls the object, or null.
const nlohmann::json& controller_of(const nlohmann::json& object);

/// How often a container with this status has ended and how, if it is started again and again; else empty.
std::string crash_loop(const nlohmann::json& status);

/// "Running", "CrashLoopBackOff: ended 5 times, …", "Pending: 0/3 nodes are available", "Terminating": for
/// people.
std::string pod_state(const nlohmann::json& pod);
bool pod_ready(const nlohmann::json& pod);
/// The status of a container of any sort (init, ephemeral too), or null.
const nlohmann::json& container_status(const nlohmann::json& pod, const std::string& container);

}  // namespace inpod::kube
