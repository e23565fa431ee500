// connect, and what tells of its outcome: SO_ERROR, getpeername, getsockname. With getsockopt also
// SO_REUSEADDR (listen.cpp).
#include <sys/socket.h>

#include <cstring>

#include "core/raw.hpp"
#include "core/sockets.hpp"
#include "hooks/socket_error.hpp"
#include "hooks/unix_path.hpp"
#include "layer.hpp"

using namespace inpod;
using namespace inpod::layer;

namespace inpod::layer {

void correct_errno(int fd) {
  const int as_seen = errno;
  const long failed = sockets::socket_error(core, fd);
  errno = failed != 0 ? static_cast<int>(failed) : as_seen;
}

}  // namespace inpod::layer

namespace {

enum class End { local, peer };

/// A name that is loopback's may stand for another one. `into` and `length` as getsockname(2) has filled
/// them.
void true_name(int fd, End end, sockaddr* into, socklen_t* length, socklen_t capacity) {
  if (!active() || !into || !length) return;
  const int saved = errno;
  sockets::Address real;
  real.length = sizeof real.storage;
  const long found = end == End::local ? raw::socket_name(fd, real.get(), &real.length)
                                       : raw::peer_name(fd, real.get(), &real.length);
  if (found == 0 && sockets::may_be_relays(core, real.get(), real.length)) {
    sockets::Address name;
    if (sockets::names(core, fd, end == End::local ? &name : nullptr, end == End::peer ? &name : nullptr) ==
            1 &&
        name.length != 0) {
      memcpy(into, name.get(), capacity < name.length ? capacity : name.length);
      *length = name.length;
    }
  }
  errno = saved;
}

/// A path that is the pod's for files leads to this machine's socket, as long as nobody has asked for the
/// pod's.
void tell_of_this_machines(const sockaddr* address, socklen_t length) {
  const int saved = errno;
  if (const std::string_view path = pod_path_of(address, length); !path.empty())
    core.note_once(path,
                   "connected to the unix socket of this machine; for the pod's name it in "
                   "outgoing.remote_unix");
  errno = saved;
}

}  // namespace

HOOK(int, connect, (int fd, const sockaddr* address, socklen_t length)) {
  if (!active()) return original(connect)(fd, address, length);
  sockets::Address instead;
  core.cancellation_point();
  const long value = sockets::connect(core, fd, address, length, instead);
  if (value == -EINTR) core.cancellation_point();
  if (value == not_ours) {
    const int done = original(connect)(fd, address, length);
    if (done == 0 && address && address->sa_family == AF_UNIX) tell_of_this_machines(address, length);
    return done;
  }
  if (value != 0) return result<int>(value);
  const int saved = errno;
  if (original(connect)(fd, instead.get(), instead.length) == 0) return 0;
  const long failed = sockets::connected(core, fd, -errno);
  errno = saved;
  return result<int>(failed);
}

HOOK(int, getsockopt, (int fd, int level, int name, void* value, socklen_t* length)) {
  const int done = original(getsockopt)(fd, level, name, value, length);
  if (done == 0 && level == SOL_SOCKET && name == SO_REUSEADDR && active() && core.fds.get(fd).shares()) {
    const int on = 1;
    memcpy(value, &on, *length < sizeof on ? *length : sizeof on);
  }
  if (done != 0 || level != SOL_SOCKET || name != SO_ERROR || !value || !length || *length != sizeof(int))
    return done;
  int error;
  memcpy(&error, value, sizeof error);
  if ((error != ECONNRESET && error != ECONNREFUSED) || !active()) return done;
  if (const long failed = sockets::socket_error(core, fd); failed != 0) {
    error = static_cast<int>(failed);
    memcpy(value, &error, sizeof error);
  }
  return done;
}

HOOK(int, getsockname, (int fd, sockaddr* into, socklen_t* length)) {
  const socklen_t capacity = length ? *length : 0;
  const int done = original(getsockname)(fd, into, length);
  if (done == 0) true_name(fd, End::local, into, length, capacity);
  return done;
}

HOOK(int, getpeername, (int fd, sockaddr* into, socklen_t* length)) {
  const socklen_t capacity = length ? *length : 0;
  const int done = original(getpeername)(fd, into, length);
  if (done == 0) true_name(fd, End::peer, into, length, capacity);
  return done;
}
