// Agents that are already there: their end, what this developer has running, and what a crash left behind.
#include <ctime>

#include "kube/agent_pod.hpp"
#include "kube/agent_state.hpp"
#include "kube/api_error.hpp"
#include "kube/fields.hpp"
#include "kube/gather.hpp"
#include "kube/manifest.hpp"

namespace inpod::kube {
namespace {

constexpr auto never_started = std::chrono::minutes(10);

bool has_condition(const json& job, const char* type) {
  for (const auto& condition : items(job, {"status", "conditions"})) {
    if (text(condition, {"type"}) == type && text(condition, {"status"}) == "True") return true;
  }
  return false;
}

bool older_than(const std::string& created, std::chrono::seconds age) {
  std::tm time{};
  if (!strptime(created.c_str(), "%Y-%m-%dT%H:%M:%SZ", &time)) return false;
  return std::chrono::system_clock::now() - std::chrono::system_clock::from_time_t(timegm(&time)) > age;
}

const json& pod_of(const std::vector<json>& pods, const std::string& session) {
  static const json nothing;
  for (const auto& pod : pods) {
    if (text(pod, {"metadata", "labels", session_label}) == session) return pod;
  }
  return nothing;
}

AgentListing describe(const json& job, const json& pod) {
  AgentListing listing;
  listing.session = text(job, {"metadata", "labels", session_label});
  listing.client = text(job, {"metadata", "annotations", client_annotation});
  listing.target = text(job, {"metadata", "annotations", target_annotation});
  listing.created = text(job, {"metadata", "creationTimestamp"});
  listing.agent.namespace_ = text(job, {"metadata", "namespace"});
  listing.agent.job = text(job, {"metadata", "name"});
  listing.agent.pod = text(pod, {"metadata", "name"});
  listing.agent.container = "inpod-agent";
  const bool ended = has_condition(job, "Complete") || has_condition(job, "Failed");
  const bool running = field(container_status(pod, "inpod-agent"), {"state", "running"}).is_object();
  listing.finished = ended || (!running && older_than(listing.created, never_started));
  listing.state = ended ? "ended" : pod.is_object() ? pod_state(pod) : "no pod";
  return listing;
}

std::string client_of(const json& container) {
  for (const auto& variable : items(container, {"env"})) {
    if (text(variable, {"name"}) == client_variable) return text(variable, {"value"});
  }
  return {};
}

/// The agents in a pod's ephemeral containers. Those that have ended stand there as long as the pod does;
/// they are left out.
void add_ephemeral(const json& pod, const std::string& developer, std::vector<AgentListing>& agents) {
  const std::string prefix = agent_name("");
  for (const auto& container : items(pod, {"spec", "ephemeralContainers"})) {
    const auto name = text(container, {"name"});
    const auto& state = field(container_status(pod, name), {"state"});
    if (!name.starts_with(prefix) || field(state, {"terminated"}).is_object()) continue;
    AgentListing listing;
    listing.client = client_of(container);
    if (!developer.empty() && listing.client != developer) continue;
    const auto waiting = text(state, {"waiting", "reason"});
    listing.session = name.substr(prefix.size());
    listing.target =
        "pod/" + text(pod, {"metadata", "name"}) + "/container/" + text(container, {"targetContainerName"});
    listing.created = text(state, {"running", "startedAt"});
    listing.state = field(state, {"running"}).is_object() ? "Running" : waiting.empty() ? "Pending" : waiting;
    listing.agent.namespace_ = text(pod, {"metadata", "namespace"});
    listing.agent.pod = text(pod, {"metadata", "name"});
    listing.agent.container = name;
    agents.push_back(std::move(listing));
  }
}

/// The pods of Jobs are found by their label; ephemeral containers only by looking at all pods.
Task<Result<std::vector<AgentListing>>> list_agents_of(std::shared_ptr<Client> client, std::string namespace_,
                                                       std::string developer, bool with_ephemeral) {
  auto selector = std::string(managed_by_label) + "=inpod";
  if (!developer.empty()) selector += "," + std::string(client_label) + "=" + label_value(developer);
  const auto query = "?labelSelector=" + escape(selector);
  std::vector<Task<Result<std::vector<json>>>> tasks;
  tasks.push_back(client->list(resource_path("batch/v1", namespace_, "jobs") + query));
  tasks.push_back(client->list(resource_path("v1", namespace_, "pods") + (with_ephemeral ? "" : query)));
  auto lists = co_await gather(std::move(tasks));
  if (lists.size() != 2) co_return Failed(Error{ECANCELED, "cancelled", {}});
  for (const auto& list : lists) {
    if (!list) co_return Failed(list.error().context("cannot list agents"));
  }
  std::vector<AgentListing> agents;
  for (const auto& job : *lists[0])
    agents.push_back(describe(job, pod_of(*lists[1], text(job, {"metadata", "labels", session_label}))));
  if (with_ephemeral) {
    for (const auto& pod : *lists[1]) add_ephemeral(pod, developer, agents);
  }
  co_return agents;
}

}  // namespace

Task<Result<void>> delete_agent(std::shared_ptr<Client> client, AgentPod agent) {
  if (agent.job.empty()) co_return Result<void>();
  json options{{"propagationPolicy", "Background"}};
  const auto path = resource_path("batch/v1", agent.namespace_, "jobs", agent.job);
  auto deleted = co_await client->remove(path, std::move(options));
  if (!deleted && deleted.error().code != ENOENT)
    co_return Failed(deleted.error().context("cannot delete the agent's Job " + agent.job));
  co_return Result<void>();
}

Task<Result<std::vector<AgentListing>>> list_agents(std::shared_ptr<Client> client, std::string namespace_,
                                                    std::string developer) {
  co_return co_await list_agents_of(std::move(client), std::move(namespace_), std::move(developer), true);
}

Task<Result<int>> clean_up_agents(std::shared_ptr<Client> client, std::string namespace_,
                                  std::string developer) {
  CO_TRY(agents, co_await list_agents_of(client, namespace_, developer, false));
  int deleted = 0;
  for (const auto& listing : agents) {
    if (!listing.finished) continue;
    CO_TRY_VOID(co_await delete_agent(client, listing.agent));
    ++deleted;
  }
  co_return deleted;
}

Task<Result<void>> check_agent(std::shared_ptr<Client> client, AgentPod agent) {
  auto pod = co_await client->get(resource_path("v1", agent.namespace_, "pods", agent.pod));
  if (!pod && pod.error().code == ENOENT)
    co_return Failed(Error{ENOENT, "the agent's pod " + agent.pod + " is gone", {}});
  if (!pod) co_return Failed(pod.error());
  const auto state = judge_agent(*pod, agent.container);
  if (!state) co_return Failed(state.error());
  co_return Result<void>();
}

}  // namespace inpod::kube
