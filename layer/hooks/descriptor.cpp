// The life of descriptors: close, dup, fcntl, close_range.
#include "hooks/descriptor.hpp"

#include <cstdarg>
#include <cstring>

#include <fcntl.h>

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
  if (starts_with(text, "/proc/") || starts_with(text, "/dev/fd/") || starts_with(text, "/dev/std")) core.adopt(fd);
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
  const ClosingElsewhere closing(fd);
  return original(close)(fd);
}

int inpod::layer::close_descriptor(int fd) { return hook_close(fd); }

HOOK(int, dup, (int fd)) {
  const int copy = original(dup)(fd);
  if (copy >= 0 && active()) core.duplicated(copy, core.fds.get(fd));
  return copy;
}

HOOK(int, dup2, (int fd, int wanted)) {
  const int copy = original(dup2)(fd, wanted);
  if (copy >= 0 && fd != wanted && active()) core.duplicated(copy, core.fds.get(fd));
  return copy;
}

HOOK(int, dup3, (int fd, int wanted, int flags)) {
  const int copy = original(dup3)(fd, wanted, flags);
  if (copy >= 0 && active()) core.duplicated(copy, core.fds.get(fd));
  return copy;
}

HOOK(int, fcntl, (int fd, int command, ...)) {
  va_list arguments;
  va_start(arguments, command);
  const long argument = va_arg(arguments, long);
  va_end(arguments);
  const int value = original(fcntl)(fd, command, argument);
  if (value < 0 || !active()) return value;
  const FdEntry entry = core.fds.get(fd);
  if (command == F_DUPFD || command == F_DUPFD_CLOEXEC) {
    core.duplicated(value, entry);
  } else if (entry.kind() == FdKind::handle && command == F_GETFL) {
    return (value & ~(O_ACCMODE | O_APPEND)) | static_cast<int>(entry.access()) | (entry.append() ? O_APPEND : 0);
  } else if (entry.kind() == FdKind::handle && command == F_SETFL && core.owner() == Owner::us) {
    core.fds.set(fd, FdEntry::file(entry.kind(), entry.handle(), entry.slot(), entry.access(), (argument & O_APPEND) != 0));
  }
  return value;
}
HOOK_ALIAS(fcntl64, fcntl)

namespace {

/// Takes the entries of a range of descriptors that has been closed.
void closed_range(unsigned first, unsigned last) {
  if (!active() || core.owner() == Owner::vfork) return;
  for (auto fd = static_cast<int>(first); fd < core.fds.top() && static_cast<unsigned>(fd) <= last; ++fd)
    if (const FdEntry entry = core.fds.take(fd)) core.forgot(fd, entry);
}

}  // namespace

HOOK(int, close_range, (unsigned first, unsigned last, int flags)) {
  constexpr int close_on_exec = 4;  // CLOSE_RANGE_CLOEXEC
  const int value = original(close_range)(first, last, flags);
  if (value == 0 && (flags & close_on_exec) == 0 && first < FdTable::capacity) closed_range(first, last);
  return value;
}

HOOK(void, closefrom, (int low)) {
  original(closefrom)(low);
  closed_range(low < 0 ? 0 : static_cast<unsigned>(low), ~0u);
}
