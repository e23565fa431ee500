// The agent of a `local:PID` target: `inpod-agent --local`, a child of ours, reached by a unix socket in the
// session's directory. It ends with the session, and with this process however that ends.
#pragma once

#include <boost/asio/any_io_executor.hpp>

#include "session/agent_access.hpp"

namespace inpod {

/// The pid of "local:PID", or an error that says what is wrong with it. No such process is an error.
Result<int> local_pid(const std::string& target);

/// Why the agent could not enter the namespaces of process `target`. why: what it said.
Error local_agent_error(int target, std::string why);

/// Starts it and waits until it is ready, at most config.agent.startup_seconds. directory: of mode 0700, for
/// its socket.
Task<Result<std::shared_ptr<AgentAccess>>> start_local_agent(boost::asio::any_io_executor executor,
                                                             const Config& config, std::string directory,
                                                             Progress progress);

}  // namespace inpod
