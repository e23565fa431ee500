// Requests: what clients ask of a running session, over DAP (`inpod/NAME`) or the stdin of `inpod session
// start`. docs/dap-extensions.md has the shapes. Arguments are checked here; whoever calls has only carried
// them.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "relay/relay.hpp"
#include "session/session.hpp"

namespace inpod {

/// The names that `answer_request` knows; a session's description has them, so that clients can tell.
std::vector<std::string> request_names();

/// Of a session that describes itself by `description` and has this relay.
Task<Result<nlohmann::json>> answer_request(std::shared_ptr<Relay> relay, nlohmann::json description,
                                            std::string name, nlohmann::json arguments);

}  // namespace inpod
