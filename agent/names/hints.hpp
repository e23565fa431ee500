// The part of getaddrinfo(3) that knows no network: which hints are valid, and which (socket type, protocol,
// port) each address is answered with. Pure; numbers and order are glibc's.
#pragma once

#include <cstdint>
#include <vector>

#include "names/hosts.hpp"

namespace inpod::agent {

struct SocketPlan {
  int socktype = 0, protocol = 0;
  std::uint16_t port = 0;
  bool operator==(const SocketPlan&) const = default;
};

/// 0 or an EAI_* number.
int check_hints(const protocol::Resolve& request);
/// Fills `sockets`; 0 or an EAI_* number.
int plan_sockets(const protocol::Resolve& request, const std::vector<ServiceLine>& services,
                 std::vector<SocketPlan>& sockets);

}  // namespace inpod::agent
