// Descriptors that work without hooks. See files.hpp.
#include <sys/stat.h>

#include <cerrno>

#include "core/files.hpp"
#include "core/raw.hpp"

namespace inpod::files {
namespace {

bool is_pipe(int fd) {
  struct ::stat there;
  return raw::call(SYS_fstat, fd, raw::word(&there)) == 0 && S_ISFIFO(there.st_mode);
}

/// Puts `from` in the place of fd, whose close-on-exec flag stays; closes it.
long put_in_place(int from, int fd) {
  const long flags = raw::fcntl(fd, F_GETFD);
  const long placed = raw::call(SYS_dup3, from, fd, flags > 0 && (flags & FD_CLOEXEC) != 0 ? O_CLOEXEC : 0);
  raw::close(from);
  return placed;
}

/// fd has become a stream, which has the position now: other descriptors of the file here share it as before.
void share_stream(Core& core, int fd, FdEntry entry) {
  if (core.owner() == Owner::vfork) return;
  for (int other = 0, end = core.fds.top(); other < end; ++other) {
    if (other == fd || core.fds.get(other) != entry) continue;
    const long flags = raw::fcntl(other, F_GETFD);
    core.fds.take(other);
    raw::call(SYS_dup3, fd, other, flags > 0 && (flags & FD_CLOEXEC) != 0 ? O_CLOEXEC : 0);
  }
}

}  // namespace

long make_plain(Core& core, int fd, FdEntry& entry) {
  const bool reads = entry.access() == O_RDONLY;
  // Input that may be written, too, has no such form. The placeholder fails what passes by the hooks.
  if (entry.kind() == FdKind::directory || (!reads && fd == 0)) return fd;
  if (!reads && is_pipe(fd)) return fd;  // a duplicate of one that has been made plain
  RelayCall call(relay::Op::plain);
  call.request.a = entry.handle();
  call.request.b = !reads;
  if (entry.kind() == FdKind::snapshot)
    call.request.c = static_cast<std::uint64_t>(raw::seek(fd, 0, SEEK_CUR));
  long result = core.relay.ask(call);
  if (result == 0 && call.fd >= 0) result = put_in_place(call.fd, fd);
  if (result == 0 && call.fd < 0 && call.reply.has_fd != 0) result = -EMFILE;  // no number was left for it
  if (result < 0) return result;
  if (call.reply.a != static_cast<std::uint64_t>(relay::PlainKind::reader)) return fd;
  share_stream(core, fd, entry);
  core.forgot(fd, entry);
  entry = {};
  return fd;
}

long make_plain(Core& core, int fd) {
  const FdEntry before = core.fds.get(fd);
  FdEntry entry = before;
  if (!before.is_file()) return fd;
  const long result = make_plain(core, fd, entry);
  if (result >= 0 && !entry && core.owner() == Owner::us) core.fds.take(fd);
  return result;
}

bool is_plain_output(int fd, FdEntry entry) {
  return entry.kind() == FdKind::handle && entry.access() != O_RDONLY && is_pipe(fd);
}

long written(Core& core, FdEntry entry) {
  RelayCall call(relay::Op::written);
  call.request.a = entry.handle();
  return core.relay.ask(call);
}

}  // namespace inpod::files
