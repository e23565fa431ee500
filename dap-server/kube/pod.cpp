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

}  // namespace

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

  const auto& status = container_status(pod, container);
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
