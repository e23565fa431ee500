// What can be targeted in a namespace, for `inpod targets` and the editors' pickers.
#pragma once

#include "kube/client.hpp"

namespace inpod::kube {

struct ListedPod {
  std::string name, state, created;  ///< created: RFC 3339
  std::vector<std::string> containers;
  std::string default_container;
  bool ready = false;
};

struct ListedTarget {
  std::string target;  ///< "deployment/web"
  std::string namespace_;
  std::string created;
  int ready = 0, wanted = 0;  ///< pods
  std::vector<ListedPod> pods;
};

struct TargetList {
  std::vector<ListedTarget> targets;  ///< workloads first, then pods
  std::vector<Error> problems;        ///< kinds that may not be listed, each with the missing rule
};

/// namespace_ empty: all namespaces. All kinds at once. Error: only when nothing at all could be listed.
Task<Result<TargetList>> list_targets(std::shared_ptr<Client> client, std::string namespace_);

}  // namespace inpod::kube
