// connect, and what tells of its outcome: SO_ERROR, getpeername, getsockname. With getsockopt also
// SO_REUSEADDR (listen.cpp).
#include <sys/socket.h>

#include <cstring>

#include "core/raw.hpp"
#include "core/sockets.hpp"
#include "hooks/socket_error.hpp"
#include "layer.hpp"

using namespace inpod;
using namespace inpod::layer;

namespace inpod::layer {

void correct_errno(int fd) {
  if (const long failed = sockets::socket_error(core, fd); failed != 0)
    errno = static_cast<int>(failed);
  else
    errno = ECONNRESET;
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

}  // namespace

HOOK(int, connect, (int fd, const sockaddr* address, socklen_t length)) {
  if (!active()) return original(connect)(fd, address, length);
  sockets::Address instead;
  core.cancellation_point();
  const long value = sockets::connect(core, fd, address, length, instead);
  if (value == -EINTR) core.cancellation_point();
  if (value == not_ours) return original(connect)(fd, address, length);
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
  if (error != ECONNRESET || !active()) return done;
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
