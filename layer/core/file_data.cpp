// The bytes of remote files: reading and writing, seeking, directory records. See files.hpp.
//
// A snapshot is read straight from its memfd where the slot says the bytes are there, with a second look at
// the slot afterwards, since the relay may have dropped them meanwhile (relay_protocol.hpp).
#include <dirent.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <cerrno>
#include <climits>
#include <cstring>

#include "core/files.hpp"
#include "core/raw.hpp"

namespace inpod::files {
namespace {

constexpr int ensure_rounds = 3;
constexpr std::uint64_t most_at_once = 0x7ffff000;  // bytes of one call, as in the kernel (MAX_RW_COUNT)

/// A slot's words, read so that begin is never older than end.
struct Window {
  bool known = false;
  std::uint64_t size = 0, begin = 0, end = 0;
  bool holds(std::uint64_t from, std::uint64_t to) const { return known && begin <= from && to <= end; }
  bool whole() const { return known && begin == 0 && end >= size; }
};

Window window_of(const Core& core, FdEntry entry) {
  Window window;
  if (entry.slot() >= relay::slot_count) return window;
  const relay::Slot& slot = core.slots[entry.slot()];
  window.end = __atomic_load_n(&slot.end, __ATOMIC_ACQUIRE);
  window.size = __atomic_load_n(&slot.size, __ATOMIC_ACQUIRE);
  window.begin = __atomic_load_n(&slot.begin, __ATOMIC_ACQUIRE);
  window.known = __atomic_load_n(&slot.handle, __ATOMIC_ACQUIRE) == entry.handle();
  return window;
}

std::uint64_t total(std::span<const iovec> parts) {
  std::uint64_t sum = 0;
  for (const iovec& one : parts) sum += one.iov_len;
  return sum < most_at_once ? sum : most_at_once;
}

long real_readv(int fd, std::span<const iovec> into, std::int64_t offset) {
  return raw::call(SYS_preadv, fd, raw::word(into.data()), static_cast<long>(into.size()), offset, 0);
}

/// Whether a read goes on until its buffers are full: one of a pipe or a terminal gives what is there.
bool fills_buffers(Core& core, FdEntry entry) {
  relay::Stat is;
  return stat(core, entry, is) == 0 && (is.mode & S_IFMT) == S_IFREG;
}

long seek_handle(Core& core, FdEntry entry, std::int64_t offset, int whence) {
  RelayCall call(relay::Op::seek);
  call.request.a = entry.handle();
  call.request.b = static_cast<std::uint64_t>(offset);
  call.request.c = static_cast<std::uint64_t>(whence);
  const long result = core.relay.ask(call);
  return result != 0 ? result : static_cast<long>(call.reply.a);
}

/// Asks the relay for the bytes themselves, one buffer after another, until one is not filled.
/// offset < 0: at the handle's own position.
long read_through_relay(Core& core, FdEntry entry, std::span<const iovec> into, std::int64_t offset) {
  std::uint64_t done = 0;
  bool goes_on = false;
  for (const iovec& one : into) {
    std::size_t filled = 0;
    while (filled < one.iov_len) {
      if (done != 0 && offset < 0 && !goes_on && !(goes_on = fills_buffers(core, entry)))
        return static_cast<long>(done);
      RelayCall call(relay::Op::read);
      call.request.a = entry.handle();
      call.into = static_cast<char*>(one.iov_base) + filled;
      call.capacity = one.iov_len - filled < relay::max_data ? one.iov_len - filled : relay::max_data;
      call.request.b = call.capacity;
      call.request.c = offset < 0 ? 0 : static_cast<std::uint64_t>(offset) + done;
      call.request.d = offset < 0;
      const long result = core.relay.ask(call);
      if (result != 0) return done != 0 ? static_cast<long>(done) : result;
      filled += call.received;
      done += call.received;
      if (call.received < call.capacity) return static_cast<long>(done);
    }
  }
  return static_cast<long>(done);
}

/// The same at the handle's position, which others may share: what takes more than one message is claimed
/// first, as in read_claimed.
long read_handle(Core& core, FdEntry entry, std::span<const iovec> into) {
  const std::uint64_t all = total(into);
  relay::Stat is;
  if (all <= relay::max_data || stat(core, entry, is) != 0 || (is.mode & S_IFMT) != S_IFREG)
    return read_through_relay(core, entry, into, -1);
  const long position = seek_handle(core, entry, 0, SEEK_CUR);
  const auto left = static_cast<long>(is.size) - position;
  if (position < 0 || left <= static_cast<long>(relay::max_data))
    return read_through_relay(core, entry, into, -1);
  const long wanted = static_cast<long>(all) < left ? static_cast<long>(all) : left;
  const long end = seek_handle(core, entry, wanted, SEEK_CUR);
  if (end < 0) return end;
  long got = read_through_relay(core, entry, into, end - wanted);
  if (got > wanted) got = wanted;
  if (got < wanted) seek_handle(core, entry, (got > 0 ? got : 0) - wanted, SEEK_CUR);
  return got;
}

long refresh(Core& core, FdEntry entry, std::uint64_t& size) {
  RelayCall call(relay::Op::refresh);
  call.request.a = entry.handle();
  const long result = core.relay.ask(call);
  size = call.reply.a;
  return result;
}

/// Of the `wanted` bytes, those that come at once.
long pread_snapshot(Core& core, int fd, FdEntry entry, std::span<const iovec> into, std::uint64_t offset,
                    std::uint64_t wanted) {
  if (wanted == 0) return 0;
  bool refreshed = false;
  for (int round = 0; round < ensure_rounds;) {
    Window window = window_of(core, entry);
    if (window.known && offset >= window.size) {
      if (refreshed) return 0;
      refreshed = true;
      std::uint64_t size = 0;
      if (const long result = refresh(core, entry, size); result != 0) return result == -EIO ? 0 : result;
      if (size <= offset) return 0;
      window = window_of(core, entry);
    }
    const std::uint64_t end = window.size - offset < wanted ? window.size : offset + wanted;
    if (!window.holds(offset, end)) {
      ++round;
      if (const long result = ensure(core, entry, offset, wanted, Keep::no); result != 0) return result;
      window = window_of(core, entry);
      // A long read may get less than it asked for, as from a slow file system, if the start is there.
      if (!window.known || window.begin > offset || window.end <= offset) continue;
    }
    const long got = real_readv(fd, into, static_cast<std::int64_t>(offset));
    if (got < 0) return got;
    const Window after = window_of(core, entry);
    // What came in during the read may have been read too early: only what was there before it counts.
    const std::uint64_t last = window.end < after.end ? window.end : after.end;
    if (after.known && after.begin <= offset && offset < last) {
      const std::uint64_t there = last - offset < wanted ? last - offset : wanted;
      if (got > 0) return static_cast<std::uint64_t>(got) < there ? got : static_cast<long>(there);
      if (refreshed) return 0;
    }
  }
  return read_through_relay(core, entry, into, static_cast<std::int64_t>(offset));
}

/// The kernel fills the buffers from a regular file as far as the file goes; the window may need several
/// rounds for that.
long pread_fully(Core& core, int fd, FdEntry entry, std::span<const iovec> into, std::uint64_t offset,
                 std::uint64_t wanted) {
  long got = pread_snapshot(core, fd, entry, into, offset, wanted);
  if (got <= 0) return got;
  auto done = static_cast<std::uint64_t>(got);
  std::uint64_t passed = 0;
  for (const iovec& one : into) {
    while (done < wanted && done < passed + one.iov_len) {
      const std::uint64_t filled = done - passed;
      const iovec rest{static_cast<char*>(one.iov_base) + filled, one.iov_len - filled};
      const std::uint64_t left = rest.iov_len < wanted - done ? rest.iov_len : wanted - done;
      got = pread_snapshot(core, fd, entry, {&rest, 1}, offset + done, left);
      if (got <= 0) return static_cast<long>(done);
      done += static_cast<std::uint64_t>(got);
    }
    passed += one.iov_len;
  }
  return static_cast<long>(done);
}

/// Reads at the position. Threads and processes may share it, so the bytes are claimed before they are read:
/// lseek(2) adds to the position and tells the sum in one step. What was claimed and isn't there is given
/// back.
long read_claimed(Core& core, int fd, FdEntry entry, std::span<const iovec> into) {
  const long position = raw::seek(fd, 0, SEEK_CUR);
  if (position < 0) return position;
  std::uint64_t size = window_of(core, entry).size;
  if (static_cast<std::uint64_t>(position) >= size) {
    if (const long result = refresh(core, entry, size); result != 0) return result == -EIO ? 0 : result;
    if (static_cast<std::uint64_t>(position) >= size) return 0;
  }
  const std::uint64_t left = size - static_cast<std::uint64_t>(position), all = total(into);
  const auto wanted = static_cast<long>(all < left ? all : left);
  const long end = raw::seek(fd, wanted, SEEK_CUR);
  if (end < 0) return end;
  const long got = pread_fully(core, fd, entry, into, static_cast<std::uint64_t>(end - wanted),
                               static_cast<std::uint64_t>(wanted));
  const long missing = wanted - (got > 0 ? got : 0);
  if (missing != 0) raw::seek(fd, -missing, SEEK_CUR);
  return got;
}

long read_snapshot(Core& core, int fd, FdEntry entry, std::span<const iovec> into) {
  if (const Window before = window_of(core, entry); before.whole()) {
    const long got = raw::call(SYS_readv, fd, raw::word(into.data()), static_cast<long>(into.size()));
    if (got < 0) return got;
    // A file that has grown meanwhile may have been read where its new bytes had not come yet.
    if (const Window after = window_of(core, entry); got > 0 && after.whole() && after.size == before.size)
      return got;
    if (got > 0) raw::seek(fd, -got, SEEK_CUR);
  }
  return read_claimed(core, fd, entry, into);
}

}  // namespace

std::uint64_t copyable(const Core& core, FdEntry entry, std::uint64_t offset) {
  const Window window = window_of(core, entry);
  return entry.kind() == FdKind::snapshot && window.whole() && offset < window.size ? window.size - offset
                                                                                    : 0;
}

long ensure(Core& core, FdEntry entry, std::uint64_t offset, std::uint64_t length, Keep keep) {
  if (entry.kind() != FdKind::snapshot) return -ENODEV;
  if (const Window window = window_of(core, entry); keep == Keep::no && window.whole()) return 0;
  RelayCall call(relay::Op::ensure);
  call.request.a = entry.handle();
  call.request.b = offset;
  call.request.c = length;
  call.request.d = static_cast<std::uint64_t>(keep);
  return core.relay.ask(call);
}

long read(Core& core, int fd, FdEntry entry, std::span<const iovec> into, std::int64_t offset) {
  switch (entry.kind()) {
    case FdKind::snapshot:
      return offset < 0 ? read_snapshot(core, fd, entry, into)
                        : pread_fully(core, fd, entry, into, static_cast<std::uint64_t>(offset), total(into));
    case FdKind::handle:
      if (entry.access() == O_WRONLY) return -EBADF;
      return offset < 0 ? read_handle(core, entry, into) : read_through_relay(core, entry, into, offset);
    default:
      return -EISDIR;
  }
}

namespace {

long write_through_relay(Core& core, FdEntry entry, std::span<const iovec> from, std::int64_t offset) {
  std::uint64_t done = 0;
  for (const iovec& one : from) {
    std::size_t sent = 0;
    while (sent < one.iov_len) {
      RelayCall call(relay::Op::write);
      call.request.a = entry.handle();
      call.data = static_cast<const char*>(one.iov_base) + sent;
      call.data_size = one.iov_len - sent < relay::max_data ? one.iov_len - sent : relay::max_data;
      call.request.c = offset < 0 ? 0 : static_cast<std::uint64_t>(offset) + done;
      call.request.d = offset < 0;
      const long result = core.relay.ask(call);
      if (result == -EPIPE)
        raw::call(SYS_tgkill, raw::process_id(), raw::call(SYS_gettid), SIGPIPE);  // a FIFO without a reader
      if (result != 0) return done != 0 ? static_cast<long>(done) : result;
      sent += call.reply.a;
      done += call.reply.a;
      if (call.reply.a < call.data_size) return static_cast<long>(done);
    }
  }
  return static_cast<long>(done);
}

}  // namespace

long write(Core& core, int, FdEntry entry, std::span<const iovec> from, std::int64_t offset) {
  if (entry.kind() != FdKind::handle || entry.access() == O_RDONLY) return -EBADF;
  const auto all = static_cast<long>(total(from));
  if (offset >= 0 || entry.append() || all <= static_cast<long>(relay::max_data))
    return write_through_relay(core, entry, from, offset);
  const long end = seek_handle(core, entry, all, SEEK_CUR);  // as in read_handle
  if (end < 0) return write_through_relay(core, entry, from, offset);
  const long done = write_through_relay(core, entry, from, end - all);
  if (done < all) seek_handle(core, entry, (done > 0 ? done : 0) - all, SEEK_CUR);
  return done;
}

long seek(Core& core, int fd, FdEntry entry, std::int64_t offset, int whence) {
  if (entry.kind() == FdKind::handle) return seek_handle(core, entry, offset, whence);
  if (entry.kind() == FdKind::snapshot && whence != SEEK_SET && whence != SEEK_CUR) {
    std::uint64_t size = 0;
    if (const long result = refresh(core, entry, size); result != 0) return result;
    if (whence == SEEK_END)
      return offset < 0 && static_cast<std::uint64_t>(-offset) > size
                 ? -EINVAL
                 : raw::seek(fd, static_cast<std::int64_t>(size) + offset, SEEK_SET);
    // The memfd's holes are only what has not been fetched yet: to the program the file has none.
    if (offset < 0 || static_cast<std::uint64_t>(offset) >= size) return -ENXIO;
    return raw::seek(fd, whence == SEEK_HOLE ? static_cast<std::int64_t>(size) : offset, SEEK_SET);
  }
  return raw::seek(fd, offset, whence);
}

long truncate(Core& core, FdEntry entry, std::int64_t size) {
  if (size < 0 || entry.kind() != FdKind::handle || entry.access() == O_RDONLY) return -EINVAL;
  RelayCall call(relay::Op::truncate);
  call.request.a = entry.handle();
  call.request.b = static_cast<std::uint64_t>(size);
  return core.relay.ask(call);
}

long read_directory(Core&, int fd, FdEntry entry, void* into, std::size_t size) {
  if (entry.kind() != FdKind::directory) return -ENOTDIR;
  if (size > INT_MAX) size = INT_MAX;
  dirent64 first;
  const long head = raw::pread(fd, &first, offsetof(dirent64, d_name), 0);
  if (head <= 0) return head;
  // All records have one length, so a read of some of them ends where the next one begins, also for those who
  // share the position.
  const std::size_t length = first.d_reclen;
  if (head < static_cast<long>(offsetof(dirent64, d_name)) || length == 0 || length > sizeof first)
    return -EIO;
  if (size >= length) return raw::read(fd, into, size - size % length);
  const long got = raw::read(fd, &first, length);
  if (got <= 0) return got;
  const std::size_t needed = (offsetof(dirent64, d_name) + strlen(first.d_name) + 1 + 7) & ~std::size_t{7};
  if (needed > size) return raw::seek(fd, -got, SEEK_CUR), -EINVAL;
  first.d_reclen = static_cast<unsigned short>(needed);
  memcpy(into, &first, needed);
  return static_cast<long>(needed);
}

}  // namespace inpod::files
