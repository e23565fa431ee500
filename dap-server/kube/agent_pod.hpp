// Agent pods: puts inpod-agent into the cluster beside a target, with no registry: the pod is made of an
// image that the node already has, runs inpod-loader from a ConfigMap (loader.hpp), and receives the
// executable by `attach`. Where there can be no ConfigMap, the image's own shell does the loader's work, with
// the agent's rights; on_warning says so. Also: its end, and tidying up after crashes.
//
// One executor. Cancelling start_agent deletes what it made before it returns (ECANCELED).
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "config/config.hpp"
#include "kube/client.hpp"
#include "kube/pod.hpp"

namespace inpod::kube {

struct AgentRequest {
  std::string session;    ///< 8 … 40 characters of [a-z0-9], new for each agent
  std::string client;     ///< "user@host"
  ResolvedTarget target;  ///< pod empty: targetless
  AgentConfig config;
  std::string namespace_;    ///< where the Job goes when config.namespace_ and the target's are empty
  std::string executable;    ///< path of the local inpod-agent; not read when config.image is set
  std::string start_record;  ///< handed to the agent's stdin behind its length (4 bytes, little endian);
                             ///< opaque, secret
  std::function<void(const std::string&)> on_progress;  ///< sentences for people; may be empty
  std::function<void(const std::string&)> on_warning;   ///< that the image's own programs run; may be empty
};

/// Where an agent is; enough to reach it (port_forward) and to end it.
struct AgentPod {
  std::string namespace_, pod, container;
  std::string job;         ///< empty: an ephemeral container
  std::uint16_t port = 0;  ///< on the pod's loopback
};

/// Creates the Job (or the ephemeral container), streams the agent, waits for its "inpod-agent ready port=N"
/// line. Bounded by config.startup_seconds. Errors name what the cluster said: image not pulled, pod not
/// admitted or not scheduled, no shell in the image, the agent's own last lines, or the pod's events when
/// time ran out.
Task<Result<AgentPod>> start_agent(std::shared_ptr<Client> client, AgentRequest request);

/// Deletes Job and pod, in the background; an ephemeral container can't be deleted: it ends with its process.
/// Not there: fine.
Task<Result<void>> delete_agent(std::shared_ptr<Client> client, AgentPod agent);

struct AgentListing {
  AgentPod agent;  ///< port unknown: 0
  std::string session, client, target, state, created;
  bool finished = false;  ///< its pod ended, or never came up within 10 minutes
};
/// Agents of this developer ("user@host"; empty: everyone's) in a namespace (empty: all namespaces): Jobs,
/// and ephemeral containers that have not ended.
Task<Result<std::vector<AgentListing>>> list_agents(std::shared_ptr<Client> client, std::string namespace_,
                                                    std::string developer);

/// Deletes the finished agents of this developer, which an earlier crash may have left. Returns how many.
Task<Result<int>> clean_up_agents(std::shared_ptr<Client> client, std::string namespace_,
                                  std::string developer);

/// Whether the agent's pod is still there and running; else why not. For deciding if a lost connection is
/// worth a retry.
Task<Result<void>> check_agent(std::shared_ptr<Client> client, AgentPod agent);

}  // namespace inpod::kube
