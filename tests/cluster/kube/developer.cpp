#include "developer.hpp"

#include <fstream>
#include <thread>

#include "kube/access.hpp"

namespace inpod::kube::test {
namespace {

/// The first YAML block of docs/rbac.md: the Role.
std::string documented_role() {
  std::ifstream file(INPOD_SOURCE_DIR "/docs/rbac.md");
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  const auto begin = text.find("```yaml\n");
  REQUIRE(begin != std::string::npos);
  return text.substr(begin + 8, text.find("\n```", begin) - begin - 8) + "\n";
}

/// The rules of a Role, each split into single resources and verbs.
std::vector<AccessRule> single_rules(const json& role, const std::string& space) {
  std::vector<AccessRule> rules;
  for (const auto& rule : role["rules"]) {
    for (const auto& resource : rule["resources"]) {
      for (const auto& verb : rule["verbs"]) rules.push_back({verb, rule["apiGroups"][0], resource, space});
    }
  }
  return rules;
}

}  // namespace

Developer::Developer(Cluster& cluster) : cluster_(cluster) {
  cluster.apply(documented_role());
  cluster.kubectl("create serviceaccount dev");
  cluster.kubectl("create rolebinding dev --role=inpod --serviceaccount=" + cluster.space() + ":dev");
  client = client_with_token(cluster, token_of("dev"));
  all_ = single_rules(json::parse(cluster.kubectl("get role inpod -o json")), cluster.space());
}

void Developer::may_do_all_but(const AccessRule* missing) {
  json rules = json::array();
  for (const auto& rule : all_) {
    if (!missing || !(rule == *missing))
      rules.push_back(
          {{"apiGroups", {rule.api_group}}, {"resources", {rule.resource}}, {"verbs", {rule.verb}}});
  }
  cluster_.must(cluster_.client()->patch(
      resource_path("rbac.authorization.k8s.io/v1", cluster_.space(), "roles", "inpod"),
      json{{"rules", rules}}, merge_patch));
  for (int i = 0; i < 100; ++i) {
    std::vector<AccessCheck> checks;
    for (const auto& rule : all_) checks.push_back({rule, "", false, false, ""});
    checks = cluster_.must(check_access(client, checks));
    const bool settled = std::all_of(checks.begin(), checks.end(), [&](const AccessCheck& check) {
      return check.allowed != (missing && check.rule == *missing);
    });
    if (settled) return;
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  FAIL("the API server did not take the Role");
}

/// As `kubectl create token` does, which kubectls before 1.24 have not.
std::string Developer::token_of(const std::string& account) {
  const auto path = resource_path("v1", cluster_.space(), "serviceaccounts", account, "token");
  json request{
      {"apiVersion", "authentication.k8s.io/v1"}, {"kind", "TokenRequest"}, {"spec", json::object()}};
  return cluster_.must(cluster_.client()->post(path, std::move(request))).at("status").at("token");
}

}  // namespace inpod::kube::test
