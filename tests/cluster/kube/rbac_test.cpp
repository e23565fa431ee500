// The Role of docs/rbac.md is enough, and each rule that is missing is named by the error that its lack
// causes.
#include <fstream>
#include <thread>

#include "fixture.hpp"
#include "kube/access.hpp"
#include "kube/agent_pod.hpp"
#include "kube/list.hpp"
#include "kube/port_forward.hpp"
#include "kube/resolve.hpp"

using namespace inpod;
using namespace inpod::kube;
using namespace inpod::kube::test;

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

class Developer {
 public:
  explicit Developer(Cluster& cluster) : cluster_(cluster) {
    cluster.apply(documented_role());
    cluster.kubectl("create serviceaccount dev");
    cluster.kubectl("create rolebinding dev --role=inpod --serviceaccount=" + cluster.space() + ":dev");
    client = client_with_token(cluster, token_of("dev"));
    all_ = single_rules(json::parse(cluster.kubectl("get role inpod -o json")), cluster.space());
  }

  /// The Role without one rule (none: all of it), once the API server has noticed.
  void may_do_all_but(const AccessRule* missing) {
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

  std::shared_ptr<Client> client;

 private:
  /// As `kubectl create token` does, which kubectls before 1.24 have not.
  std::string token_of(const std::string& account) {
    const auto path = resource_path("v1", cluster_.space(), "serviceaccounts", account, "token");
    json request{
        {"apiVersion", "authentication.k8s.io/v1"}, {"kind", "TokenRequest"}, {"spec", json::object()}};
    return cluster_.must(cluster_.client()->post(path, std::move(request))).at("status").at("token");
  }

  Cluster& cluster_;
  std::vector<AccessRule> all_;
};

AgentRequest request_for(const ResolvedTarget& target) {
  static int count = 0;
  AgentRequest request;
  request.session = "r" + std::to_string(getpid()) + "x" + std::to_string(++count);
  request.client = "dev@here";
  request.executable = std::getenv("INPOD_STAND_IN_AGENT");
  request.start_record = "hello";
  request.config.startup_seconds = 30;
  request.target = target;
  return request;
}

}  // namespace

TEST_CASE("the documented Role is enough for everything") {
  Cluster cluster;
  Developer developer(cluster);
  developer.may_do_all_but(nullptr);
  cluster.kubectl("create deployment web --image=local/busybox:1 -- sleep 1000");
  cluster.kubectl("wait --for=condition=Available deployment/web --timeout=60s");

  const auto checks =
      cluster.must(check_access(developer.client, needed_access(cluster.space(), cluster.space(), "job")));
  for (const auto& check : checks) {
    INFO(rule_yaml(check.rule));
    CHECK((check.allowed || check.rule.resource == "namespaces"));
  }
  const auto target =
      cluster.must(resolve_target(developer.client, *parse_target("deployment/web"), cluster.space()));
  CHECK(cluster.must(list_targets(developer.client, cluster.space())).problems.empty());
  const auto agent = cluster.must(start_agent(developer.client, request_for(target)));
  cluster.must(port_forward(developer.client, agent.namespace_, agent.pod, agent.port));
  CHECK(cluster.must(list_agents(developer.client, cluster.space(), "dev@here")).size() == 1);
  CHECK(cluster.await(delete_agent(developer.client, agent)));
  auto ephemeral = request_for(target);
  ephemeral.config.mode = "ephemeral";
  CHECK(cluster.must(start_agent(developer.client, ephemeral)).port > 0);

  SECTION("and each rule that is missing is named") {
    const auto space = cluster.space();
    const auto resolve = [&](const std::string& text) {
      return cluster.await(resolve_target(developer.client, *parse_target(text), space)).error();
    };
    const auto start = [&](const std::string& mode) {
      auto request = request_for(target);
      request.config.mode = mode;
      return cluster.await(start_agent(developer.client, request)).error();
    };
    const std::vector<std::pair<AccessRule, std::function<Error()>>> rows{
        {{"get", "", "pods", space}, [&] { return resolve("pod/" + target.pod); }},
        {{"list", "", "pods", space}, [&] { return resolve("label:app=web"); }},
        {{"watch", "", "pods", space}, [&] { return start("job"); }},
        {{"get", "apps", "deployments", space}, [&] { return resolve("deployment/web"); }},
        {{"get", "apps", "statefulsets", space}, [&] { return resolve("statefulset/web"); }},
        {{"get", "", "services", space}, [&] { return resolve("service/web"); }},
        {{"get", "batch", "cronjobs", space}, [&] { return resolve("cronjob/web"); }},
        {{"create", "batch", "jobs", space}, [&] { return start("job"); }},
        {{"get", "", "pods/attach", space}, [&] { return start("job"); }},
        {{"get", "", "pods/portforward", space},
         [&] { return cluster.await(port_forward(developer.client, space, target.pod, 80)).error(); }},
        {{"delete", "batch", "jobs", space},
         [&] {
           return cluster.await(delete_agent(developer.client, AgentPod{space, "", "", "some-job", 0}))
               .error();
         }},
        {{"list", "batch", "jobs", space},
         [&] { return cluster.await(list_agents(developer.client, space, "dev@here")).error(); }},
        {{"patch", "", "pods/ephemeralcontainers", space}, [&] { return start("ephemeral"); }},
    };
    for (const auto& [rule, act] : rows) {
      INFO("without " << rule_yaml(rule));
      developer.may_do_all_but(&rule);
      const auto error = act();
      INFO(error.to_string());
      CHECK(error.code == EACCES);
      CHECK_THAT(error.remedy,
                 Catch::Contains(rule_yaml(rule)) && Catch::Contains("Role of namespace \"" + space + "\""));
    }
  }
}

TEST_CASE("credentials that the server refuses") {
  Cluster cluster;
  const auto stranger = client_with_token(cluster, "not-a-token");
  const auto error = cluster.error_of(stranger->get("/api/v1/namespaces"));
  CHECK(error.code == EPERM);
  CHECK_THAT(error.text, Catch::Contains("401") && Catch::Contains("user \"tester\""));
  const auto socket = cluster.error_of(port_forward(stranger, cluster.space(), "x", 1));
  CHECK(socket.code == EPERM);
  CHECK_FALSE(error.to_string().find("not-a-token") != std::string::npos);
}
