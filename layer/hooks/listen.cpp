// Servers: bind, listen, accept, shutdown; and SO_REUSEADDR, which getsockopt (connect.cpp) tells.
#include <netinet/in.h>
#include <sys/socket.h>

#include <cstring>

#include "core/sockets.hpp"
#include "hooks/descriptor.hpp"
#include "hooks/interfaces.hpp"
#include "hooks/netlink.hpp"
#include "hooks/unix_path.hpp"
#include "layer.hpp"

using namespace inpod;
using namespace inpod::layer;

namespace {

/// A new connection: whatever its number meant before is void; its peer is the one that the pod sees.
int accepted(int fd, sockaddr* peer, socklen_t* length, socklen_t capacity) {
  if (fd < 0 || !active()) return fd;
  const int saved = errno;
  reused(fd);
  if (peer && length && *length != 0 &&
      sockets::may_be_relays(core, peer, *length < capacity ? *length : capacity)) {
    sockets::Address name;
    if (sockets::names(core, fd, nullptr, &name) == 1 && name.length != 0) {
      memcpy(peer, name.get(), capacity < name.length ? capacity : name.length);
      *length = name.length;
    }
  }
  errno = saved;
  return fd;
}

/// ip(7), ipv6(7); the MCAST_ ones are of both.
bool joins_group(int level, int name) {
  if (level != IPPROTO_IP && level != IPPROTO_IPV6) return false;
  if (name == MCAST_JOIN_GROUP || name == MCAST_JOIN_SOURCE_GROUP) return true;
  return level == IPPROTO_IP ? name == IP_ADD_MEMBERSHIP || name == IP_ADD_SOURCE_MEMBERSHIP
                             : name == IPV6_JOIN_GROUP;
}

}  // namespace

HOOK(int, bind, (int fd, const sockaddr* address, socklen_t length)) {
  if (const std::string_view path = active() ? pod_path_of(address, length) : std::string_view();
      !path.empty()) {
    core.note_once(
        path,
        "a program outside the pod cannot listen on a unix socket at a path of the pod "
        "(EADDRNOTAVAIL): make its folder local, --files-local FOLDER or files.local, for all that "
        "uses it in this session");
    return result<int>(-EADDRNOTAVAIL);
  }
  const long value = active() ? sockets::bind(core, fd, address, length) : not_ours;
  bound_netlink(fd, address, length);
  return value == not_ours ? original(bind)(fd, address, length) : result<int>(value);
}

HOOK(int, setsockopt, (int fd, int level, int name, const void* value, socklen_t length)) {
  if (level == SOL_SOCKET && name == SO_REUSEADDR && value && length >= sizeof(int) && active()) {
    int on;
    memcpy(&on, value, sizeof on);
    if (sockets::share(core, fd, on != 0) == 0) return 0;
  }
  if (level == SOL_SOCKET && (name == SO_BINDTODEVICE || name == SO_BINDTOIFINDEX) && active())
    if (const long done = bind_to_device(fd, name, value, length); done != not_ours) return result<int>(done);
  option_of_netlink(fd, level, name);
  if (joins_group(level, name) && active()) {
    const int saved = errno;
    core.note_once(
        "multicast",
        "a group is joined in this machine's network, not in the pod's: no datagram that is sent to "
        "it in the cluster arrives here");
    errno = saved;
  }
  return original(setsockopt)(fd, level, name, value, length);
}

HOOK(int, listen, (int fd, int backlog)) {
  if (!active()) return original(listen)(fd, backlog);
  const int saved = errno;
  int done = original(listen)(fd, backlog);
  if (done != 0 && errno == EADDRINUSE && sockets::may_listen_yet(core, fd)) {
    done = original(listen)(fd, backlog);
    if (done == 0) errno = saved;
  }
  if (done == 0) sockets::listening(core, fd);
  return done;
}

HOOK(int, accept, (int fd, sockaddr* peer, socklen_t* length)) {
  const socklen_t capacity = length ? *length : 0;
  return accepted(original(accept)(fd, peer, length), peer, length, capacity);
}

HOOK(int, accept4, (int fd, sockaddr* peer, socklen_t* length, int flags)) {
  const socklen_t capacity = length ? *length : 0;
  return accepted(original(accept4)(fd, peer, length, flags), peer, length, capacity);
}

HOOK(int, shutdown, (int fd, int how)) {
  const int done = original(shutdown)(fd, how);
  if (done == 0 && active()) sockets::shut_down(core, fd);
  return done;
}

/// Multipath TCP can't be connected on loopback as TCP is; it falls back to TCP wherever a peer hasn't got
/// it.
HOOK(int, socket, (int family, int type, int protocol)) {
  if (protocol == IPPROTO_MPTCP && (family == AF_INET || family == AF_INET6) && active())
    protocol = IPPROTO_TCP;
  const int fd = original(socket)(family, type, protocol);
  reused(fd);
  opened_by_kind(fd, family, protocol);
  return fd;
}
