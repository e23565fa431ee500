// PrivilegedNetwork: the few things that incoming traffic needs capabilities for. The agent asks a process of
// its own for them (privileges/network_monitor.hpp), since the threads that serve clients have none.
#pragma once

#include <memory>
#include <vector>

#include "incoming/rules.hpp"
#include "protocol/result.hpp"
#include "protocol/unique_fd.hpp"

namespace inpod::agent {

class PrivilegedNetwork {
 public:
  virtual ~PrivilegedNetwork() = default;
  /// From now on exactly these ports are stolen (Redirect::set); the table is made where there is none.
  virtual Result<void> redirect(const std::vector<StolenPort>& ports) = 0;
  /// The table goes, if there is one.
  virtual void end_redirect() = 0;
  /// An AF_PACKET socket that receives nothing so far (packet(7)), with a large buffer. EPERM: no
  /// CAP_NET_RAW.
  virtual Result<UniqueFd> open_packet_socket() = 0;
  /// A TCP socket with the mark of mark.hpp, not yet connected. EPERM: no CAP_NET_ADMIN.
  virtual Result<UniqueFd> open_marked_socket(bool ipv4) = 0;
};

/// With the calling process's own capabilities, in its network namespace.
std::shared_ptr<PrivilegedNetwork> own_privileged_network();

}  // namespace inpod::agent
