// Copies out of and into remote files for the calls by which a kernel copies: sendfile, copy_file_range,
// splice. See files.hpp.
//
// By read and write through a buffer: pages of a window that were handed to a socket or a pipe would have to
// stay in memory until it has let them go, which nobody is told.
#include <fcntl.h>
#include <sys/mman.h>

#include <cerrno>

#include "core/files.hpp"
#include "core/raw.hpp"

namespace inpod::files {
namespace {

constexpr std::size_t piece = 256 << 10;
constexpr std::size_t most_at_once = 0x7ffff000;  // bytes of one call, as in the kernel (MAX_RW_COUNT)

/// Memory for one call. Not from malloc, and not the stack's: signal handlers and small stacks come here too.
class Buffer {
 public:
  explicit Buffer(std::size_t size)
      : size_(size),
        at_(raw::map(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)) {}
  ~Buffer() {
    if (*this) raw::unmap(data(), size_);
  }
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;
  explicit operator bool() const { return at_ >= 0 || at_ < -4095; }
  char* data() const { return reinterpret_cast<char*>(at_); }
  std::size_t size() const { return size_; }

 private:
  std::size_t size_;
  long at_;
};

long seek_end(Core& core, const End& end, std::int64_t offset, int whence) {
  return end.entry ? seek(core, end.fd, end.entry, offset, whence) : raw::seek(end.fd, offset, whence);
}

long read_end(Core& core, const End& end, void* into, std::size_t size, std::int64_t offset) {
  const iovec one{into, size};
  return end.entry ? read(core, end.fd, end.entry, {&one, 1}, offset)
                   : raw::pread(end.fd, into, size, offset);
}

/// offset < 0: at the position.
long write_end(Core& core, const End& end, const void* from, std::size_t size, std::int64_t offset) {
  const iovec one{const_cast<void*>(from), size};
  if (end.entry) return write(core, end.fd, end.entry, {&one, 1}, offset);
  return offset < 0 ? raw::write(end.fd, from, size)
                    : raw::call(SYS_pwrite64, end.fd, raw::word(from), static_cast<long>(size), offset);
}

/// Where the source is read: what can't be sought can't be read again, if the target takes less.
long start_of(Core& core, const End& from) {
  const long start = from.offset ? *from.offset : seek_end(core, from, 0, SEEK_CUR);
  return start < 0 ? -EINVAL : start;
}

void move_on(Core& core, const End& end, std::int64_t position) {
  if (end.offset)
    *end.offset = position;
  else
    seek_end(core, end, position, SEEK_SET);
}

}  // namespace

long copy(Core& core, const End& from, const End& to, std::size_t count) {
  if (from.entry.kind() == FdKind::directory) return -EINVAL;
  const long start = start_of(core, from);
  if (start < 0) return start;
  if (to.offset && *to.offset < 0) return -EINVAL;
  if (count > most_at_once) count = most_at_once;
  const Buffer buffer(count < piece ? count : piece);
  if (count != 0 && !buffer) return -ENOMEM;
  std::size_t done = 0;
  long failed = 0;
  while (done < count) {
    const std::size_t wanted = count - done < buffer.size() ? count - done : buffer.size();
    const long got = read_end(core, from, buffer.data(), wanted, start + static_cast<long>(done));
    if (got <= 0) {
      failed = got;
      break;
    }
    const long put = write_end(core, to, buffer.data(), static_cast<std::size_t>(got),
                               to.offset ? *to.offset + static_cast<long>(done) : -1);
    if (put <= 0) {
      failed = put;
      break;
    }
    done += static_cast<std::size_t>(put);
    if (put < got) break;
  }
  if (done == 0) return failed;
  move_on(core, from, start + static_cast<long>(done));
  if (to.offset) *to.offset += static_cast<off_t>(done);
  return static_cast<long>(done);
}

long splice(Core& core, const End& from, int pipe, std::size_t count, unsigned flags) {
  const long room = raw::fcntl(pipe, F_GETPIPE_SZ);
  if (room < 0) return -EINVAL;  // no pipe
  const long start = start_of(core, from);
  if (start < 0) return start;
  const std::size_t most = static_cast<std::size_t>(room) < piece ? static_cast<std::size_t>(room) : piece;
  const Buffer buffer(count < most ? count : most);
  if (count == 0) return 0;
  if (!buffer) return -ENOMEM;
  const long got = read_end(core, from, buffer.data(), buffer.size(), start);
  if (got <= 0) return got;
  // The pipe takes the buffer's pages, and keeps them when it is unmapped.
  const iovec one{buffer.data(), static_cast<std::size_t>(got)};
  const long put = raw::call(SYS_vmsplice, pipe, raw::word(&one), 1, flags & SPLICE_F_NONBLOCK);
  if (put > 0) move_on(core, from, start + put);
  return put;
}

}  // namespace inpod::files
