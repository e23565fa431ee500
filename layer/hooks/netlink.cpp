// See netlink.hpp.
#include "hooks/netlink.hpp"

#include <linux/netlink.h>

#include <cstring>

#include "core/interfaces.hpp"
#include "core/netlink.hpp"
#include "hooks/memory.hpp"

namespace inpod::layer {

void opened_by_kind(int fd, int family, int protocol) {
  if (fd < 0 || (family != AF_NETLINK && family != AF_PACKET) || !active()) return;
  if (family == AF_NETLINK && protocol == NETLINK_ROUTE) netlink::opened(core, fd);
  if (family == AF_PACKET && interfaces::are_remote(core))
    core.note_once("AF_PACKET", "packets are seen and sent on this machine's interfaces, not on the pod's");
}

void bound_netlink(int fd, const sockaddr* address, socklen_t length) {
  sockaddr_nl name{};
  if (!address || length < sizeof name || !is_netlink(fd)) return;
  memcpy(&name, address, sizeof name);
  if (name.nl_groups != 0) netlink::subscribing(core, fd);
}

void option_of_netlink(int fd, int level, int name) {
  if (level == SOL_NETLINK && name == NETLINK_ADD_MEMBERSHIP && is_netlink(fd))
    netlink::subscribing(core, fd);
}

long sending_netlink(int fd, const void* request, std::size_t size) {
  const Memory memory(interfaces::largest_answer);
  const long done = netlink::sending(core, fd, request, size, memory.get());
  return done == 0 ? static_cast<long>(size) : done;
}

ssize_t received_netlink(int fd, void* into, std::size_t capacity, ssize_t got, int flags, bool& cut) {
  const Memory memory(interfaces::largest_answer);
  const std::size_t size = netlink::received(core, fd, into, static_cast<std::size_t>(got), capacity,
                                             (flags & MSG_PEEK) != 0, memory.get());
  cut = size > capacity;
  return static_cast<ssize_t>(cut && (flags & MSG_TRUNC) == 0 ? capacity : size);
}

}  // namespace inpod::layer
