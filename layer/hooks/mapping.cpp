// Calls by which the kernel itself reads a descriptor: mmap, sendfile, copy_file_range, splice. What is
// mapped must be in the memfd first, and stay. The others are done by the kernel where the whole file is
// there, else by read and write.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

#include <climits>

#include "core/raw.hpp"
#include "hooks/socket_error.hpp"
#include "layer.hpp"

using namespace inpod;
using namespace inpod::layer;

namespace {

[[gnu::noinline]] void note_shared_memory(FdEntry entry) {
  char path[PATH_MAX];
  const long length = files::path_of(core, entry, path, sizeof path);
  core.note_once({path, static_cast<std::size_t>(length < 0 ? 0 : length)},
                 "the program shares memory by this file of the pod (mmap), which can't be carried (ENODEV). "
                 "SQLite does so for journal_mode=WAL: use another mode or PRAGMA locking_mode=EXCLUSIVE, or "
                 "name the file's folder in files.local");
}

/// mmap(2) of a file that has no memfd. A private mapping may be a copy. null: -errno is in `failed`.
void* map_handle(void* at, std::size_t length, int protection, int flags, FdEntry entry, std::int64_t offset,
                 long& failed) {
  failed = -EACCES;
  if (entry.access() == O_WRONLY) return nullptr;
  failed = -ENODEV;
  if ((flags & MAP_TYPE) != MAP_PRIVATE) return note_shared_memory(entry), nullptr;
  const long made = raw::map(at, length, PROT_READ | PROT_WRITE, flags | MAP_ANONYMOUS, -1, 0);
  failed = made;
  if (made < 0 && made > -4096) return nullptr;
  auto* memory = reinterpret_cast<char*>(made);
  for (std::size_t done = 0; done < length;) {
    const iovec rest{memory + done, length - done};
    const long got = files::read(core, -1, entry, {&rest, 1}, offset + static_cast<std::int64_t>(done));
    if (got == 0) break;
    if (got < 0) {
      raw::unmap(memory, length);
      failed = got;
      return nullptr;
    }
    done += static_cast<std::size_t>(got);
  }
  raw::call(SYS_mprotect, made, static_cast<long>(length), protection);
  return memory;
}

}  // namespace

HOOK(void*, mmap, (void* at, size_t length, int protection, int flags, int fd, off_t offset)) {
  if ((flags & MAP_ANONYMOUS) == 0 && offset >= 0) {
    if (const FdEntry entry = file_entry(fd)) {
      if (entry.kind() == FdKind::handle) {
        long failed = 0;
        void* mapped = map_handle(at, length, protection, flags, entry, offset, failed);
        return mapped ? mapped : (result<int>(failed), MAP_FAILED);
      }
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
