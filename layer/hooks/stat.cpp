// stat and its family: by path, by descriptor, glibc's old __xstat forms, statx; access and its family.
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>

#include <cstring>

#include "hooks/times.hpp"
#include "layer.hpp"

using namespace inpod;
using namespace inpod::layer;

namespace {

void fill(struct stat& into, const relay::Stat& from) {
  memset(&into, 0, sizeof into);
  into.st_dev = from.device;
  into.st_ino = from.inode;
  into.st_mode = from.mode;
  into.st_nlink = from.links;
  into.st_uid = from.uid;
  into.st_gid = from.gid;
  into.st_rdev = from.special_device;
  into.st_size = static_cast<off_t>(from.size);
  into.st_blksize = static_cast<blksize_t>(from.block_size);
  into.st_blocks = static_cast<blkcnt_t>(from.blocks);
  into.st_atim = time_of(from.accessed_ns);
  into.st_mtim = time_of(from.modified_ns);
  into.st_ctim = time_of(from.changed_ns);
}

struct statx_timestamp timestamp_of(std::int64_t ns) {
  const timespec time = time_of(ns);
  struct statx_timestamp stamp {};
  stamp.tv_sec = time.tv_sec;
  stamp.tv_nsec = static_cast<std::uint32_t>(time.tv_nsec);
  return stamp;
}

void fill(struct statx& into, const relay::Stat& from) {
  memset(&into, 0, sizeof into);
  into.stx_mask = STATX_BASIC_STATS | (from.born_ns != 0 ? STATX_BTIME : 0);
  into.stx_blksize = static_cast<std::uint32_t>(from.block_size);
  into.stx_nlink = from.links;
  into.stx_uid = from.uid;
  into.stx_gid = from.gid;
  into.stx_mode = static_cast<std::uint16_t>(from.mode);
  into.stx_ino = from.inode;
  into.stx_size = from.size;
  into.stx_blocks = from.blocks;
  into.stx_atime = timestamp_of(from.accessed_ns);
  into.stx_btime = timestamp_of(from.born_ns);
  into.stx_ctime = timestamp_of(from.changed_ns);
  into.stx_mtime = timestamp_of(from.modified_ns);
  into.stx_rdev_major = major(from.special_device);
  into.stx_rdev_minor = minor(from.special_device);
  into.stx_dev_major = major(from.device);
  into.stx_dev_minor = minor(from.device);
}

/// Asks about a path, or with AT_EMPTY_PATH about dirfd itself.
long ask(int dirfd, const char* path, int flags, relay::Stat& answer) {
  if (!active()) return not_ours;
  if ((flags & AT_EMPTY_PATH) != 0 && (!path || !*path)) {
    const FdEntry entry = file_entry(dirfd);
    return entry ? files::stat(core, entry, answer) : not_ours;
  }
  return files::stat(core, dirfd, path, (flags & AT_SYMLINK_NOFOLLOW) == 0, answer);
}

/// The answer in the program's structure, or `here()` for what is local.
template <class Into, class Here>
int answer(int dirfd, const char* path, int flags, Into* into, Here here) {
  relay::Stat stat;
  const long value = ask(dirfd, path, flags, stat);
  if (value == not_ours) return here();
  if (value == 0) fill(*into, stat);
  return result<int>(value);
}

template <class Here>
int answer_fd(int fd, struct stat* into, Here here) {
  const FdEntry entry = file_entry(fd);
  if (!entry) return here();
  relay::Stat stat;
  const long value = files::stat(core, entry, stat);
  if (value == 0) fill(*into, stat);
  return result<int>(value);
}

}  // namespace

HOOK(int, stat, (const char* path, struct stat* into)) {
  return answer(AT_FDCWD, path, 0, into, [&] { return original(stat)(path, into); });
}
HOOK_ALIAS(stat64, stat)

HOOK(int, lstat, (const char* path, struct stat* into)) {
  return answer(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW, into, [&] { return original(lstat)(path, into); });
}
HOOK_ALIAS(lstat64, lstat)

HOOK(int, fstat, (int fd, struct stat* into)) {
  return answer_fd(fd, into, [&] { return original(fstat)(fd, into); });
}
HOOK_ALIAS(fstat64, fstat)

HOOK(int, fstatat, (int dirfd, const char* path, struct stat* into, int flags)) {
  return answer(dirfd, path, flags, into, [&] {
    return here(dirfd, path,
                [&](int at, const char* name) { return original(fstatat)(at, name, into, flags); });
  });
}
HOOK_ALIAS(fstatat64, fstatat)

HOOK(int, __xstat, (int version, const char* path, struct stat* into)) {
  return answer(AT_FDCWD, path, 0, into, [&] { return original(__xstat)(version, path, into); });
}
HOOK_ALIAS(__xstat64, __xstat)

HOOK(int, __lxstat, (int version, const char* path, struct stat* into)) {
  return answer(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW, into,
                [&] { return original(__lxstat)(version, path, into); });
}
HOOK_ALIAS(__lxstat64, __lxstat)

HOOK(int, __fxstat, (int version, int fd, struct stat* into)) {
  return answer_fd(fd, into, [&] { return original(__fxstat)(version, fd, into); });
}
HOOK_ALIAS(__fxstat64, __fxstat)

HOOK(int, __fxstatat, (int version, int dirfd, const char* path, struct stat* into, int flags)) {
  return answer(dirfd, path, flags, into, [&] {
    return here(dirfd, path, [&](int at, const char* name) {
      return original(__fxstatat)(version, at, name, into, flags);
    });
  });
}
HOOK_ALIAS(__fxstatat64, __fxstatat)

HOOK(int, statx, (int dirfd, const char* path, int flags, unsigned mask, struct statx* into)) {
  return answer(dirfd, path, flags, into, [&] {
    return here(dirfd, path,
                [&](int at, const char* name) { return original(statx)(at, name, flags, mask, into); });
  });
}

HOOK(int, access, (const char* path, int mode)) {
  const long value = active() ? files::access(core, AT_FDCWD, path, mode, 0) : not_ours;
  return value == not_ours ? original(access)(path, mode) : result<int>(value);
}

HOOK(int, euidaccess, (const char* path, int mode)) {
  const long value = active() ? files::access(core, AT_FDCWD, path, mode, AT_EACCESS) : not_ours;
  return value == not_ours ? original(euidaccess)(path, mode) : result<int>(value);
}
HOOK_ALIAS(eaccess, euidaccess)

HOOK(int, faccessat, (int dirfd, const char* path, int mode, int flags)) {
  const long value = active() ? files::access(core, dirfd, path, mode, flags) : not_ours;
  return value == not_ours
             ? here(dirfd, path,
                    [&](int at, const char* name) { return original(faccessat)(at, name, mode, flags); })
             : result<int>(value);
}

// The pod's file systems can't be asked about from here. Programs ask for free space and for the type: what
// is remote answers as the local root does, but as a network file system, by which programs (tail -f) know
// that local tricks don't work.

namespace {

constexpr long network_file_system = 0x6969;  // NFS_SUPER_MAGIC

int stand_in(struct statfs* into, int (*next)(const char*, struct statfs*)) {
  const int done = next("/", into);
  if (done == 0) into->f_type = network_file_system;
  return done;
}

int stand_in(struct statvfs* into, int (*next)(const char*, struct statvfs*), bool read_only) {
  const int done = next("/", into);
  if (done == 0 && read_only) into->f_flag |= ST_RDONLY;
  return done;
}

}  // namespace

HOOK(int, statfs, (const char* path, struct statfs* into)) {
  relay::Stat stat;
  const long value = active() ? files::stat(core, AT_FDCWD, path, true, stat) : not_ours;
  if (value == not_ours) return original(statfs)(path, into);
  return value != 0 ? result<int>(value) : stand_in(into, original(statfs));
}
HOOK_ALIAS(statfs64, statfs)

HOOK(int, fstatfs, (int fd, struct statfs* into)) {
  return file_entry(fd) ? stand_in(into, original(statfs)) : original(fstatfs)(fd, into);
}
HOOK_ALIAS(fstatfs64, fstatfs)

HOOK(int, statvfs, (const char* path, struct statvfs* into)) {
  if (!active()) return original(statvfs)(path, into);
  if (const FdEntry entry = files::through_descriptor(core, path))
    return stand_in(into, original(statvfs), entry.access() == O_RDONLY);
  relay::Stat stat;
  FileMode mode = FileMode::read;
  const long value = files::locate_to_look(core, AT_FDCWD, path, [&](const files::Location& location) {
    mode = location.mode;
    return files::stat(core, location, true, stat);
  });
  if (value == not_ours) return original(statvfs)(path, into);
  return value != 0 ? result<int>(value) : stand_in(into, original(statvfs), mode == FileMode::read);
}
HOOK_ALIAS(statvfs64, statvfs)

HOOK(int, fstatvfs, (int fd, struct statvfs* into)) {
  const FdEntry entry = file_entry(fd);
  return entry ? stand_in(into, original(statvfs), entry.access() == O_RDONLY) : original(fstatvfs)(fd, into);
}
HOOK_ALIAS(fstatvfs64, fstatvfs)

HOOK(long, pathconf, (const char* path, int name)) {
  relay::Stat stat;
  const long value = active() ? files::stat(core, AT_FDCWD, path, true, stat) : not_ours;
  if (value == not_ours) return original(pathconf)(path, name);
  return value != 0 ? result<long>(value) : original(pathconf)("/", name);
}
