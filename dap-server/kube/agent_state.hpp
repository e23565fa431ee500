// Where an agent's container stands, read from its pod: still coming, running, or failed and why. Pure; any
// thread.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "protocol/result.hpp"

namespace inpod::kube {

enum class AgentState { coming, running };

/// Error: it will never run. The text says what the node said, the remedy what to set.
Result<AgentState> judge_agent(const nlohmann::json& pod, const std::string& container);

/// What the scheduler says of a pod that no node has room for, empty otherwise. An autoscaler may bring a
/// node yet.
std::string no_node_yet(const nlohmann::json& pod);

/// Whether an agent's end looks as if its executable were for another machine.
bool is_wrong_format(const Error& error);
/// The same error, with the node's architecture where that explains it. object: the Node, or null if it can't
/// be read.
Error judge_format(Error error, const std::string& node, const nlohmann::json& object);

/// What to do when the cluster's policy refuses the agent; message: what it said. mode: agent.mode.
std::string admission_remedy(const std::string& message, const std::string& mode);

/// Why a Job gets no pod, from its events (FailedCreate); empty error text: nothing is wrong (yet).
Error judge_job_events(const std::vector<nlohmann::json>& events);

/// The newest warnings, or where there are none the newest events: one line each, at most `most`.
std::string quote_events(const std::vector<nlohmann::json>& events, std::size_t most = 5);

}  // namespace inpod::kube
