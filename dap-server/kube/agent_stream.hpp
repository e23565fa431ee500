// Gives an attached container what it waits for (the executable, the start record) and waits for its ready
// line.
#pragma once

#include <chrono>

#include "kube/remote_command.hpp"

namespace inpod::kube {

/// input: everything that goes to its stdin. Returns the port of the line "inpod-agent ready port=N". Closes
/// the connection in any case. Errors: it ended before (with its last lines; EAGAIN when it said nothing, for
/// example because the container was not quite running), or the time is over (ETIMEDOUT).
Task<Result<std::uint16_t>> feed_agent(std::shared_ptr<RemoteCommand> command,
                                       std::shared_ptr<const std::string> input,
                                       std::chrono::steady_clock::time_point deadline);

/// The port of a ready line, or 0. Pure.
std::uint16_t ready_port(const std::string& line);

}  // namespace inpod::kube
