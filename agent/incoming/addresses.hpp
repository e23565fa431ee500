// The addresses of the pod itself and of its node, as far as the agent can see them.
//
// Pod: the interfaces of this thread's network namespace. Node: the pod's default gateways, and, where the
// agent shares the host's process ids, the addresses in the network namespace of process 1. The kubelet's
// health checks come from the node. Reads /proc and asks the kernel; no other side effects. Not thread-safe.
#pragma once

#include <chrono>
#include <set>
#include <string>
#include <string_view>

#include "incoming/endpoint.hpp"

namespace inpod::agent {

/// Is it an address of the pod? The list is read again at most twice a second, when an unknown address is
/// asked for.
class LocalAddresses {
 public:
  bool contains(const IpAddress& ip);

 private:
  std::set<IpAddress> known_;
  std::chrono::steady_clock::time_point read_{};
};

/// Reads the node's addresses anew.
std::set<IpAddress> node_addresses();

// The parsers behind node_addresses, over the text of files under /proc/…/net. Lines they can't read are
// skipped.
void add_ipv4_gateways(std::string_view route, std::set<IpAddress>& found);
void add_ipv6_gateways(std::string_view ipv6_route, std::set<IpAddress>& found);
void add_ipv4_locals(std::string_view fib_trie, std::set<IpAddress>& found);
void add_ipv6_locals(std::string_view if_inet6, std::set<IpAddress>& found);

}  // namespace inpod::agent
