// Lists all kinds at once and joins them in memory, by owner and by selector: no request per object.
#include "kube/list.hpp"

#include <algorithm>
#include <map>
#include <set>

#include "kube/fields.hpp"
#include "kube/gather.hpp"
#include "kube/manifest.hpp"
#include "kube/pod.hpp"
#include "kube/target.hpp"

namespace inpod::kube {
namespace {

Task<Result<std::vector<json>>> list_kind(std::shared_ptr<Client> client, const KindInfo& info,
                                          std::string namespace_) {
  Result<std::vector<json>> found = fail("");
  for (const char* api : info.apis) {
    found = co_await client->list(resource_path(api, namespace_, info.resource));
    if (found || found.error().code != ENOENT) break;
  }
  // A kind that this cluster doesn't have (rollouts): nothing of it, no problem.
  if (!found && found.error().code == ENOENT) found = std::vector<json>();
  co_return found;
}

std::string own_name(const json& object) {
  return text(object, {"metadata", "name"});
}
std::string own_namespace(const json& object) {
  return text(object, {"metadata", "namespace"});
}

ListedPod listed_pod(const json& pod) {
  ListedPod listed;
  listed.name = own_name(pod), listed.state = pod_state(pod), listed.ready = pod_ready(pod);
  listed.created = text(pod, {"metadata", "creationTimestamp"});
  for (const auto& container : items(pod, {"spec", "containers"}))
    listed.containers.push_back(text(container, {"name"}));
  if (const auto chosen = choose_container(pod, "")) listed.default_container = *chosen;
  return listed;
}

bool selector_matches(const json& labels, const json& wanted) {
  if (!wanted.is_object() || wanted.empty()) return false;
  return std::all_of(wanted.items().begin(), wanted.items().end(), [&](const auto& pair) {
    return labels.is_object() && labels.contains(pair.key()) && labels[pair.key()] == pair.value();
  });
}

/// Everything that was listed, and who owns whom: pod → replicaset → deployment, pod → job → cronjob.
class Index {
 public:
  void add(const json& object) {
    for (const auto& owner : items(object, {"metadata", "ownerReferences"}))
      owners_[text(object, {"metadata", "uid"})].insert(text(owner, {"uid"}));
  }
  bool owns(const std::string& owner, const std::string& object, int depth = 0) const {
    const auto found = owners_.find(object);
    if (found == owners_.end() || depth > 4) return false;
    return std::any_of(found->second.begin(), found->second.end(), [&](const std::string& next) {
      return next == owner || owns(owner, next, depth + 1);
    });
  }

 private:
  std::map<std::string, std::set<std::string>> owners_;
};

int wanted_pods(TargetKind kind, const json& object, std::size_t pods) {
  switch (kind) {
    case TargetKind::deployment:
    case TargetKind::statefulset:
    case TargetKind::replicaset:
    case TargetKind::rollout:
      return static_cast<int>(number(object, {"spec", "replicas"}).value_or(1));
    case TargetKind::daemonset:
      return static_cast<int>(number(object, {"status", "desiredNumberScheduled"}).value_or(0));
    default:
      return static_cast<int>(pods);
  }
}

bool is_ours(const json& object) {
  return text(object, {"metadata", "labels", managed_by_label}) == "inpod";
}

/// Replica sets of a deployment and jobs of a cronjob only repeat their owner.
bool repeats_owner(TargetKind kind, const json& object) {
  return (kind == TargetKind::replicaset || kind == TargetKind::job) &&
         !items(object, {"metadata", "ownerReferences"}).empty();
}

ListedTarget listed_target(const KindInfo& info, const json& object, const std::vector<json>& pods,
                           const Index& index) {
  ListedTarget listed;
  listed.target = std::string(info.name) + "/" + own_name(object);
  listed.namespace_ = own_namespace(object);
  listed.created = text(object, {"metadata", "creationTimestamp"});
  const auto uid = text(object, {"metadata", "uid"});
  for (const auto& pod : pods) {
    const bool belongs =
        info.kind == TargetKind::pod ? text(pod, {"metadata", "uid"}) == uid
        : info.kind == TargetKind::service
            ? own_namespace(pod) == listed.namespace_ &&
                  selector_matches(field(pod, {"metadata", "labels"}), field(object, {"spec", "selector"}))
            : index.owns(uid, text(pod, {"metadata", "uid"}));
    if (!belongs) continue;
    listed.pods.push_back(listed_pod(pod));
    listed.ready += listed.pods.back().ready ? 1 : 0;
  }
  listed.wanted = wanted_pods(info.kind, object, listed.pods.size());
  return listed;
}

}  // namespace

Task<Result<TargetList>> list_targets(std::shared_ptr<Client> client, std::string namespace_) {
  const auto& kinds = object_kinds();
  std::vector<Task<Result<std::vector<json>>>> tasks;
  for (const auto& info : kinds) tasks.push_back(list_kind(client, info, namespace_));
  auto lists = co_await gather(std::move(tasks));
  if (lists.size() != kinds.size()) co_return Failed(Error{ECANCELED, "cancelled", {}});

  TargetList result;
  Index index;
  const std::vector<json> none;
  const std::vector<json>* pods = &none;
  std::size_t failed = 0;
  for (std::size_t i = 0; i < kinds.size(); ++i) {
    if (!lists[i]) {
      ++failed;
      result.problems.push_back(lists[i].error().context("cannot list " + std::string(kinds[i].resource)));
      continue;
    }
    if (kinds[i].kind == TargetKind::pod) pods = &*lists[i];
    for (const auto& object : *lists[i]) index.add(object);
  }
  if (failed == kinds.size()) co_return Failed(result.problems.back());
  for (std::size_t i = 0; i < kinds.size(); ++i) {
    if (!lists[i]) continue;
    for (const auto& object : *lists[i]) {
      if (!is_ours(object) && !repeats_owner(kinds[i].kind, object))
        result.targets.push_back(listed_target(kinds[i], object, *pods, index));
    }
  }
  co_return result;
}

}  // namespace inpod::kube
