// The life of descriptors: close, dup, fcntl, close_range.
#include "hooks/descriptor.hpp"

#include <cstdarg>
#include <cstring>

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include "core/raw.hpp"
#include "core/text.hpp"
#include "layer.hpp"

using namespace inpod;
using namespace inpod::layer;

namespace inpod::layer {

void reused(int fd) {
  if (fd < 0 || !active()) return;
  if (const FdEntry entry = core.fds.get(fd); entry && core.owner() == Owner::us) {
    core.fds.take(fd);
    core.forgot(fd, entry);
  }
}

int opened_here(int fd, const char* path) {
  if (fd < 0 || !active()) return fd;
  const int saved = errno;
  reused(fd);
  const std::string_view text(path);
  if (starts_with(text, "/proc/") || starts_with(text, "/dev/fd/") || starts_with(text, "/dev/std"))
    core.adopt(fd);
  errno = saved;
  return fd;
}

ClosingElsewhere::ClosingElsewhere(int fd) : fd_(fd) {
  if (fd < 0 || !active()) return;
  const FdEntry entry = core.fds.get(fd);
  if (!entry || core.owner() == Owner::vfork) return;
  word_ = entry.word();
  core.fds.take(fd);
}

ClosingElsewhere::~ClosingElsewhere() {
  if (word_ != 0) core.forgot(fd_, FdEntry(word_));
}

}  // namespace inpod::layer

HOOK(int, close, (int fd)) {
  const FdEntry entry = file_entry(fd);
  const long unwritten = entry && files::is_plain_output(fd, entry) ? files::written(core, entry) : 0;
  const ClosingElsewhere closing(fd);
  const int value = original(close)(fd);
  return value == 0 && unwritten < 0 ? result<int>(unwritten) : value;
}

int inpod::layer::close_descriptor(int fd) {
  return hook_close(fd);
}

namespace {

/// What dup(2) and its like answer with the duplicate that the kernel made.
int copied(int fd, int copy) {
  if (copy < 0 || !active()) return copy;
  FdEntry entry = core.fds.get(fd);
  const long plain =
      copy <= highest_standard && entry.is_file() ? files::make_plain(core, copy, entry) : copy;
  if (plain < 0) {
    raw::close(copy);
    entry = {};
  }
  const long copied = core.duplicated(copy, entry);
  return result<int>(plain < 0 ? plain : copied);
}

}  // namespace

HOOK(int, dup, (int fd)) {
  return copied(fd, original(dup)(fd));
}

HOOK(int, dup2, (int fd, int wanted)) {
  const int copy = original(dup2)(fd, wanted);
  return fd == wanted ? copy : copied(fd, copy);
}

HOOK(int, dup3, (int fd, int wanted, int flags)) {
  return copied(fd, original(dup3)(fd, wanted, flags));
}

namespace {

/// What fcntl has to tell the pod before it is done here too, or instead. not_ours: nothing.
long control_remote(int fd, FdEntry entry, int command, long argument) {
  switch (command) {
    case F_SETFL: {
      const bool on = (argument & O_APPEND) != 0;
      if (entry.kind() != FdKind::handle || !entry.changeable() || on == entry.append()) return not_ours;
      const long done = files::set_append(core, entry, on);
      return done == 0 ? not_ours : done;
    }
    case F_SETLK:
    case F_SETLKW:
    case F_GETLK:
    case F_OFD_SETLK:
    case F_OFD_SETLKW:
    case F_OFD_GETLK:
      return argument == 0
                 ? -EFAULT
                 : files::lock_range(core, fd, entry, command, *reinterpret_cast<struct flock*>(argument));
    default:
      return not_ours;
  }
}

}  // namespace

HOOK(int, fcntl, (int fd, int command, ...)) {
  va_list arguments;
  va_start(arguments, command);
  const long argument = va_arg(arguments, long);
  va_end(arguments);
  if (const FdEntry entry = file_entry(fd))
    if (const long value = control_remote(fd, entry, command, argument); value != not_ours)
      return result<int>(value);
  const int value = original(fcntl)(fd, command, argument);
  if (value < 0 || !active()) return value;
  if (command == F_DUPFD || command == F_DUPFD_CLOEXEC) return copied(fd, value);
  if (const FdEntry entry = core.fds.get(fd); entry.kind() == FdKind::handle && command == F_GETFL)
    return (value & ~(O_ACCMODE | O_APPEND)) | static_cast<int>(entry.access()) |
           (entry.append() ? O_APPEND : 0);
  return value;
}
HOOK_ALIAS(fcntl64, fcntl)

HOOK(int, flock, (int fd, int operation)) {
  const FdEntry entry = file_entry(fd);
  const long value = entry ? files::lock_whole(core, entry, operation) : not_ours;
  return value == not_ours ? original(flock)(fd, operation) : result<int>(value);
}

HOOK(int, lockf, (int fd, int command, off_t length)) {
  const FdEntry entry = file_entry(fd);
  if (!entry) return original(lockf)(fd, command, length);
  struct flock lock {};
  lock.l_type = command == F_ULOCK ? F_UNLCK : F_WRLCK;
  lock.l_whence = SEEK_CUR;
  lock.l_len = length;
  if (command == F_TEST) {
    if (hook_fcntl(fd, F_GETLK, &lock) != 0) return -1;
    return lock.l_type == F_UNLCK ? 0 : result<int>(-EACCES);
  }
  if (command != F_ULOCK && command != F_LOCK && command != F_TLOCK) return result<int>(-EINVAL);
  return hook_fcntl(fd, command == F_LOCK ? F_SETLKW : F_SETLK, &lock);
}
HOOK_ALIAS(lockf64, lockf)

namespace {

/// Closes those of a range of descriptors that have entries one by one; the kernel may then close the rest.
/// As in close, an entry is taken first: once the number is free, it may be another thread's new file's.
void close_known(unsigned first, unsigned last) {
  if (first >= FdTable::capacity || !active() || core.owner() == Owner::vfork) return;
  for (auto fd = static_cast<int>(first); fd < core.fds.top() && static_cast<unsigned>(fd) <= last; ++fd) {
    if (!core.fds.get(fd)) continue;
    const FdEntry entry = core.fds.take(fd);
    raw::close(fd);
    if (entry) core.forgot(fd, entry);
  }
}

}  // namespace

HOOK(int, close_range, (unsigned first, unsigned last, int flags)) {
  constexpr unsigned beyond = ~0u;  // no descriptor: asks whether the kernel knows the call
  constexpr int unshare = 2;  // CLOSE_RANGE_UNSHARE: from then on the thread's descriptors are nobody else's
  if (flags == 0 && first <= last && raw::call(SYS_close_range, beyond, beyond, 0) == 0)
    close_known(first, last);
  // By the kernel: libc has it only from 2.34 on, and programs on an older one call it by number.
  const int value = result<int>(raw::call(SYS_close_range, first, last, flags));
  if (value == 0 && flags == unshare) close_known(first, last);
  return value;
}

HOOK(void, closefrom, (int low)) {
  close_known(low < 0 ? 0 : static_cast<unsigned>(low), ~0u);
  original(closefrom)(low);
}
