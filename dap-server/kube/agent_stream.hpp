// Gives an attached container what it waits for (the executable, the start record) and waits for its ready
// line.
#pragma once

#include <chrono>
#include <functional>

#include "kube/remote_command.hpp"

namespace inpod::kube {

/// What goes to a container's stdin.
struct AgentInput {
  std::string program;  ///< no secret; empty where the container's image has the agent
  std::string record;   ///< the start record, with its length; holds the session's token
};

/// The record is sent only once `check`, which runs beside the sending of the program, has not failed.
/// Returns the port of the line "inpod-agent ready port=N". Closes the connection in any case. Errors: that
/// of check; it ended before (with its last lines; EAGAIN when it said nothing, for example because the
/// container was not quite running), or the time is over (ETIMEDOUT).
Task<Result<std::uint16_t>> feed_agent(std::shared_ptr<RemoteCommand> command,
                                       std::shared_ptr<const AgentInput> input,
                                       std::function<Task<Result<void>>()> check,
                                       std::chrono::steady_clock::time_point deadline);

/// The port of a ready line, or 0. Pure.
std::uint16_t ready_port(const std::string& line);

}  // namespace inpod::kube
