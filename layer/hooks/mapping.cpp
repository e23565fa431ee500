// Calls by which the kernel itself reads a descriptor: mmap, sendfile, copy_file_range, splice. What is
// mapped must be in the memfd first, and stay. The others are done by the kernel where the whole file is
// there, else by read and write.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

#include "core/raw.hpp"
#include "hooks/socket_error.hpp"
#include "layer.hpp"

using namespace inpod;
using namespace inpod::layer;

HOOK(void*, mmap, (void* at, size_t length, int protection, int flags, int fd, off_t offset)) {
  if ((flags & MAP_ANONYMOUS) == 0 && offset >= 0) {
    if (const FdEntry entry = file_entry(fd)) {
      const long value =
          files::ensure(core, entry, static_cast<std::uint64_t>(offset), length, files::Keep::always);
      if (value != 0) return result<int>(value), MAP_FAILED;
    }
  }
  return original(mmap)(at, length, protection, flags, fd, offset);
}
HOOK_ALIAS(mmap64, mmap)

HOOK(ssize_t, sendfile, (int to, int from, off_t* offset, size_t count)) {
  const FdEntry source = file_entry(from), target = file_entry(to);
  if (!source && !target) return true_error(to, original(sendfile)(to, from, offset, count));
  if (source && !target) {
    const long start = offset ? *offset : raw::seek(from, 0, SEEK_CUR);
    const std::uint64_t there =
        start < 0 ? 0 : files::copyable(core, source, static_cast<std::uint64_t>(start));
    if (there != 0)
      return true_error(to, original(sendfile)(to, from, offset, count < there ? count : there));
  }
  return true_error(to,
                    result<ssize_t>(files::copy(core, {from, source, offset}, {to, target, nullptr}, count)));
}
HOOK_ALIAS(sendfile64, sendfile)

namespace {

/// What copy_file_range(2) refuses at its target; 0: nothing. What is wrong with its source shows in reading.
long refusal(int to, FdEntry target, unsigned flags) {
  if (flags != 0) return -EINVAL;
  if (target) return target.append() ? -EBADF : 0;
  struct stat file;
  if (const long failed = raw::stat_at(to, "", &file, AT_EMPTY_PATH); failed != 0) return failed;
  if (S_ISDIR(file.st_mode)) return -EISDIR;
  if (!S_ISREG(file.st_mode)) return -EINVAL;
  return (raw::fcntl(to, F_GETFL) & O_APPEND) != 0 ? -EBADF : 0;
}

}  // namespace

HOOK(ssize_t, copy_file_range,
     (int from, off_t* from_offset, int to, off_t* to_offset, size_t count, unsigned flags)) {
  const FdEntry source = file_entry(from), target = file_entry(to);
  if (!source && !target) return original(copy_file_range)(from, from_offset, to, to_offset, count, flags);
  const long refused = refusal(to, target, flags);
  return result<ssize_t>(
      refused != 0 ? refused
                   : files::copy(core, {from, source, from_offset}, {to, target, to_offset}, count));
}

HOOK(ssize_t, splice,
     (int from, off_t* from_offset, int to, off_t* to_offset, size_t count, unsigned flags)) {
  if (file_entry(to)) return result<ssize_t>(-EINVAL);
  if (const FdEntry source = file_entry(from))
    return result<ssize_t>(to_offset ? -ESPIPE
                                     : files::splice(core, {from, source, from_offset}, to, count, flags));
  return original(splice)(from, from_offset, to, to_offset, count, flags);
}
