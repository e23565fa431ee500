// The Role of docs/rbac.md is enough, and each rule that is missing is named by the error that its lack
// causes.
#include "developer.hpp"
#include "kube/access.hpp"
#include "kube/agent_pod.hpp"
#include "kube/list.hpp"
#include "kube/port_forward.hpp"
#include "kube/resolve.hpp"

using namespace inpod;
using namespace inpod::kube;
using namespace inpod::kube::test;

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
    // Without these an agent starts, by the shell of the target's image.
    for (const char* verb : {"get", "create"}) {
      const AccessRule rule{verb, "", "configmaps", space};
      INFO("without " << rule_yaml(rule));
      developer.may_do_all_but(&rule);
      cluster.kubectl("delete configmap --all");
      auto request = request_for(target);
      std::string warned;
      request.on_warning = [&](const std::string& text) { warned += text; };
      CHECK(cluster.must(start_agent(developer.client, request)).port > 0);
      CHECK_THAT(warned, Catch::Contains("image local/busybox:1: its own shell starts the agent") &&
                             Catch::Contains(rule_yaml(rule)));
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
