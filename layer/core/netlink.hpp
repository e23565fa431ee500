// NETLINK_ROUTE sockets (rtnetlink(7)), by which programs and their libraries ask for interfaces and
// addresses without libc.
//
// The program's own socket asks this machine's kernel, so that it gets ready as it should; what comes is then
// replaced by what the pod's kernel would say. Changes are refused, by an answer too; for routes, neighbours
// and events, which are this machine's, there is a note.
#pragma once

#include <sys/uio.h>

#include "core/core.hpp"

namespace inpod::netlink {

/// socket(2) has made one.
void opened(Core& core, int fd);
/// A request goes out. not_ours: it may; 0: it would change the network and counts as sent, its answer is
/// EPERM; else -errno. memory: for interfaces::List.
long sending(Core& core, int fd, const void* request, std::size_t size, void* memory);
/// The program wants to hear of changes.
void subscribing(Core& core, int fd);
/// `got` bytes of an answer lie at `into`, which has room for `capacity`: puts the pod's in their place.
/// memory: for interfaces::List. Returns their number, which is larger than `capacity` where it was cut
/// short.
std::size_t received(Core& core, int fd, void* into, std::size_t got, std::size_t capacity, bool peeked,
                     void* memory);

}  // namespace inpod::netlink
