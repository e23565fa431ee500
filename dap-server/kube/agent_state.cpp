// Judges pods and events. The words of runtimes differ, so their messages are searched for what they share.
#include "kube/agent_state.hpp"

#include <algorithm>
#include <array>
#include <csignal>

#include "kube/fields.hpp"
#include "kube/pod.hpp"

namespace inpod::kube {
namespace {

using nlohmann::json;

bool contains(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

constexpr auto image_remedy =
    "set agent.bootstrap_image to an image that the node can get, or agent.image to one with inpod-agent in "
    "it";

/// The runtime could not start `sh`: the words differ by runtime (runc, crun, containerd, CRI-O).
bool lacks_shell(const std::string& message) {
  return contains(message, "\"sh\"") &&
         (contains(message, "executable file not found") || contains(message, "no such file or directory") ||
          contains(message, "not found in $PATH"));
}

Failed no_shell(const std::string& image) {
  return fail(
      "the image " + image + " has no shell, so the agent can't be started in it",
      "no shell is needed in agent.mode: job with the right to make ConfigMaps (docs/rbac.md); else set "
      "agent.bootstrap_image to any image with a shell that the node can get (busybox), or agent.image "
      "to an image with inpod-agent in it");
}

Failed not_started(const std::string& image, const std::string& reason, const std::string& message) {
  if (lacks_shell(message)) return no_shell(image);
  return fail("the agent's container can't be started: " + reason + (message.empty() ? "" : ": " + message),
              image_remedy);
}

/// What has killed it: the kernel for its memory, the kubelet, somebody. Empty: it ended by itself.
std::string killer_remedy(const std::string& reason, std::int64_t code) {
  if (reason == "OOMKilled")
    return "give it more memory (agent.resources.limits), or see what takes the node's";
  if (code == 128 + SIGKILL || code == 128 + SIGTERM)
    return "something ended it: the node, a tool that removes pods, or a person. Launch again; kubectl get "
           "events tells more";
  return {};
}

Failed ended(const json& status, const json& state) {
  const auto reason = text(state, {"reason"}), message = words(state, {"message"});
  if (lacks_shell(message)) return no_shell(text(status, {"image"}));
  const auto code = number(state, {"exitCode"}).value_or(-1);
  const auto exit_code = "exit code " + std::to_string(code);
  const auto killer = killer_remedy(reason, code);
  return fail("the agent's container " + std::string(killer.empty() ? "ended: " : "was killed: ") +
                  (reason.empty() ? exit_code : reason + ", " + exit_code) +
                  (message.empty() ? "" : ": " + message),
              !killer.empty()              ? killer
              : code == 126 || code == 127 ? image_remedy
                                           : "inpod check shows what the cluster allows");
}

/// Of a pod as a whole: evicted, or its time was over.
Failed pod_failed(const json& pod) {
  const auto why = text(pod, {"status", "reason"}), said = words(pod, {"status", "message"});
  const bool evicted =
      why == "Evicted" || why == "Preempting" || why == "NodeShutdown" || why == "Terminated";
  return fail(
      "the agent's pod " + std::string(evicted ? "was evicted from its node: " : "failed: ") + why +
          (said.empty() ? "" : ": " + said),
      evicted ? "launch again once the node has room, or give the agent more rank "
                "(agent.priority_class)"
      : contains(why, "OutOf")
          ? "the target's node has no room for the agent: lower agent.resources.requests, or choose a "
            "pod on another node"
          : "kubectl describe pod " + text(pod, {"metadata", "name"}) + " tells more");
}

constexpr std::array<std::string_view, 5> image_reasons{
    "ErrImagePull", "ImagePullBackOff", "ErrImageNeverPull", "InvalidImageName", "ImageInspectError"};
constexpr std::array<std::string_view, 4> start_reasons{"CreateContainerConfigError", "CreateContainerError",
                                                        "RunContainerError", "CrashLoopBackOff"};

template <std::size_t N>
bool one_of(const std::string& reason, const std::array<std::string_view, N>& reasons) {
  return std::find(reasons.begin(), reasons.end(), reason) != reasons.end();
}

/// Trouble that passes: a new namespace's service account, two that count a quota at once, a server that is
/// not there.
bool may_pass(const std::string& message) {
  constexpr std::array<std::string_view, 6> passing{"error looking up service account",
                                                    "object has been modified",
                                                    "Internal error",
                                                    "imeout",
                                                    "connection refused",
                                                    "etcdserver"};
  return std::any_of(passing.begin(), passing.end(), [&](auto part) { return contains(message, part); });
}

std::string event_time(const json& event) {
  for (const char* key : {"lastTimestamp", "eventTime", "firstTimestamp"}) {
    if (auto time = text(event, {key}); !time.empty()) return time;
  }
  return text(event, {"metadata", "creationTimestamp"});
}

}  // namespace

Result<AgentState> judge_agent(const json& pod, const std::string& container) {
  const auto& status = container_status(pod, container);
  const auto& state = field(status, {"state"});
  if (field(state, {"running"}).is_object()) return AgentState::running;
  const bool failed = text(pod, {"status", "phase"}) == "Failed";
  if (failed && !text(pod, {"status", "reason"}).empty()) return pod_failed(pod);
  if (const auto& end = field(state, {"terminated"}); end.is_object()) return ended(status, end);
  const auto reason = text(state, {"waiting", "reason"}), message = words(state, {"waiting", "message"});
  if (one_of(reason, image_reasons)) {
    // The first failure of a pull may be passing; ImagePullBackOff comes after it, and the kubelet's own
    // refusals don't pass.
    return fail("the node can't get the agent's image: " + reason + (message.empty() ? "" : ": " + message),
                image_remedy);
  }
  if (one_of(reason, start_reasons)) return not_started(text(status, {"image"}), reason, message);
  if (failed) return pod_failed(pod);
  return AgentState::coming;
}

std::string no_node_yet(const json& pod) {
  for (const auto& condition : items(pod, {"status", "conditions"})) {
    if (text(condition, {"type"}) != "PodScheduled" || text(condition, {"reason"}) != "Unschedulable")
      continue;
    const auto message = words(condition, {"message"});
    return message.empty() ? "Unschedulable" : message;
  }
  return {};
}

bool is_wrong_format(const Error& error) {
  return contains(error.text, "xec format error") || contains(error.text, "exit code 126");
}

Error judge_format(Error error, const std::string& node, const json& object) {
  const auto architecture = text(object, {"status", "nodeInfo", "architecture"});
  if (architecture == "amd64") return error;
  if (!architecture.empty()) {
    error.text =
        "inpod-agent runs on x86-64 only, and node " + node + " is " + architecture + ": " + error.text;
    error.remedy =
        "choose a target on an x86-64 node; for targetless, agent.node_selector: {kubernetes.io/arch: amd64}";
  } else if (contains(error.text, "xec format error")) {
    error.remedy = "inpod-agent runs on x86-64 only: is node " + node + " one of these?";
  }
  return error;
}

std::string admission_remedy(const std::string& message, const std::string& mode) {
  if (mode == "ephemeral")
    return "set agent.mode: job, and agent.namespace to a namespace that admits the agent's pod (with the "
           "label "
           "pod-security.kubernetes.io/enforce=privileged)";
  if (contains(message, "PodSecurity") || contains(message, "hostPID") || contains(message, "Host PID") ||
      contains(message, "security policy"))
    return "let the agent run in a namespace that admits it (agent.namespace, with the label "
           "pod-security.kubernetes.io/enforce=privileged), or set agent.mode: ephemeral";
  if (contains(message, "exceeded quota"))
    return "make room in the quota (kubectl describe resourcequota tells what is used), ask for less "
           "(agent.resources), or set agent.namespace to another namespace";
  if (contains(message, "failed quota"))
    return "the quota wants every container to say how much it takes: add what it names to "
           "agent.resources.requests and agent.resources.limits";
  if (contains(message, " usage per ") || contains(message, "limit to request ratio"))
    return "keep agent.resources within the namespace's LimitRange (kubectl describe limitrange)";
  if (contains(message, "PriorityClass")) return "correct agent.priority_class";
  return "set agent.namespace to a namespace that admits it, or agent.mode: ephemeral";
}

Error judge_job_events(const std::vector<json>& events) {
  for (const auto& event : events) {
    if (text(event, {"reason"}) != "FailedCreate") continue;
    const auto message = words(event, {"message"});
    if (may_pass(message)) continue;
    return {EACCES, "the cluster does not admit the agent's pod: " + message,
            admission_remedy(message, "job")};
  }
  return {};
}

std::string quote_events(const std::vector<json>& events, std::size_t most) {
  std::vector<const json*> warnings, all;
  for (const auto& event : events) {
    all.push_back(&event);
    if (text(event, {"type"}) == "Warning") warnings.push_back(&event);
  }
  auto& quoted = warnings.empty() ? all : warnings;
  std::stable_sort(quoted.begin(), quoted.end(),
                   [](const json* a, const json* b) { return event_time(*a) > event_time(*b); });
  std::string lines;
  for (std::size_t i = 0; i < quoted.size() && i < most; ++i)
    lines += "\n    " + words(*quoted[i], {"reason"}) + ": " + words(*quoted[i], {"message"});
  return lines;
}

}  // namespace inpod::kube
