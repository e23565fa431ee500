// What the hooks of sockets do with NETLINK_ROUTE ones (core/netlink.hpp).
#pragma once

#include <sys/socket.h>

#include "layer.hpp"

namespace inpod::layer {

inline bool is_netlink(int fd) {
  return active() && core.fds.get(fd).kind() == FdKind::netlink;
}

/// socket(2) has made fd, which may look at the network itself.
void opened_by_kind(int fd, int family, int protocol);
/// bind(2) and setsockopt(2) that ask for news.
void bound_netlink(int fd, const sockaddr* address, socklen_t length);
void option_of_netlink(int fd, int level, int name);
/// Before a request is sent on a netlink socket: not_ours where the kernel gets it, else what the call
/// returns.
long sending_netlink(int fd, const void* request, std::size_t size);
/// After `got` bytes have come on one: what the program gets in their place, and how many. cut: set to
/// whether there was too little room.
ssize_t received_netlink(int fd, void* into, std::size_t capacity, ssize_t got, int flags, bool& cut);

}  // namespace inpod::layer
