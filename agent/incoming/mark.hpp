// The SO_MARK that every connection of the agent towards the pod itself carries (socket(7)).
//
// A stolen port is redirected for the pod's own loopback traffic too (sidecars, port-forward), but never for
// the agent's: the rules and the mirror's packet filter skip this mark. The number keeps clear of the bits
// that kube-proxy (0x4000, 0x8000), Cilium (0x0f00) and Calico (0xffff0000) use, for targets on the host's
// network.
#pragma once

#include <cstdint>

namespace inpod::agent {

constexpr std::uint32_t own_mark = 0x20d5;

}  // namespace inpod::agent
