// Tells the kubelet's health checks from other connections by their first bytes, so that they go on to the
// pod.
//
// A developer's breakpoint must not get the pod restarted. HTTP checks are known by `User-Agent:
// kube-probe/…`, or, from the node's own address, by their path. From the node, TLS on a port with an HTTP
// check, and anything on a port with a gRPC check, count as checks too: their requests can't be read before
// we answer. Pure functions.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "protocol/messages.hpp"

namespace inpod::agent {

enum class Opening {
  unknown,  ///< more bytes are needed
  probe,    ///< goes to the pod
  other,    ///< goes to the client
};

/// Longest part of a connection's beginning that is looked at.
constexpr std::size_t longest_opening = 8 << 10;

/// `probes`: those of this port. `bytes`: all that came so far. `ended`: the peer has closed.
Opening judge_opening(std::span<const std::uint8_t> bytes, bool ended, bool from_node,
                      const std::vector<protocol::Probe>& probes);

}  // namespace inpod::agent
