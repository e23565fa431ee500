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

#include "core/files.hpp"
#include "core/raw.hpp"

namespace inpod::files {
namespace {

constexpr int ensure_rounds = 3;

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
  return sum;
}

long real_readv(int fd, std::span<const iovec> into, std::int64_t offset) {
  return raw::call(SYS_preadv, fd, raw::word(into.data()), static_cast<long>(into.size()), offset, 0);
}

/// Whether a read goes on until its buffers are full: one of a pipe or a terminal gives what is there.
bool fills_buffers(Core& core, FdEntry entry) {
  relay::Stat is;
  return stat(core, entry, is) == 0 && (is.mode & S_IFMT) == S_IFREG;
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

long refresh(Core& core, FdEntry entry, std::uint64_t& size) {
  RelayCall call(relay::Op::refresh);
  call.request.a = entry.handle();
  const long result = core.relay.ask(call);
  size = call.reply.a;
  return result;
}

long pread_snapshot(Core& core, int fd, FdEntry entry, std::span<const iovec> into, std::uint64_t offset) {
  const std::uint64_t wanted = total(into);
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
      if (const long result = ensure(core, entry, offset, wanted, false); result != 0) return result;
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
      const std::uint64_t there = last - offset;
      if (got > 0) return static_cast<std::uint64_t>(got) < there ? got : static_cast<long>(there);
      if (refreshed) return 0;
    }
  }
  return read_through_relay(core, entry, into, static_cast<std::int64_t>(offset));
}

/// The kernel fills a buffer from a regular file as far as the file goes; the window may need several rounds
/// for that.
long pread_fully(Core& core, int fd, FdEntry entry, std::span<const iovec> into, std::uint64_t offset) {
  long done = pread_snapshot(core, fd, entry, into, offset);
  while (into.size() == 1 && done > 0 && static_cast<std::size_t>(done) < into[0].iov_len) {
    const iovec rest{static_cast<char*>(into[0].iov_base) + done,
                     into[0].iov_len - static_cast<std::size_t>(done)};
    const long got = pread_snapshot(core, fd, entry, {&rest, 1}, offset + static_cast<std::uint64_t>(done));
    if (got <= 0) break;
    done += got;
  }
  return done;
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
  const long offset = raw::seek(fd, 0, SEEK_CUR);
  if (offset < 0) return offset;
  const long got = pread_fully(core, fd, entry, into, static_cast<std::uint64_t>(offset));
  if (got > 0) raw::seek(fd, offset + got, SEEK_SET);
  return got;
}

}  // namespace

long ensure(Core& core, FdEntry entry, std::uint64_t offset, std::uint64_t length, bool keep) {
  if (entry.kind() != FdKind::snapshot) return -ENODEV;
  if (const Window window = window_of(core, entry); !keep && window.whole()) return 0;
  RelayCall call(relay::Op::ensure);
  call.request.a = entry.handle();
  call.request.b = offset;
  call.request.c = length;
  call.request.d = keep;
  return core.relay.ask(call);
}

long read(Core& core, int fd, FdEntry entry, std::span<const iovec> into, std::int64_t offset) {
  switch (entry.kind()) {
    case FdKind::snapshot:
      return offset < 0 ? read_snapshot(core, fd, entry, into)
                        : pread_fully(core, fd, entry, into, static_cast<std::uint64_t>(offset));
    case FdKind::handle:
      return entry.access() == O_WRONLY ? -EBADF : read_through_relay(core, entry, into, offset);
    default:
      return -EISDIR;
  }
}

long write(Core& core, int, FdEntry entry, std::span<const iovec> from, std::int64_t offset) {
  if (entry.kind() != FdKind::handle || entry.access() == O_RDONLY) return -EBADF;
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

long seek(Core& core, int fd, FdEntry entry, std::int64_t offset, int whence) {
  if (entry.kind() == FdKind::handle) {
    RelayCall call(relay::Op::seek);
    call.request.a = entry.handle();
    call.request.b = static_cast<std::uint64_t>(offset);
    call.request.c = static_cast<std::uint64_t>(whence);
    const long result = core.relay.ask(call);
    return result != 0 ? result : static_cast<long>(call.reply.a);
  }
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
  const long got = raw::read(fd, into, size);
  if (got <= 0) return got;
  long whole = 0;
  while (got - whole > static_cast<long>(offsetof(dirent64, d_name))) {
    const auto* record = reinterpret_cast<const dirent64*>(static_cast<const char*>(into) + whole);
    if (record->d_reclen == 0 || record->d_reclen > got - whole) break;
    whole += record->d_reclen;
  }
  if (whole != got) raw::seek(fd, whole - got, SEEK_CUR);
  return whole == 0 ? -EINVAL : whole;
}

}  // namespace inpod::files
