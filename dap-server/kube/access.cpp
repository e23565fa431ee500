// One review for each rule, all at once; the rules themselves follow from what resolve.cpp and agent_pod.cpp
// ask for.
#include "kube/access.hpp"

#include "kube/fields.hpp"
#include "kube/gather.hpp"
#include "kube/target.hpp"

namespace inpod::kube {
namespace {

Task<Result<AccessCheck>> ask(std::shared_ptr<Client> client, AccessCheck check) {
  const auto slash = check.rule.resource.find('/');
  json attributes{{"verb", check.rule.verb},
                  {"group", check.rule.api_group},
                  {"resource", check.rule.resource.substr(0, slash)}};
  if (!check.rule.namespace_.empty()) attributes["namespace"] = check.rule.namespace_;
  if (slash != std::string::npos) attributes["subresource"] = check.rule.resource.substr(slash + 1);
  json review{{"apiVersion", "authorization.k8s.io/v1"},
              {"kind", "SelfSubjectAccessReview"},
              {"spec", {{"resourceAttributes", std::move(attributes)}}}};
  CO_TRY(answer,
         co_await client->post("/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", std::move(review)));
  check.allowed = flag(answer, {"status", "allowed"});
  check.reason = text(answer, {"status", "reason"});
  co_return check;
}

}  // namespace

std::vector<AccessCheck> needed_access(const std::string& target_namespace,
                                       const std::string& agent_namespace, const std::string& mode) {
  std::vector<AccessCheck> all;
  const auto add = [&](const std::string& where, const std::string& group, const std::string& resource,
                       std::initializer_list<const char*> verbs, const std::string& why, bool optional) {
    for (const char* verb : verbs)
      all.push_back({AccessRule{verb, group, resource, where}, why, optional, false, {}});
  };
  add(target_namespace, "", "pods", {"get", "list"}, "to find the target's pod", false);
  const auto groups = [](const KindInfo& info) {
    const std::string api = info.apis.front();
    return api.find('/') == std::string::npos ? std::string() : api.substr(0, api.find('/'));
  };
  for (const auto& info : object_kinds()) {
    if (info.kind != TargetKind::pod)
      add(target_namespace, groups(info), info.resource, {"get", "list"}, "for targets of this kind", true);
  }
  add(agent_namespace, "", "pods", {"watch"}, "to see the agent start", false);
  add(agent_namespace, "", "pods/attach", {"get"}, "to start the agent", false);
  add(agent_namespace, "", "pods/portforward", {"get"}, "to talk to the agent", false);
  for (const char* stream : {"pods/attach", "pods/portforward"})
    add(agent_namespace, "", stream, {"create"}, "the same, asked for by Kubernetes 1.35 and newer", true);
  if (mode == "ephemeral") {
    add(agent_namespace, "", "pods/ephemeralcontainers", {"patch"}, "to start the agent in the target's pod",
        false);
  } else {
    if (agent_namespace != target_namespace)
      add(agent_namespace, "", "pods", {"get", "list"}, "to see the agent's state", false);
    add(agent_namespace, "batch", "jobs", {"create", "delete"}, "to start and end the agent", false);
    add(agent_namespace, "", "configmaps", {"get", "create"},
        "to start the agent without running the target's image with the agent's rights", true);
    add(agent_namespace, "batch", "jobs", {"list"}, "to find agents that run already, and to tidy up", true);
  }
  add(agent_namespace, "", "events", {"list"}, "to say why an agent doesn't start", true);
  add(agent_namespace, "", "pods/log", {"get"}, "to quote a container that doesn't start", true);
  add("", "", "namespaces", {"list"}, "to suggest namespaces", true);
  return all;
}

Task<Result<std::vector<AccessCheck>>> check_access(std::shared_ptr<Client> client,
                                                    std::vector<AccessCheck> checks) {
  std::vector<Task<Result<AccessCheck>>> tasks;
  for (const auto& check : checks) tasks.push_back(ask(client, check));
  auto answers = co_await gather(std::move(tasks));
  for (std::size_t i = 0; i < answers.size(); ++i) {
    if (!answers[i])
      co_return Failed(answers[i].error().context("cannot ask the API server what is allowed"));
    checks[i] = std::move(*answers[i]);
  }
  co_return checks;
}

}  // namespace inpod::kube
