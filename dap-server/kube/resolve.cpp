// Looks up the object, lists its pods, picks the best. The costly search for near names is only for errors.
#include "kube/resolve.hpp"

#include <algorithm>
#include <map>
#include <set>

#include "config/check.hpp"
#include "kube/api_error.hpp"
#include "kube/container_log.hpp"
#include "kube/fields.hpp"

namespace inpod::kube {
namespace {

std::string listed(const std::set<std::string>& names, std::size_t most = 10) {
  std::string all;
  std::size_t count = 0;
  for (const auto& name : names) {
    if (++count > most) return all + ", …";
    all += (all.empty() ? "" : ", ") + name;
  }
  return all;
}

/// The object, from whichever version of the API has its kind. A missing kind and a missing object are both
/// 404.
Task<Result<json>> get_object(std::shared_ptr<Client> client, TargetKind kind, std::string namespace_,
                              std::string name) {
  const auto& info = kind_info(kind);
  Result<json> found = fail("");
  for (const char* api : info.apis) {
    found = co_await client->get(resource_path(api, namespace_, info.resource, name));
    if (found || found.error().code != ENOENT) break;
  }
  co_return found;
}

Task<std::vector<json>> list_kind(std::shared_ptr<Client> client, TargetKind kind, std::string namespace_,
                                  std::string query) {
  const auto& info = kind_info(kind);
  for (const char* api : info.apis) {
    auto found = co_await client->list(resource_path(api, namespace_, info.resource) + query);
    if (found) co_return std::move(*found);
  }
  co_return std::vector<json>();
}

/// Everything that helps someone who mistyped a name or forgot the namespace.
Task<Error> not_found(std::shared_ptr<Client> client, Target target, std::string namespace_) {
  const std::string kind = kind_info(target.kind).name;
  Error error{ENOENT, "no " + kind + " \"" + target.name + "\" in namespace \"" + namespace_ + "\"", {}};
  std::set<std::string> elsewhere, here;
  const auto same_name =
      co_await list_kind(client, target.kind, "", "?fieldSelector=metadata.name%3D" + escape(target.name));
  for (const auto& object : same_name) {
    elsewhere.insert(text(object, {"metadata", "namespace"}));
  }
  if (!elsewhere.empty()) {
    error.remedy = "it is in namespace " + listed(elsewhere) + ": choose it with -n";
    co_return error;
  }
  const auto same_kind = co_await list_kind(client, target.kind, namespace_, "");
  for (const auto& object : same_kind) here.insert(text(object, {"metadata", "name"}));
  if (const auto near = config::nearest(target.name, {here.begin(), here.end()})) {
    error.remedy = "did you mean " + kind + "/" + *near + "? ";
  }
  if (!here.empty()) {
    error.remedy += "There are: " + listed(here);
    co_return error;
  }
  const auto space = co_await client->get(resource_path("v1", "", "namespaces", namespace_));
  if (!space && space.error().code == ENOENT) {
    error.text = "there is no namespace \"" + namespace_ + "\"";
    std::set<std::string> names;
    auto all = co_await client->list(resource_path("v1", "", "namespaces"));
    if (all) {
      for (const auto& object : *all) names.insert(text(object, {"metadata", "name"}));
    }
    error.remedy = names.empty() ? "choose one with -n" : "there are: " + listed(names, 20);
  } else {
    error.remedy = "the namespace has no " + kind + "; inpod targets -n NAMESPACE shows what there is";
  }
  co_return error;
}

/// Newest job that the cronjob made.
Task<Result<std::string>> cronjob_selector(std::shared_ptr<Client> client, json cronjob,
                                           std::string namespace_) {
  const auto uid = text(cronjob, {"metadata", "uid"}), name = text(cronjob, {"metadata", "name"});
  CO_TRY(jobs, co_await client->list(resource_path("batch/v1", namespace_, "jobs")));
  const json* newest = nullptr;
  for (const auto& job : jobs) {
    const auto& owners = items(job, {"metadata", "ownerReferences"});
    const bool own = std::any_of(owners.begin(), owners.end(),
                                 [&](const json& owner) { return text(owner, {"uid"}) == uid; });
    if (own && (!newest || text(*newest, {"metadata", "creationTimestamp"}) <
                               text(job, {"metadata", "creationTimestamp"})))
      newest = &job;
  }
  if (!newest)
    co_return fail("cronjob " + name + " has no job now",
                   "start one: kubectl create job NAME --from=cronjob/" + name + " -n " + namespace_);
  co_return selector_text(field(*newest, {"spec", "selector"}));
}

/// The deployment that a rollout takes its pods from, or empty.
std::string referenced_deployment(const json& rollout) {
  return text(rollout, {"spec", "workloadRef", "kind"}) == "Deployment"
             ? text(rollout, {"spec", "workloadRef", "name"})
             : std::string();
}

/// The labels that the pods of an object carry.
Task<Result<std::string>> pod_selector(std::shared_ptr<Client> client, Target target,
                                       std::string namespace_) {
  if (target.kind == TargetKind::label) co_return target.name;
  auto object = co_await get_object(client, target.kind, namespace_, target.name);
  if (!object && object.error().code == ENOENT)
    co_return Failed(co_await not_found(client, target, namespace_));
  if (!object) co_return Failed(object.error().context("cannot look up " + target.to_string()));
  if (target.kind == TargetKind::cronjob) co_return co_await cronjob_selector(client, *object, namespace_);
  if (target.kind == TargetKind::service) {
    const json selector{{"matchLabels", field(*object, {"spec", "selector"})}};
    const auto labels = selector_text(selector);
    if (labels.empty())
      co_return fail("service " + target.name + " has no selector, so no pods of its own",
                     "choose the pod or deployment behind it");
    co_return labels;
  }
  if (const auto name = referenced_deployment(*object); !name.empty()) {
    CO_TRY(deployment, co_await get_object(client, TargetKind::deployment, namespace_, name));
    co_return selector_text(field(deployment, {"spec", "selector"}));
  }
  co_return selector_text(field(*object, {"spec", "selector"}));
}

bool container_runs(const json& pod, const std::string& wanted) {
  const auto container = choose_container(pod, wanted);
  return container && field(container_status(pod, *container), {"state", "running"}).is_object();
}

/// Higher is better: a running container, then ready, then not on its way out, then newer.
bool better(const json& a, const json& b, const std::string& container) {
  const auto rank = [&](const json& pod) {
    const bool leaving = !field(pod, {"metadata", "deletionTimestamp"}).is_null();
    return std::tuple(container_runs(pod, container), !leaving, pod_ready(pod),
                      text(pod, {"metadata", "creationTimestamp"}));
  };
  return rank(a) > rank(b);
}

Result<ResolvedTarget> describe_best(const std::vector<json>& pods, const Target& target,
                                     const std::string& namespace_) {
  if (pods.empty()) {
    return fail(target.to_string() + " has no pods in namespace \"" + namespace_ + "\"",
                target.kind == TargetKind::label
                    ? "is the selector right? kubectl get pods --show-labels -n " + namespace_
                    : "scale it up, or see what holds it back: kubectl describe " +
                          std::string(kind_info(target.kind).name) + " " + target.name + " -n " + namespace_);
  }
  const auto best = std::min_element(
      pods.begin(), pods.end(), [&](const json& a, const json& b) { return better(a, b, target.container); });
  TRY_ASSIGN(container, choose_container(*best, target.container));
  if (!container_runs(*best, container) && pods.size() > 1) {
    std::string states;
    for (std::size_t i = 0; i < pods.size() && i < 5; ++i)
      states += (i ? "; " : "") + text(pods[i], {"metadata", "name"}) + ": " + pod_state(pods[i]);
    return fail("no pod of " + target.to_string() + " is running in namespace \"" + namespace_ + "\" (" +
                    states + ")",
                "kubectl describe pod -n " + namespace_ + " tells why");
  }
  return describe_pod(*best, container);
}

/// What a target that crash-loops said last.
Task<Error> with_log(std::shared_ptr<Client> client, Error error, std::vector<json> pods, Target target) {
  for (const auto& pod : pods) {
    const auto container = choose_container(pod, target.container);
    if (!container || crash_loop(container_status(pod, *container)).empty()) continue;
    const auto name = text(pod, {"metadata", "name"}), space = text(pod, {"metadata", "namespace"});
    const bool waits = field(container_status(pod, *container), {"state", "waiting"}).is_object();
    const auto said = co_await container_log(client, space, name, *container, waits);
    if (!said.empty()) error.text += "; the log of " + name + " ends:" + said;
    break;
  }
  co_return error;
}

}  // namespace

std::string selector_text(const json& selector) {
  std::string all;
  const auto add = [&](const std::string& term) { all += (all.empty() ? "" : ",") + term; };
  if (const auto& labels = field(selector, {"matchLabels"}); labels.is_object()) {
    for (const auto& [key, value] : labels.items())
      add(key + "=" + (value.is_string() ? value.get<std::string>() : std::string()));
  }
  for (const auto& expression : items(selector, {"matchExpressions"})) {
    const auto key = text(expression, {"key"}), op = text(expression, {"operator"});
    std::string values;
    for (const auto& value : items(expression, {"values"}))
      values += (values.empty() ? "" : ",") + (value.is_string() ? value.get<std::string>() : std::string());
    if (op == "In") add(key + " in (" + values + ")");
    if (op == "NotIn") add(key + " notin (" + values + ")");
    if (op == "Exists") add(key);
    if (op == "DoesNotExist") add("!" + key);
  }
  return all;
}

Task<std::optional<Target>> workload_of(std::shared_ptr<Client> client, ResolvedTarget pod) {
  std::string kind = pod.owner_kind, name = pod.owner;
  if (kind == "ReplicaSet") {  // its own maker makes another one when it is rolled out
    const auto set = co_await get_object(client, TargetKind::replicaset, pod.namespace_, name);
    const json object = set ? *set : json();
    const auto& above = controller_of(object);
    if (above.is_object()) kind = text(above, {"kind"}), name = text(above, {"name"});
  }
  static const std::map<std::string, TargetKind> makers{{"Deployment", TargetKind::deployment},
                                                        {"ReplicaSet", TargetKind::replicaset},
                                                        {"DaemonSet", TargetKind::daemonset},
                                                        {"Rollout", TargetKind::rollout},
                                                        {"Job", TargetKind::job}};
  if (const auto maker = makers.find(kind); maker != makers.end()) {
    Target workload;
    workload.kind = maker->second, workload.name = name, workload.container = pod.container;
    co_return workload;
  }
  co_return std::nullopt;
}

Task<Result<ResolvedTarget>> resolve_target(std::shared_ptr<Client> client, Target target,
                                            std::string namespace_) {
  std::vector<json> pods;
  if (target.kind == TargetKind::pod) {
    auto pod = co_await get_object(client, target.kind, namespace_, target.name);
    if (!pod && pod.error().code == ENOENT) co_return Failed(co_await not_found(client, target, namespace_));
    if (!pod) co_return Failed(pod.error().context("cannot look up " + target.to_string()));
    pods.push_back(std::move(*pod));
  } else {
    CO_TRY(selector, co_await pod_selector(client, target, namespace_));
    if (selector.empty()) co_return fail(target.to_string() + " selects no pods: it has no selector");
    auto found =
        co_await client->list(resource_path("v1", namespace_, "pods") + "?labelSelector=" + escape(selector));
    if (!found) co_return Failed(found.error().context("cannot list the pods of " + target.to_string()));
    pods = std::move(*found);
  }
  auto resolved = describe_best(pods, target, namespace_);
  if (!resolved) co_return Failed(co_await with_log(client, resolved.error(), std::move(pods), target));
  resolved->target = target.to_string();
  co_return resolved;
}

}  // namespace inpod::kube
