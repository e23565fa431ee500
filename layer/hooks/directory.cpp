// Directory streams: opendir … closedir, scandir, getdents64.
//
// A stream over a remote directory is one of ours: an element of a fixed array, told from libc's by its
// address. Its records are the memfd's own, mapped privately: struct linux_dirent64 is laid out as struct
// dirent64 (and dirent) is.
#include <dirent.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>

#include "core/raw.hpp"
#include "hooks/descriptor.hpp"
#include "hooks/places.hpp"
#include "layer.hpp"

using namespace inpod;
using namespace inpod::layer;

static_assert(sizeof(dirent) == sizeof(dirent64) && offsetof(dirent, d_name) == offsetof(dirent64, d_name));

namespace {

struct Stream {
  std::atomic<bool> used;
  int fd;
  char* records;
  std::size_t size;
  std::atomic<std::size_t> at;  ///< threads may read one stream, as in libc
};
constinit Places<Stream> streams = {};

Stream* ours(DIR* directory) {
  auto* stream = reinterpret_cast<Stream*>(directory);
  return streams.holds(stream) ? stream : nullptr;
}

DIR* fail(int code) {
  errno = code;
  return nullptr;
}

void unmap(Stream& stream) {
  if (stream.size != 0) raw::unmap(stream.records, stream.size);
  stream.size = 0;
}

/// Maps the records that lie in `fd`. 0 or -errno.
long map_records(Stream& stream, int fd) {
  struct stat file;
  if (const long value = raw::stat_at(fd, "", &file, AT_EMPTY_PATH); value != 0) return value;
  const long size = file.st_size;
  stream.at = 0;
  stream.size = 0;
  if (size == 0) return 0;
  const long at =
      raw::map(nullptr, static_cast<std::size_t>(size), PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
  if (at < 0 && at > -4096) return at;
  stream.records = reinterpret_cast<char*>(at);
  stream.size = static_cast<std::size_t>(size);
  return 0;
}

/// A stream over a descriptor that is a remote directory. Does not take fd over when it fails.
DIR* stream_over(int fd) {
  Stream* const stream = streams.claim();
  if (!stream) return fail(ENOMEM);
  if (const long value = map_records(*stream, fd); value != 0) {
    stream->used.store(false);
    return fail(static_cast<int>(-value));
  }
  stream->fd = fd;
  return reinterpret_cast<DIR*>(stream);
}

dirent* next(Stream& stream) {
  std::size_t at = stream.at.load();
  for (;;) {
    if (stream.size - at <= offsetof(dirent, d_name)) return nullptr;
    auto* record = reinterpret_cast<dirent*>(stream.records + at);
    if (record->d_reclen == 0 || record->d_reclen > stream.size - at) return nullptr;
    if (!stream.at.compare_exchange_weak(at, at + record->d_reclen)) continue;
    record->d_off = static_cast<off_t>(at + record->d_reclen);
    return record;
  }
}

/// readdir_r: a copy instead of a pointer. 0 and a null result at the end.
int next_copy(Stream& stream, dirent* into, dirent** result) {
  const dirent* record = next(stream);
  *result = nullptr;
  if (!record) return 0;
  if (record->d_reclen > sizeof(dirent)) return ENAMETOOLONG;
  memcpy(into, record, record->d_reclen);
  *result = into;
  return 0;
}

using Filter = int (*)(const dirent*);
using Compare = int (*)(const dirent**, const dirent**);

/// scandir over a stream of ours; closes it.
int scan(DIR* directory, dirent*** list, Filter filter, Compare compare) {
  dirent** found = nullptr;
  std::size_t count = 0, room = 0;
  bool failed = false;
  while (dirent* record = next(*ours(directory))) {
    if (filter && filter(record) == 0) continue;
    if (count == room) {
      room = room == 0 ? 16 : room * 2;
      auto** bigger = static_cast<dirent**>(realloc(found, room * sizeof *found));
      if (!bigger) {
        failed = true;
        break;
      }
      found = bigger;
    }
    found[count] = static_cast<dirent*>(malloc(record->d_reclen));
    if (!found[count]) {
      failed = true;
      break;
    }
    memcpy(found[count++], record, record->d_reclen);
  }
  closedir(directory);
  if (failed) {
    while (count != 0) free(found[--count]);
    free(found);
    errno = ENOMEM;
    return -1;
  }
  if (compare && count != 0)
    qsort(found, count, sizeof *found, reinterpret_cast<int (*)(const void*, const void*)>(compare));
  *list = found;
  return static_cast<int>(count);
}

/// A stream for a path: null and `local` set where libc should do it.
DIR* open_remote(int dirfd, const char* path, bool& local) {
  local = !active();
  if (local) return nullptr;
  const long fd = files::open(core, dirfd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
  local = fd == not_ours;
  if (local) return nullptr;
  if (fd < 0) return fail(static_cast<int>(-fd));
  DIR* stream = stream_over(static_cast<int>(fd));
  if (!stream) {
    const int saved = errno;
    close_descriptor(static_cast<int>(fd));
    errno = saved;
  }
  return stream;
}

}  // namespace

HOOK(DIR*, opendir, (const char* path)) {
  bool local;
  DIR* directory = open_remote(AT_FDCWD, path, local);
  return local ? original(opendir)(path) : directory;
}

HOOK(DIR*, fdopendir, (int fd)) {
  const FdEntry entry = file_entry(fd);
  if (!entry) return original(fdopendir)(fd);
  return entry.kind() == FdKind::directory ? stream_over(fd) : fail(ENOTDIR);
}

HOOK(dirent*, readdir, (DIR * directory)) {
  Stream* stream = ours(directory);
  return stream ? next(*stream) : original(readdir)(directory);
}
HOOK_ALIAS(readdir64, readdir)

HOOK(int, readdir_r, (DIR * directory, dirent* into, dirent** entry)) {
  Stream* stream = ours(directory);
  return stream ? next_copy(*stream, into, entry) : original(readdir_r)(directory, into, entry);
}
HOOK_ALIAS(readdir64_r, readdir_r)

HOOK(int, closedir, (DIR * directory)) {
  Stream* stream = ours(directory);
  if (!stream) return original(closedir)(directory);
  const int fd = stream->fd;
  unmap(*stream);
  stream->used.store(false, std::memory_order_release);
  return close_descriptor(fd);
}

HOOK(int, dirfd, (DIR * directory)) {
  const Stream* stream = ours(directory);
  return stream ? stream->fd : original(dirfd)(directory);
}

HOOK(long, telldir, (DIR * directory)) {
  const Stream* stream = ours(directory);
  return stream ? static_cast<long>(stream->at) : original(telldir)(directory);
}

HOOK(void, seekdir, (DIR * directory, long position)) {
  Stream* stream = ours(directory);
  if (!stream) return original(seekdir)(directory, position);
  if (position >= 0 && static_cast<std::size_t>(position) <= stream->size)
    stream->at = static_cast<std::size_t>(position);
}

/// Reads the directory anew, as POSIX asks; keeps the old list where that fails.
HOOK(void, rewinddir, (DIR * directory)) {
  Stream* stream = ours(directory);
  if (!stream) return original(rewinddir)(directory);
  stream->at = 0;
  char path[4096];
  const int saved = errno;
  if (const long length = files::path_of(core, core.fds.get(stream->fd), path, sizeof path); length > 0) {
    RelayCall call(relay::Op::list, {path, static_cast<std::size_t>(length)});
    if (core.relay.ask(call) == 0 && call.fd >= 0) {
      Stream fresh{};
      if (map_records(fresh, call.fd) == 0) {
        unmap(*stream);
        stream->records = fresh.records;
        stream->size = fresh.size;
      }
      raw::close(call.fd);
    }
  }
  errno = saved;
}

HOOK(int, scandir, (const char* path, dirent*** list, Filter filter, Compare compare)) {
  bool local;
  DIR* directory = open_remote(AT_FDCWD, path, local);
  if (local) return original(scandir)(path, list, filter, compare);
  return directory ? scan(directory, list, filter, compare) : -1;
}
HOOK_ALIAS(scandir64, scandir)

HOOK(int, scandirat, (int dirfd, const char* path, dirent*** list, Filter filter, Compare compare)) {
  bool local;
  DIR* directory = open_remote(dirfd, path, local);
  if (local)
    return here(dirfd, path, [&](int at, const char* name) {
      return original(scandirat)(at, name, list, filter, compare);
    });
  return directory ? scan(directory, list, filter, compare) : -1;
}
HOOK_ALIAS(scandirat64, scandirat)

HOOK(ssize_t, getdents64, (int fd, void* into, size_t size)) {
  if (const FdEntry entry = file_entry(fd))
    return result<ssize_t>(files::read_directory(core, fd, entry, into, size));
  return original(getdents64)(fd, into, size);
}
