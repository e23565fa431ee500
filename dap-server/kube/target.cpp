// The grammar of targets, and where the API keeps each kind.
#include "kube/target.hpp"

#include <algorithm>
#include <map>

#include "config/check.hpp"

namespace inpod::kube {
namespace {

constexpr auto forms =
    "write pod/NAME, deployment/NAME (statefulset, daemonset, replicaset, job, cronjob, rollout, service), "
    "label:KEY=VALUE, targetless or local:PID";

const std::map<std::string, TargetKind>& words() {
  static const std::map<std::string, TargetKind> all = [] {
    std::map<std::string, TargetKind> map{
        {"po", TargetKind::pod},       {"deploy", TargetKind::deployment}, {"sts", TargetKind::statefulset},
        {"ds", TargetKind::daemonset}, {"rs", TargetKind::replicaset},     {"cj", TargetKind::cronjob},
        {"ro", TargetKind::rollout},   {"svc", TargetKind::service}};
    for (const auto& info : object_kinds()) map[info.name] = info.kind, map[info.resource] = info.kind;
    return map;
  }();
  return all;
}

/// What Kubernetes takes as the name of an object. Another one would fail later, or as ".." name another part
/// of the API.
bool is_name(const std::string& name) {
  return !config::subdomain_problem(name);
}

/// Takes "/container/NAME" off the end.
Result<std::string> split_container(std::string& text) {
  constexpr std::string_view mark = "/container/";
  const auto at = text.rfind(mark);
  if (at == std::string::npos) return std::string();
  const auto container = text.substr(at + mark.size());
  if (const auto problem = config::label_problem(container))
    return fail("\"" + container + "\" is no container's name: " + *problem, "write TARGET/container/NAME");
  text.resize(at);
  return container;
}

Failed unknown(const std::string& text) {
  std::vector<std::string> known;
  for (const auto& [word, kind] : words()) known.push_back(word);
  const auto kind = text.substr(0, text.find('/'));
  const auto near = text.find('/') == std::string::npos ? std::nullopt : config::nearest(kind, known);
  if (near)
    return fail("unknown target \"" + text + "\"",
                "did you mean " + *near + text.substr(kind.size()) + "? Else " + forms);
  return fail(
      "unknown target \"" + text + "\"",
      is_name(text) ? "did you mean pod/" + text + " or deployment/" + text + "? Else " + forms : forms);
}

}  // namespace

const std::vector<KindInfo>& object_kinds() {
  static const std::vector<KindInfo> kinds{
      {TargetKind::deployment, "deployment", "deployments", {"apps/v1"}},
      {TargetKind::statefulset, "statefulset", "statefulsets", {"apps/v1"}},
      {TargetKind::daemonset, "daemonset", "daemonsets", {"apps/v1"}},
      {TargetKind::replicaset, "replicaset", "replicasets", {"apps/v1"}},
      {TargetKind::rollout, "rollout", "rollouts", {"argoproj.io/v1alpha1"}},
      {TargetKind::job, "job", "jobs", {"batch/v1"}},
      {TargetKind::cronjob, "cronjob", "cronjobs", {"batch/v1", "batch/v1beta1"}},
      {TargetKind::service, "service", "services", {"v1"}},
      {TargetKind::pod, "pod", "pods", {"v1"}},
  };
  return kinds;
}

const KindInfo& kind_info(TargetKind kind) {
  const auto& kinds = object_kinds();
  return *std::find_if(kinds.begin(), kinds.end(),
                       [kind](const KindInfo& info) { return info.kind == kind; });
}

std::string Target::to_string() const {
  if (kind == TargetKind::targetless) return "targetless";
  if (kind == TargetKind::local) return "local:" + std::to_string(pid);
  const auto object =
      kind == TargetKind::label ? "label:" + name : std::string(kind_info(kind).name) + "/" + name;
  return container.empty() ? object : object + "/container/" + container;
}

Result<Target> parse_target(const std::string& text) {
  Target target;
  if (text.empty()) return fail("no target is given", forms);
  if (text == "targetless") {
    target.kind = TargetKind::targetless;
    return target;
  }
  if (text.rfind("local:", 0) == 0) {
    const auto pid = config::parse_number(text.substr(6));
    if (!pid || *pid == 0 || *pid > 4194304)
      return fail("\"" + text + "\": local: needs a process id", "write local:PID, for example local:4711");
    target.kind = TargetKind::local, target.pid = static_cast<std::uint32_t>(*pid);
    return target;
  }
  auto rest = text;
  TRY_ASSIGN(container, split_container(rest));
  target.container = container;
  if (rest.rfind("label:", 0) == 0) {
    target.kind = TargetKind::label, target.name = rest.substr(6);
    if (target.name.find('=') == std::string::npos)
      return fail("\"" + text + "\": label: needs a selector",
                  "write label:KEY=VALUE[,KEY=VALUE…], as for kubectl get -l");
    return target;
  }
  const auto slash = rest.find('/');
  const auto kind = words().find(rest.substr(0, slash));
  if (slash == std::string::npos || kind == words().end()) return unknown(text);
  target.kind = kind->second, target.name = rest.substr(slash + 1);
  if (!is_name(target.name)) {
    return fail(
        "\"" + target.name + "\" in target \"" + text + "\" is no object's name",
        target.name.find('/') != std::string::npos
            ? "a container is given as " + rest.substr(0, rest.find('/', slash + 1)) + "/container/NAME"
            : forms);
  }
  return target;
}

}  // namespace inpod::kube
