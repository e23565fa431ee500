// What RBAC lets us do, asked beforehand by SelfSubjectAccessReview, which needs no rights itself: for `inpod
// check`.
#pragma once

#include "kube/api_error.hpp"
#include "kube/client.hpp"

namespace inpod::kube {

struct AccessCheck {
  AccessRule rule;
  std::string why;        ///< "to start the agent"
  bool optional = false;  ///< without it: less help, but a session works
  bool allowed = false;
  std::string reason;  ///< what the server adds, may be empty
  /// The line for a Role, when it isn't allowed.
  std::string remedy() const { return rule_remedy(rule); }
};

/// Everything a session in this namespace may need. mode: "job" or "ephemeral". Pure.
std::vector<AccessCheck> needed_access(const std::string& target_namespace,
                                       const std::string& agent_namespace, const std::string& mode);

/// Asks for all of them, a few at a time. Error: the server can't be asked.
Task<Result<std::vector<AccessCheck>>> check_access(std::shared_ptr<Client> client,
                                                    std::vector<AccessCheck> checks);

}  // namespace inpod::kube
