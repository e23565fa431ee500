// From a target's name to a running container: asks the API server for the object, then for its pods.
#pragma once

#include "kube/client.hpp"
#include "kube/pod.hpp"
#include "kube/target.hpp"

namespace inpod::kube {

/// Two requests at most where all is well. Prefers ready pods, then the newest. Not for targetless and local.
/// Errors: not found (near names, and the namespaces that have that name, where we may look), no pod, no
/// running pod (each with its state), no such container. What RBAC forbids is named.
Task<Result<ResolvedTarget>> resolve_target(std::shared_ptr<Client> client, Target target,
                                            std::string namespace_);

/// The workload that makes pods like this one. Nothing: there is none, or it makes them by the same name
/// (StatefulSet).
Task<std::optional<Target>> workload_of(std::shared_ptr<Client> client, ResolvedTarget pod);

/// The text form of a LabelSelector ({matchLabels, matchExpressions}) for ?labelSelector=. Pure.
std::string selector_text(const json& selector);

}  // namespace inpod::kube
