// Builds the objects. What stands in them, and why, is in docs/rbac.md too.
#include "kube/manifest.hpp"

#include <algorithm>
#include <cctype>

#include "kube/loader.hpp"

namespace inpod::kube {
namespace {

using nlohmann::json;
constexpr auto container_name = "inpod-agent";

bool is_ephemeral(const AgentPlan& plan) {
  return plan.config.mode == "ephemeral";
}

bool is_targetless(const AgentPlan& plan) {
  return plan.target.pod.empty();
}

/// What the agent starts with; once it stands, its threads have no more than the target (docs/security.md).
/// NET_ADMIN, NET_RAW: redirect and mirror. The files' rights are what a container that runs as root has by
/// default: the agent acts with the target's own capabilities, as far as it has them itself. With a target:
/// SYS_CHROOT: its root; SYS_PTRACE: its /proc; SETUID, SETGID: act as its user. SYS_ADMIN: enter its
/// namespaces, which an ephemeral container is in already.
json capabilities(const AgentPlan& plan) {
  auto names = json::array();
  if (!is_targetless(plan) && !is_ephemeral(plan)) names.push_back("SYS_ADMIN");
  if (!is_targetless(plan))
    for (const auto* name : {"SYS_CHROOT", "SYS_PTRACE", "SETUID", "SETGID"}) names.push_back(name);
  for (const auto* name :
       {"NET_ADMIN", "NET_RAW", "CHOWN", "DAC_OVERRIDE", "DAC_READ_SEARCH", "FOWNER", "FSETID"})
    names.push_back(name);
  return names;
}

/// No seccompProfile unless it is asked for: what the cluster gives by default applies, and once it stands
/// the agent filters its own system calls, more narrowly than a runtime's profile, which follows SYS_ADMIN
/// and SYS_PTRACE and in old runtimes lacks pidfd_open(2) and openat2(2).
json security_context(const AgentPlan& plan) {
  json context{{"runAsUser", 0}, {"runAsGroup", 0}, {"runAsNonRoot", false}};
  if (!plan.config.seccomp_profile.empty()) context["seccompProfile"]["type"] = plan.config.seccomp_profile;
  if (plan.config.privileged) {
    context["privileged"] = true;
    return context;
  }
  auto added = capabilities(plan);
  // The API server refuses this beside SYS_ADMIN; the agent sets no_new_privs itself, too.
  if (std::find(added.begin(), added.end(), "SYS_ADMIN") == added.end())
    context["allowPrivilegeEscalation"] = false;
  context["capabilities"] = {{"drop", {"ALL"}}, {"add", std::move(added)}};
  return context;
}

/// A container that nobody feeds ends by itself after so many seconds: a moment after the client has given
/// up. The Job may have made its pod anew, and the client be gone.
std::uint32_t patience(const AgentPlan& plan) {
  return plan.config.startup_seconds + 10;
}

/// The end of a pod that never gets to run anything, whose client has gone: one that waits for a node or an
/// image. Also that of an agent in use, so it is long; the session then goes on by another agent.
constexpr std::uint32_t longest_life = 24 * 3600;

/// Where the loader is mounted. Whoever made the image can't know this name: a volume or a symbolic link of
/// the image's own, at a path known beforehand, could put another program in the loader's place.
std::string loader_folder(const AgentPlan& plan) {
  return "/." + agent_name(plan.session);
}

/// Takes everything from stdin into one file, splits it into the agent and the start record, and becomes the
/// agent. Not by two `head`s on stdin: busybox's reads ahead. The record holds the session's token: no file
/// has it when the agent runs, since the processes of an ephemeral container's target can look into its root.
///
/// What waits for stdin is not the shell: as process 1 of a pod it could not be killed.
std::string bootstrap_script(const AgentPlan& plan) {
  const std::string folder = is_ephemeral(plan) ? "/.inpod" : "/inpod", agent = folder + "/agent",
                    start = folder + "/start", all = folder + "/all";
  const auto seconds = std::to_string(patience(plan));
  return (is_ephemeral(plan) ? "mkdir -p " + folder + " && chmod 700 " + folder + " || exit 1; "
                             : std::string()) +  //
         "exec 3<&0; head -c " +
         std::to_string(plan.executable_size + plan.record_size) + " <&3 > " + all +  //
         " & head=$!; (sleep " + seconds + " && kill $head) 3<&- & wait $head ||" +
         " { echo the agent did not come within " + seconds + " s; exit 1; }; kill $!; exec 3<&-;" +
         " tail -c " + std::to_string(plan.record_size) + " " + all + " > " + start +         //
         " && head -c " + std::to_string(plan.executable_size) + " " + all + " > " + agent +  //
         " && chmod 700 " + agent + " && exec < " + start + " && rm -f " + all + " " + start + " && exec " +
         agent;
}

Result<json> container(const AgentPlan& plan) {
  TRY_ASSIGN(image, agent_image(plan));
  json spec{{"name", container_name}, {"image", image},    {"imagePullPolicy", "IfNotPresent"},
            {"stdin", true},          {"stdinOnce", true}, {"securityContext", security_context(plan)}};
  if (!plan.loader.empty()) {
    spec["command"] = {loader_folder(plan) + "/" + loader_file, std::to_string(patience(plan))};
    spec["workingDir"] = "/";
    // A targetless agent's own root is what programs see as the pod's files.
    if (!plan.target.pod.empty()) spec["securityContext"]["readOnlyRootFilesystem"] = true;
  } else if (plan.executable_size > 0) {
    spec["command"] = {"sh", "-c", bootstrap_script(plan)};
  }
  return spec;
}

json labels(const AgentPlan& plan) {
  json all(plan.config.labels);
  if (!all.is_object()) all = json::object();
  all[managed_by_label] = "inpod";
  all[session_label] = plan.session;
  all[client_label] = label_value(plan.client);
  all["sidecar.istio.io/inject"] = "false";  // a mesh's proxy beside the agent would keep the Job from ending
  return all;
}

json annotations(const AgentPlan& plan) {
  json all(plan.config.annotations);
  if (!all.is_object()) all = json::object();
  all[client_annotation] = plan.client;
  all[target_annotation] = plan.target.target.empty() ? "targetless" : plan.target.target;
  return all;
}

json pod_annotations(const AgentPlan& plan) {
  auto all = annotations(plan);
  all["sidecar.istio.io/inject"] = "false";
  all["linkerd.io/inject"] = "disabled";
  all["consul.hashicorp.com/connect-inject"] = "false";
  all["kuma.io/sidecar-injection"] = "disabled";
  all["cluster-autoscaler.kubernetes.io/safe-to-evict"] = "true";
  // The runtime's profile lets a process look into those of the same profile only, and the target may have
  // another, or none. Who knows better says so in agent.annotations.
  const auto profile = std::string("container.apparmor.security.beta.kubernetes.io/") + container_name;
  if (!is_targetless(plan) && !all.contains(profile)) all[profile] = "unconfined";
  return all;
}

/// The loader's ConfigMap, or memory for the shell to put the agent into.
json volume(const AgentPlan& plan) {
  json made{{"name", "inpod"}};
  if (plan.loader.empty()) {
    made["emptyDir"]["medium"] = "Memory";
  } else {
    made["configMap"] = {{"name", plan.loader},
                         {"defaultMode", 0555},
                         {"items", json::array({{{"key", loader_file}, {"path", loader_file}}})}};
  }
  return made;
}

json quantities(const std::map<std::string, std::string>& configured) {
  auto all = json::object();
  for (const auto& [resource, quantity] : configured)
    if (!quantity.empty()) all[resource] = quantity;
  return all;
}

/// KEY[=VALUE][:EFFECT].
json toleration(const std::string& text) {
  const auto colon = text.find(':');
  const auto taint = text.substr(0, colon);
  const auto equals = taint.find('=');
  json made{{"key", taint.substr(0, equals)}, {"operator", equals == std::string::npos ? "Exists" : "Equal"}};
  if (equals != std::string::npos) made["value"] = taint.substr(equals + 1);
  if (colon != std::string::npos) made["effect"] = text.substr(colon + 1);
  return made;
}

json tolerations(const AgentPlan& plan) {
  auto all = json::array();
  for (const auto& text : plan.config.tolerations) all.push_back(toleration(text));
  if (all.empty()) all.push_back({{"operator", "Exists"}});
  return all;
}

/// The target's are of its own namespace.
json image_pull_secrets(const AgentPlan& plan) {
  auto all = json::array();
  if (plan.target.namespace_ == plan.namespace_ && plan.target.image_pull_secrets.is_array())
    all = plan.target.image_pull_secrets;
  for (const auto& name : plan.config.image_pull_secrets) all.push_back({{"name", name}});
  return all;
}

}  // namespace

std::string label_value(const std::string& any) {
  std::string value;
  for (const unsigned char c : any)
    value += std::isalnum(c) || c == '-' || c == '_' || c == '.' ? static_cast<char>(c) : '-';
  value = value.substr(0, 63);
  const auto edge = [](char c) { return !std::isalnum(static_cast<unsigned char>(c)); };
  while (!value.empty() && edge(value.back())) value.pop_back();
  value.erase(value.begin(), std::find_if_not(value.begin(), value.end(), edge));
  return value.empty() ? "unknown" : value;
}

std::string agent_name(const std::string& session) {
  return "inpod-agent-" + session;
}

Result<std::string> agent_image(const AgentPlan& plan) {
  for (const auto& image : {plan.config.image, plan.config.bootstrap_image, plan.target.image}) {
    if (!image.empty()) return image;
  }
  return fail(
      "the agent has no image to run in: the target is no pod",
      "set agent.bootstrap_image to any small image that the cluster can pull (busybox), or agent.image");
}

Result<json> job_manifest(const AgentPlan& plan) {
  TRY_ASSIGN(agent, container(plan));
  const bool targetless = is_targetless(plan);
  agent["resources"] = {{"requests", quantities(plan.config.requests)},
                        {"limits", quantities(plan.config.limits)}};
  const auto folder = plan.loader.empty() ? "/inpod" : loader_folder(plan);
  agent["volumeMounts"] =
      json::array({{{"name", "inpod"}, {"mountPath", folder}, {"readOnly", !plan.loader.empty()}}});
  json pod{{"hostPID", !targetless},
           {"restartPolicy", "Never"},
           {"automountServiceAccountToken", false},
           {"enableServiceLinks", false},
           {"terminationGracePeriodSeconds", 5},
           {"tolerations", tolerations(plan)},
           {"volumes", json::array({volume(plan)})},
           {"containers", json::array({std::move(agent)})}};
  if (!targetless) {
    pod["nodeName"] =
        plan.target.node;  // no scheduler: the agent must be where the target is, however full the node
  } else if (!plan.config.node_selector.empty()) {
    pod["nodeSelector"] = plan.config.node_selector;
  }
  if (auto secrets = image_pull_secrets(plan); !secrets.empty()) pod["imagePullSecrets"] = std::move(secrets);
  if (!plan.config.priority_class.empty()) pod["priorityClassName"] = plan.config.priority_class;
  return json{{"apiVersion", "batch/v1"},
              {"kind", "Job"},
              {"metadata",
               {{"name", agent_name(plan.session)},
                {"namespace", plan.namespace_},
                {"labels", labels(plan)},
                {"annotations", annotations(plan)}}},
              {"spec",
               {{"backoffLimit", 0},
                {"activeDeadlineSeconds", longest_life},
                {"ttlSecondsAfterFinished", 30},
                {"template",
                 {{"metadata", {{"labels", labels(plan)}, {"annotations", pod_annotations(plan)}}},
                  {"spec", std::move(pod)}}}}}};
}

Result<json> ephemeral_container(const AgentPlan& plan) {
  TRY_ASSIGN(agent, container(plan));
  agent["name"] = agent_name(plan.session);
  agent["targetContainerName"] = plan.target.container;
  agent["env"] = json::array({{{"name", client_variable}, {"value", plan.client}}});
  return agent;
}

}  // namespace inpod::kube
