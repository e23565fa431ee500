// A developer with the rights of the Role in docs/rbac.md, or all of them but one.
#pragma once

#include <vector>

#include "fixture.hpp"
#include "kube/api_error.hpp"

namespace inpod::kube::test {

class Developer {
 public:
  explicit Developer(Cluster& cluster);
  /// The Role without one rule (none: all of it), once the API server has noticed.
  void may_do_all_but(const AccessRule* missing);

  std::shared_ptr<Client> client;

 private:
  std::string token_of(const std::string& account);

  Cluster& cluster_;
  std::vector<AccessRule> all_;
};

}  // namespace inpod::kube::test
