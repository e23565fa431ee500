// The cluster's side of `inpod session list` and `stop`: this developer's agents.
#pragma once

#include "config/config.hpp"
#include "protocol/link.hpp"

namespace inpod::cli {

/// Prints them; with `all`, of all namespaces.
protocol::Task<int> list_agents(boost::asio::any_io_executor executor, Config config, bool all, bool json);
/// Deletes the one with this id, so that its target's traffic is the pod's again. An ephemeral container
/// can't be deleted: then an error says what can be done.
protocol::Task<int> stop_agent(boost::asio::any_io_executor executor, Config config, std::string id);

}  // namespace inpod::cli
