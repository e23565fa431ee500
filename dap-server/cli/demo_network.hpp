// The demo's network, by rtnetlink(7): a veth pair between two network namespaces, addresses, routes. Each
// call acts in the calling thread's network namespace and needs CAP_NET_ADMIN there.
#pragma once

#include <string>

#include "protocol/result.hpp"

namespace inpod::cli {

/// A veth pair: `name` here, `peer` in the network namespace of process `peer_pid`.
Result<void> make_veth(const std::string& name, const std::string& peer, int peer_pid);
/// Sets the link up and gives it addresses: "10.77.0.2/24", "fd77::2/64" (used at once, no duplicate
/// detection).
Result<void> set_up_link(const std::string& name, const std::string& ipv4 = {}, const std::string& ipv6 = {});
/// Default route through an IPv4 gateway.
Result<void> add_default_route(const std::string& gateway);

}  // namespace inpod::cli
