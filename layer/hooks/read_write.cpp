// read, write and their positioned, vectored and fortified forms; lseek; ftruncate; fsync.
#include <sys/uio.h>
#include <unistd.h>

#include "core/raw.hpp"
#include "hooks/socket_error.hpp"
#include "layer.hpp"

using namespace inpod;
using namespace inpod::layer;

namespace {

std::span<const iovec> buffers(const iovec* parts, int count) {
  return {parts, static_cast<std::size_t>(count < 0 ? 0 : count)};
}

ssize_t read_remote(int fd, FdEntry entry, void* into, std::size_t size, std::int64_t offset) {
  const iovec one{into, size};
  return result<ssize_t>(files::read(core, fd, entry, {&one, 1}, offset));
}

ssize_t write_remote(int fd, FdEntry entry, const void* from, std::size_t size, std::int64_t offset) {
  const iovec one{const_cast<void*>(from), size};
  return result<ssize_t>(files::write(core, fd, entry, {&one, 1}, offset));
}

ssize_t invalid() {
  errno = EINVAL;
  return -1;
}

/// preadv2 and pwritev2: 0, or what refuses them. What only says how fast is left out; RWF_APPEND, which says
/// where, can't be.
long refusal(std::int64_t offset, int flags) {
  if (offset < -1) return -EINVAL;
  return (flags & ~(RWF_HIPRI | RWF_DSYNC | RWF_SYNC | RWF_NOWAIT)) != 0 ? -EOPNOTSUPP : 0;
}

}  // namespace

HOOK(ssize_t, read, (int fd, void* into, size_t size)) {
  if (const FdEntry entry = file_entry(fd)) return read_remote(fd, entry, into, size, -1);
  return true_error(fd, original(read)(fd, into, size));
}

HOOK(ssize_t, __read_chk, (int fd, void* into, size_t size, size_t capacity)) {
  const FdEntry entry = file_entry(fd);
  if (entry && size <= capacity) return read_remote(fd, entry, into, size, -1);
  return true_error(fd, original(__read_chk)(fd, into, size, capacity));
}

HOOK(ssize_t, pread, (int fd, void* into, size_t size, off_t offset)) {
  if (const FdEntry entry = file_entry(fd))
    return offset < 0 ? invalid() : read_remote(fd, entry, into, size, offset);
  return original(pread)(fd, into, size, offset);
}
HOOK_ALIAS(pread64, pread)

HOOK(ssize_t, __pread_chk, (int fd, void* into, size_t size, off_t offset, size_t capacity)) {
  const FdEntry entry = file_entry(fd);
  if (entry && size <= capacity) return offset < 0 ? invalid() : read_remote(fd, entry, into, size, offset);
  return original(__pread_chk)(fd, into, size, offset, capacity);
}
HOOK_ALIAS(__pread64_chk, __pread_chk)

HOOK(ssize_t, readv, (int fd, const iovec* parts, int count)) {
  if (const FdEntry entry = file_entry(fd))
    return result<ssize_t>(files::read(core, fd, entry, buffers(parts, count), -1));
  return true_error(fd, original(readv)(fd, parts, count));
}

HOOK(ssize_t, preadv, (int fd, const iovec* parts, int count, off_t offset)) {
  if (const FdEntry entry = file_entry(fd))
    return offset < 0 ? invalid()
                      : result<ssize_t>(files::read(core, fd, entry, buffers(parts, count), offset));
  return original(preadv)(fd, parts, count, offset);
}
HOOK_ALIAS(preadv64, preadv)

HOOK(ssize_t, preadv2, (int fd, const iovec* parts, int count, off_t offset, int flags)) {
  if (const FdEntry entry = file_entry(fd)) {
    const long refused = refusal(offset, flags);
    return result<ssize_t>(refused != 0 ? refused
                                        : files::read(core, fd, entry, buffers(parts, count), offset));
  }
  return original(preadv2)(fd, parts, count, offset, flags);
}
HOOK_ALIAS(preadv64v2, preadv2)

HOOK(ssize_t, write, (int fd, const void* from, size_t size)) {
  if (const FdEntry entry = file_entry(fd)) return write_remote(fd, entry, from, size, -1);
  return true_error(fd, original(write)(fd, from, size));
}

HOOK(ssize_t, pwrite, (int fd, const void* from, size_t size, off_t offset)) {
  if (const FdEntry entry = file_entry(fd))
    return offset < 0 ? invalid() : write_remote(fd, entry, from, size, offset);
  return original(pwrite)(fd, from, size, offset);
}
HOOK_ALIAS(pwrite64, pwrite)

HOOK(ssize_t, writev, (int fd, const iovec* parts, int count)) {
  if (const FdEntry entry = file_entry(fd))
    return result<ssize_t>(files::write(core, fd, entry, buffers(parts, count), -1));
  return true_error(fd, original(writev)(fd, parts, count));
}

HOOK(ssize_t, pwritev, (int fd, const iovec* parts, int count, off_t offset)) {
  if (const FdEntry entry = file_entry(fd))
    return offset < 0 ? invalid()
                      : result<ssize_t>(files::write(core, fd, entry, buffers(parts, count), offset));
  return original(pwritev)(fd, parts, count, offset);
}
HOOK_ALIAS(pwritev64, pwritev)

HOOK(ssize_t, pwritev2, (int fd, const iovec* parts, int count, off_t offset, int flags)) {
  if (const FdEntry entry = file_entry(fd)) {
    const long refused = refusal(offset, flags);
    const long written =
        refused != 0 ? refused : files::write(core, fd, entry, buffers(parts, count), offset);
    if (written > 0 && (flags & (RWF_DSYNC | RWF_SYNC)) != 0)
      if (const long failed = files::sync(core, entry, (flags & RWF_SYNC) == 0); failed != 0)
        return result<ssize_t>(failed);
    return result<ssize_t>(written);
  }
  return original(pwritev2)(fd, parts, count, offset, flags);
}
HOOK_ALIAS(pwritev64v2, pwritev2)

HOOK(off_t, lseek, (int fd, off_t offset, int whence)) {
  if (const FdEntry entry = file_entry(fd))
    return result<off_t>(files::seek(core, fd, entry, offset, whence));
  return original(lseek)(fd, offset, whence);
}
HOOK_ALIAS(lseek64, lseek)

HOOK(int, ftruncate, (int fd, off_t size)) {
  if (const FdEntry entry = file_entry(fd)) return result<int>(files::truncate(core, entry, size));
  return original(ftruncate)(fd, size);
}
HOOK_ALIAS(ftruncate64, ftruncate)

HOOK(int, fsync, (int fd)) {
  if (const FdEntry entry = file_entry(fd)) return result<int>(files::sync(core, entry, false));
  return original(fsync)(fd);
}

HOOK(int, fdatasync, (int fd)) {
  if (const FdEntry entry = file_entry(fd)) return result<int>(files::sync(core, entry, true));
  return original(fdatasync)(fd);
}

HOOK(int, sync_file_range, (int fd, off_t offset, off_t length, unsigned flags)) {
  if (const FdEntry entry = file_entry(fd)) return result<int>(files::sync(core, entry, true));
  return original(sync_file_range)(fd, offset, length, flags);
}

HOOK(int, posix_fallocate, (int fd, off_t offset, off_t length)) {
  if (file_entry(fd)) return EOPNOTSUPP;
  return original(posix_fallocate)(fd, offset, length);
}
HOOK_ALIAS(posix_fallocate64, posix_fallocate)

HOOK(int, fallocate, (int fd, int mode, off_t offset, off_t length)) {
  if (file_entry(fd)) return result<int>(-EOPNOTSUPP);
  return original(fallocate)(fd, mode, offset, length);
}
HOOK_ALIAS(fallocate64, fallocate)
