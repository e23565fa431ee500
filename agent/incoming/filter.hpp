// The kernel's packet filter (classic BPF, linux/filter.h) for the TCP ports that are mirrored.
//
// Lets through: TCP segments from or to one of the ports, with their first fragments (so that fragmentation
// is noticed), and IPv6 TCP behind extension headers, which user space looks at. Keeps out: the agent's own
// connections to the pod, by their mark. A pure function.
#pragma once

#include <linux/filter.h>

#include <cstdint>
#include <vector>

namespace inpod::agent {

/// For an AF_PACKET socket of type SOCK_DGRAM, whose packets begin at the IP header.
std::vector<sock_filter> port_filter(const std::vector<std::uint16_t>& ports);

}  // namespace inpod::agent
