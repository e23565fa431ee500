// Calls by which the kernel itself reads a descriptor: mmap, sendfile, copy_file_range, splice. The bytes
// must be in the memfd first, and stay.
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/types.h>
#include <unistd.h>

#include <climits>

#include "core/raw.hpp"
#include "layer.hpp"

using namespace inpod;
using namespace inpod::layer;

namespace {

constexpr std::size_t largest_piece = 4 << 20;  // bytes fetched before the kernel copies them

/// Sees to it that the kernel finds what it will read from fd at *offset (or at its own position). 0 or
/// -errno; `count` is cut to what was fetched.
long prepare(int fd, FdEntry entry, const off_t* offset, std::size_t& count) {
  if (entry.kind() != FdKind::snapshot) return -EINVAL;
  const long from = offset ? *offset : raw::seek(fd, 0, SEEK_CUR);
  if (from < 0) return -EINVAL;
  if (count > largest_piece) count = largest_piece;
  return files::ensure(core, entry, static_cast<std::uint64_t>(from), count, true);
}

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
      const long value = files::ensure(core, entry, static_cast<std::uint64_t>(offset), length, true);
      if (value != 0) return result<int>(value), MAP_FAILED;
    }
  }
  return original(mmap)(at, length, protection, flags, fd, offset);
}
HOOK_ALIAS(mmap64, mmap)

HOOK(ssize_t, sendfile, (int to, int from, off_t* offset, size_t count)) {
  if (file_entry(to)) return result<ssize_t>(-EINVAL);
  if (const FdEntry entry = file_entry(from))
    if (const long value = prepare(from, entry, offset, count); value != 0) return result<ssize_t>(value);
  return original(sendfile)(to, from, offset, count);
}
HOOK_ALIAS(sendfile64, sendfile)

HOOK(ssize_t, copy_file_range,
     (int from, off_t* from_offset, int to, off_t* to_offset, size_t count, unsigned flags)) {
  if (file_entry(to)) return result<ssize_t>(-EXDEV);
  if (const FdEntry entry = file_entry(from))
    if (const long value = prepare(from, entry, from_offset, count); value != 0)
      return result<ssize_t>(value == -EINVAL ? -EXDEV : value);
  return original(copy_file_range)(from, from_offset, to, to_offset, count, flags);
}

HOOK(ssize_t, splice,
     (int from, off_t* from_offset, int to, off_t* to_offset, size_t count, unsigned flags)) {
  if (file_entry(to)) return result<ssize_t>(-EINVAL);
  if (const FdEntry entry = file_entry(from))
    if (const long value = prepare(from, entry, from_offset, count); value != 0)
      return result<ssize_t>(value);
  return original(splice)(from, from_offset, to, to_offset, count, flags);
}
