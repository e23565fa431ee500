// Datagram sockets: bind(2), and the control messages that name addresses of this machine (ip(7), ipv6(7)).
// Results and safety as in sockets.hpp.
#pragma once

#include "core/sockets.hpp"

namespace inpod::sockets {

/// bind(2) of a UDP socket. At all addresses: it is bound here as the program says, and the pod's port is
/// bound, too; where another program has the port on this machine, a free one on loopback stands for it. At
/// an address of the pod's: on loopback. Others of this machine are no address there: -EADDRNOTAVAIL.
long bind_datagram(Core& core, int fd, const sockaddr* address, socklen_t length);

/// A message that came from the pod: in its control messages `local` takes the place of the loopback address
/// that it came to here, `peer` that of the one that reports an error.
void correct_control(msghdr& message, const Address& local, const Address& peer);

/// The control messages of a message to the pod, without a wish for a source address or interface: those of
/// the pod mean nothing to this machine's kernel. Keep it until the message is sent.
class PodControl {
 public:
  /// Changes `message`, if it names such a wish. -EINVAL: it has more than fits.
  long apply(msghdr& message);

 private:
  static constexpr std::size_t capacity = 1024;
  alignas(cmsghdr) char copy_[capacity];
};

}  // namespace inpod::sockets
