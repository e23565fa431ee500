// Target strings: what a user wants to be. Pure; any thread.
//
//   pod/NAME  deployment/NAME  statefulset/NAME  daemonset/NAME  replicaset/NAME  job/NAME  cronjob/NAME
//   rollout/NAME service/NAME  label:KEY=VALUE,…  each with /container/NAME behind it where one container of
//   several is meant targetless (in the cluster, but no pod's)   local:PID (the namespaces of a process of
//   this machine)
// kubectl's short and plural names are understood too (deploy, sts, ds, rs, cj, svc, po, …).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "protocol/result.hpp"

namespace inpod::kube {

enum class TargetKind {
  pod,
  deployment,
  statefulset,
  daemonset,
  replicaset,
  job,
  cronjob,
  rollout,
  service,
  label,
  targetless,
  local
};

struct Target {
  TargetKind kind = TargetKind::pod;
  std::string name;       ///< of the object; for label: the selector
  std::string container;  ///< empty: choose
  std::uint32_t pid = 0;  ///< of local
  /// "deployment/web/container/app": the full form.
  std::string to_string() const;
  bool operator==(const Target&) const = default;
};

/// Errors: unknown kind (with the near one), missing name, text that can't be a name.
Result<Target> parse_target(const std::string& text);

/// Where the API keeps a kind. apis: tried in this order (cronjobs moved to v1 in 1.21). Not for label,
/// targetless, local.
struct KindInfo {
  TargetKind kind;
  const char* name;      ///< "deployment"
  const char* resource;  ///< "deployments"
  std::vector<const char*> apis;
};
const KindInfo& kind_info(TargetKind kind);
/// All kinds that are objects, in the order people see them.
const std::vector<KindInfo>& object_kinds();

}  // namespace inpod::kube
