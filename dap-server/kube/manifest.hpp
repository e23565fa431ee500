// The objects that agents are made of: a Job whose pod runs inpod-agent beside the target, or an ephemeral
// container in the target's own pod. Pure; any thread.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "config/config.hpp"
#include "kube/pod.hpp"

namespace inpod::kube {

// Labels and annotations of everything that is ours.
constexpr auto managed_by_label = "app.kubernetes.io/managed-by";  // = "inpod"
constexpr auto session_label = "inpod.dev/session";
constexpr auto client_label = "inpod.dev/client";       // the developer, in the alphabet of labels
constexpr auto client_annotation = "inpod.dev/client";  // "user@host"
constexpr auto target_annotation = "inpod.dev/target";
constexpr auto client_variable =
    "INPOD_CLIENT";  // "user@host" in an ephemeral container, which can't be labelled

struct AgentPlan {
  std::string session;    ///< 8 … 40 characters of [a-z0-9]: names are made of it
  std::string client;     ///< "user@host"
  ResolvedTarget target;  ///< pod empty: targetless
  AgentConfig config;
  std::string namespace_;  ///< where the Job goes
  /// The ConfigMap whose inpod-loader starts the agent. Empty: the shell of the container's image does, or
  /// the image has the agent.
  std::string loader;
  /// What the shell takes from stdin: the executable, and behind it the start record with its length.
  /// executable_size 0: the image has the agent, which reads the start record itself.
  std::uint64_t executable_size = 0, record_size = 0;
};

/// The value of a label that stands for any text: unsafe characters become '-', at most 63.
std::string label_value(const std::string& any);

/// "inpod-agent-SESSION".
std::string agent_name(const std::string& session);

/// The image that the agent's container is made of. Error: none can be known (targetless without agent.image
/// or agent.bootstrap_image).
Result<std::string> agent_image(const AgentPlan& plan);

/// The Job. Error: that of agent_image.
Result<nlohmann::json> job_manifest(const AgentPlan& plan);

/// The entry of ephemeralContainers.
Result<nlohmann::json> ephemeral_container(const AgentPlan& plan);

}  // namespace inpod::kube
