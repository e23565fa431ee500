// The order in which getaddrinfo(3) gives addresses: RFC 3484, section 6, with glibc's default tables. Asks
// the kernel which source address each would be reached from (a connected UDP socket; no packet is sent), so
// call it on a thread in the pod's network namespace.
#pragma once

#include <vector>

#include "protocol/messages.hpp"

namespace inpod::agent {

/// Sorts by preference; equal ones keep their order.
void order_addresses(std::vector<protocol::SocketAddress>& addresses);

/// Which families the interfaces have, loopback aside; for AI_ADDRCONFIG.
struct ConfiguredFamilies {
  bool ipv4 = false, ipv6 = false;
};
ConfiguredFamilies configured_families();

}  // namespace inpod::agent
