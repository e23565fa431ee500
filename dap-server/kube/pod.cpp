// Reads pods as servers of many versions write them; nothing is taken for granted.
#include "kube/pod.hpp"

#include <algorithm>
#include <array>

#include "config/check.hpp"
#include "kube/fields.hpp"

namespace inpod::kube {
namespace {

using nlohmann::json;

/// Containers that service meshes and the like put into pods: never what a developer means.
constexpr std::array<std::string_view, 12> sidecars{"istio-proxy",
                                                    "linkerd-proxy",
                                                    "envoy",
                                                    "envoy-sidecar",
                                                    "consul-dataplane",
                                                    "consul-connect-envoy-sidecar",
                                                    "kuma-sidecar",
                                                    "daprd",
                                                    "vault-agent",
                                                    "cloud-sql-proxy",
                                                    "cloudsql-proxy",
                                                    "osm-envoy"};

std::vector<std::string> container_names(const json& pod) {
  std::vector<std::string> names;
  for (const auto& container : items(pod, {"spec", "containers"})) names.push_back(text(container, {"name"}));
  return names;
}

const json& container_spec(const json& pod, const std::string& name) {
  static const json nothing;
  for (const char* list : {"containers", "initContainers", "ephemeralContainers"}) {
    for (const auto& container : items(pod, {"spec", list})) {
      if (text(container, {"name"}) == name) return container;
    }
  }
  return nothing;
}

std::uint16_t port_number(const json& container, const json& port) {
  if (port.is_number_integer()) {
    const auto value = port.get<std::int64_t>();
    return value > 0 && value < 65536 ? static_cast<std::uint16_t>(value) : std::uint16_t{0};
  }
  if (!port.is_string()) return 0;
  for (const auto& candidate : items(container, {"ports"})) {
    if (text(candidate, {"name"}) == port.get<std::string>())
      return port_number(container, field(candidate, {"containerPort"}));
  }
  return config::parse_port(port.get<std::string>()).value_or(0);
}

void add_probe(const json& container, const json& spec, std::vector<protocol::Probe>& probes) {
  protocol::Probe probe;
  if (const auto& http = field(spec, {"httpGet"}); http.is_object()) {
    probe.kind = "http", probe.path = text(http, {"path"}),
    probe.port = port_number(container, field(http, {"port"}));
    if (probe.path.empty()) probe.path = "/";
  } else if (const auto& tcp = field(spec, {"tcpSocket"}); tcp.is_object()) {
    probe.kind = "tcp", probe.port = port_number(container, field(tcp, {"port"}));
  } else if (const auto& grpc = field(spec, {"grpc"}); grpc.is_object()) {
    probe.kind = "grpc", probe.port = port_number(container, field(grpc, {"port"}));
  }
  const auto same = [&](const protocol::Probe& other) {
    return other.kind == probe.kind && other.path == probe.path && other.port == probe.port;
  };
  if (probe.port != 0 && std::none_of(probes.begin(), probes.end(), same)) probes.push_back(std::move(probe));
}

std::string listed(const std::vector<std::string>& names) {
  std::string all;
  for (const auto& name : names) all += (all.empty() ? "" : ", ") + name;
  return all;
}

std::string waiting_text(const json& state) {
  const auto reason = text(state, {"waiting", "reason"}), message = words(state, {"waiting", "message"});
  return reason.empty() || message.empty() ? reason : reason + ": " + message;
}

/// "ended 5 times, last by OOMKilled, exit code 137".
std::string ends_text(const json& status, const json& ended) {
  const auto times = number(status, {"restartCount"}).value_or(0) + 1;
  std::string said = times == 1 ? "ended once" : "ended " + std::to_string(times) + " times, last";
  const auto reason = text(ended, {"reason"});
  if (!reason.empty() && reason != "Error") said += " by " + reason + ",";
  const auto code = number(ended, {"exitCode"});
  return said + (code ? " with exit code " + std::to_string(*code) : "");
}

}  // namespace

const json& controller_of(const json& object) {
  static const json nothing;
  for (const auto& owner : items(object, {"metadata", "ownerReferences"}))
    if (flag(owner, {"controller"})) return owner;
  return nothing;
}

std::string crash_loop(const json& status) {
  if (text(status, {"state", "waiting", "reason"}) == "CrashLoopBackOff") {
    const auto& last = field(status, {"lastState", "terminated"});
    return last.is_object() ? ends_text(status, last) : "it ends again and again";
  }
  // Between two runs, before the kubelet waits.
  const auto& ended = field(status, {"state", "terminated"});
  return ended.is_object() && number(status, {"restartCount"}).value_or(0) > 0 ? ends_text(status, ended)
                                                                               : std::string();
}

const json& container_status(const json& pod, const std::string& container) {
  static const json nothing;
  for (const char* list : {"containerStatuses", "initContainerStatuses", "ephemeralContainerStatuses"}) {
    for (const auto& status : items(pod, {"status", list})) {
      if (text(status, {"name"}) == container) return status;
    }
  }
  return nothing;
}

Result<std::string> choose_container(const json& pod, const std::string& wanted) {
  const auto names = container_names(pod);
  if (names.empty()) return fail("pod " + text(pod, {"metadata", "name"}) + " has no containers");
  if (!wanted.empty()) {
    if (container_spec(pod, wanted).is_object()) return wanted;
    const auto near = config::nearest(wanted, names);
    return Failed(
        Error{ENOENT, "pod " + text(pod, {"metadata", "name"}) + " has no container \"" + wanted + "\"",
              (near ? "did you mean \"" + *near + "\"? " : std::string()) + "It has: " + listed(names)});
  }
  for (const char* annotation :
       {"kubectl.kubernetes.io/default-container", "kubectl.kubernetes.io/default-logs-container"}) {
    const auto name = text(pod, {"metadata", "annotations", annotation});
    if (std::find(names.begin(), names.end(), name) != names.end()) return name;
  }
  const auto app = std::find_if(names.begin(), names.end(), [](const std::string& name) {
    return std::find(sidecars.begin(), sidecars.end(), name) == sidecars.end();
  });
  return app == names.end() ? names.front() : *app;
}

Result<ResolvedTarget> describe_pod(const json& pod, const std::string& container) {
  ResolvedTarget target;
  target.namespace_ = text(pod, {"metadata", "namespace"});
  target.pod = text(pod, {"metadata", "name"});
  target.pod_uid = text(pod, {"metadata", "uid"});
  target.container = container;
  target.node = text(pod, {"spec", "nodeName"});
  target.image_pull_secrets = items(pod, {"spec", "imagePullSecrets"});
  target.leaving = !field(pod, {"metadata", "deletionTimestamp"}).is_null();
  const auto& owner = controller_of(pod);
  target.owner_kind = text(owner, {"kind"}), target.owner = text(owner, {"name"});

  const auto& status = container_status(pod, container);
  if (const auto crashes = crash_loop(status); !crashes.empty()) {
    return fail("container " + container + " of pod " + target.namespace_ + "/" + target.pod +
                    " crash-loops (" + crashes + ")",
                "mend it first: there is no process to be beside. kubectl logs " + target.pod + " -c " +
                    container + " -n " + target.namespace_ + " --previous shows what it said");
  }
  if (!field(status, {"state", "running"}).is_object()) {
    return fail("container " + container + " of pod " + target.namespace_ + "/" + target.pod +
                    " is not running (" + pod_state(pod) + ")",
                "kubectl describe pod " + target.pod + " -n " + target.namespace_ + " tells why");
  }
  const auto id = text(status, {"containerID"});
  const auto scheme = id.find("://");
  if (scheme == std::string::npos)
    return fail("pod " + target.pod + " gives no id for its container " + container);
  target.runtime = id.substr(0, scheme), target.container_id = id.substr(scheme + 3);

  target.image = text(container_spec(pod, container), {"image"});
  for (const auto& each : items(pod, {"spec", "containers"})) {
    for (const char* kind : {"livenessProbe", "readinessProbe", "startupProbe"})
      add_probe(each, field(each, {kind}), target.probes);
  }
  return target;
}

bool pod_ready(const json& pod) {
  for (const auto& condition : items(pod, {"status", "conditions"})) {
    if (text(condition, {"type"}) == "Ready") return text(condition, {"status"}) == "True";
  }
  return false;
}

std::string pod_state(const json& pod) {
  if (!field(pod, {"metadata", "deletionTimestamp"}).is_null()) return "Terminating";
  const auto phase = text(pod, {"status", "phase"});
  for (const char* list : {"initContainerStatuses", "containerStatuses"}) {
    for (const auto& status : items(pod, {"status", list})) {
      if (const auto crashes = crash_loop(status); !crashes.empty()) return "CrashLoopBackOff: " + crashes;
      const auto waiting = waiting_text(field(status, {"state"}));
      if (!waiting.empty() && waiting != "ContainerCreating" && waiting != "PodInitializing") return waiting;
      const auto ended = text(status, {"state", "terminated", "reason"});
      if (!ended.empty() && ended != "Completed") return ended;
    }
  }
  for (const auto& condition : items(pod, {"status", "conditions"})) {
    if (text(condition, {"type"}) == "PodScheduled" && text(condition, {"status"}) == "False")
      return phase + ": " + words(condition, {"message"});
  }
  const auto reason = text(pod, {"status", "reason"});
  if (!reason.empty()) return reason;
  return phase == "Running" && !pod_ready(pod) ? "Running, not ready" : phase;
}

}  // namespace inpod::kube
