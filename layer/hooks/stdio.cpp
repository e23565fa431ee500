// stdio on remote files: fopen, fdopen, freopen, fileno, fclose. Wide characters: wide_stdio.cpp.
//
// libc's streams read by system calls inside libc, where no hook sees them; so a stream over a remote file is
// a cookie stream whose functions come back here. fileno() gives the real descriptor. freopen must keep the
// FILE, so libc's own stream gets a descriptor that works without hooks (files::make_plain); such a stream
// doesn't see the file grow.
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include <cstring>

#include "core/raw.hpp"
#include "core/text.hpp"
#include "hooks/descriptor.hpp"
#include "hooks/places.hpp"
#include "hooks/stdio.hpp"
#include "layer.hpp"

using namespace inpod;
using namespace inpod::layer;

namespace {

constinit Places<Cookie> cookies = {};
constinit std::atomic<int> cookie_count = 0;

}  // namespace

namespace inpod::layer {

Cookie* find_cookie(FILE* stream) {
  if (cookie_count.load(std::memory_order_acquire) == 0) return nullptr;
  return cookies.find(
      [&](const Cookie& cookie) { return cookie.stream.load(std::memory_order_acquire) == stream; });
}

}  // namespace inpod::layer

namespace {

/// Frees the place of a stream that has been closed, and what it has borrowed.
void release(Cookie& cookie) {
  FILE* const source = cookie.wide_source;
  cookie.wide_source = nullptr;
  cookie.stream.store(nullptr, std::memory_order_release);
  cookie.used.store(false, std::memory_order_release);
  cookie_count.fetch_sub(1);
  if (source) close_here(source);
}

ssize_t cookie_read(void* cookie, char* into, size_t size) {
  static_cast<Cookie*>(cookie)->is_bytes = true;
  const int fd = static_cast<Cookie*>(cookie)->fd;
  const iovec one{into, size};
  return result<ssize_t>(files::read(core, fd, core.fds.get(fd), {&one, 1}, -1));
}

/// A cookie's write says 0 for an error, never -1.
ssize_t cookie_write(void* cookie, const char* from, size_t size) {
  static_cast<Cookie*>(cookie)->is_bytes = true;
  const int fd = static_cast<Cookie*>(cookie)->fd;
  const iovec one{const_cast<char*>(from), size};
  const ssize_t written = result<ssize_t>(files::write(core, fd, core.fds.get(fd), {&one, 1}, -1));
  return written < 0 ? 0 : written;
}

int cookie_seek(void* cookie, off64_t* offset, int whence) {
  const int fd = static_cast<Cookie*>(cookie)->fd;
  const long position = files::seek(core, fd, core.fds.get(fd), *offset, whence);
  if (position < 0) return result<int>(position);
  *offset = position;
  return 0;
}

int cookie_close(void* cookie) {
  auto& closing = *static_cast<Cookie*>(cookie);
  const int fd = closing.fd;
  closing.is_libcs = true;
  if (!closing.wide_source) release(closing);  // else libc still needs what it has borrowed
  return close_descriptor(fd);
}

/// open(2)'s flags for a mode of fopen(3); -1 for a bad one.
int flags_of(const char* mode) {
  int flags;
  switch (*mode) {
    case 'r':
      flags = 0;
      break;
    case 'w':
      flags = O_CREAT | O_TRUNC;
      break;
    case 'a':
      flags = O_CREAT | O_APPEND;
      break;
    default:
      return -1;
  }
  int access = *mode == 'r' ? O_RDONLY : O_WRONLY;
  for (const char* at = mode + 1; *at && *at != ','; ++at) {
    if (*at == '+') access = O_RDWR;
    if (*at == 'x') flags |= O_EXCL;
    if (*at == 'e') flags |= O_CLOEXEC;
  }
  return flags | access;
}

/// A stream over a remote descriptor, which it owns from then on. Null and errno when that fails; fd stays
/// open.
FILE* stream_over(int fd, const char* mode) {
  if (strstr(mode, ",ccs=")) return wide_stream_over(fd, mode);
  Cookie* const cookie = cookies.claim();
  if (!cookie) return errno = ENOMEM, nullptr;
  cookie->fd = fd;
  cookie->is_bytes = cookie->is_wide = cookie->is_libcs = false;
  cookie->shift = {};
  char plain[3] = {mode[0], strchr(mode, '+') ? '+' : '\0', '\0'};
  FILE* stream = fopencookie(cookie, plain, {cookie_read, cookie_write, cookie_seek, cookie_close});
  if (!stream) {
    cookie->used.store(false);
    return nullptr;
  }
  cookie->stream.store(stream, std::memory_order_release);
  cookie_count.fetch_add(1);
  return stream;
}

/// Null and `local` set where libc should do it.
FILE* open_remote(const char* path, const char* mode, bool& local) {
  const int flags = flags_of(mode);
  local = flags < 0 || !active();
  if (local) return nullptr;
  const long fd = files::open(core, AT_FDCWD, path, flags, 0666);
  local = fd == not_ours;
  if (local) return nullptr;
  if (fd < 0) return errno = static_cast<int>(-fd), nullptr;
  FILE* stream = stream_over(static_cast<int>(fd), mode);
  if (!stream) {
    const int saved = errno;
    close_descriptor(static_cast<int>(fd));
    errno = saved;
  }
  return stream;
}

/// A duplicate with another number, above those of the standard streams, in the place of fd. Or -errno.
long move_away(int fd) {
  const int moved = fcntl(fd, F_DUPFD_CLOEXEC, highest_standard + 1);
  const long value = moved < 0 ? -errno : moved;
  close_descriptor(fd);
  return value;
}

/// A local stream's descriptor may have replaced one of ours (when libc closed it by itself), or lead through
/// /proc to one.
FILE* opened(FILE* stream, const char* path) {
  if (stream && active()) opened_here(fileno(stream), path);
  return stream;
}

}  // namespace

HOOK(FILE*, fopen, (const char* path, const char* mode)) {
  bool local;
  FILE* stream = open_remote(path, mode, local);
  return local ? opened(original(fopen)(path, mode), path) : stream;
}
HOOK_ALIAS(fopen64, fopen)

HOOK(FILE*, fdopen, (int fd, const char* mode)) {
  const FdEntry entry = file_entry(fd);
  if (!entry) return original(fdopen)(fd, mode);
  const int flags = flags_of(mode);
  const int wanted = flags & O_ACCMODE;
  if (flags < 0 || (entry.access() != O_RDWR && wanted != static_cast<int>(entry.access())))
    return errno = EINVAL, nullptr;
  if ((flags & O_APPEND) != 0 && !entry.append())
    if (const long failed = files::set_append(core, entry, true); failed != 0)
      return errno = static_cast<int>(-failed), nullptr;
  return stream_over(fd, mode);
}

HOOK(FILE*, freopen, (const char* path, const char* mode, FILE* stream)) {
  const int saved = errno;
  const int old = active() ? fileno(stream) : -1;
  errno = saved;
  const int flags = flags_of(mode);
  long fd = !path || flags < 0 || !active() ? not_ours : files::open(core, AT_FDCWD, path, flags, 0666);
  if (fd == not_ours) {
    const ClosingElsewhere closing(find_foreign(stream) ? -1 : old);
    return opened(original(freopen)(path, mode, stream), path ? path : "");
  }
  if (fd >= 0 && fd == old) fd = move_away(old);  // the stream's own had been closed; libc closes it again
  const long value = fd < 0 ? fd : files::make_plain(core, static_cast<int>(fd));
  FILE* reopened = nullptr;
  if (value >= 0) {
    const ClosingElsewhere closing(find_foreign(stream) ? -1 : old);
    const char plain[3] = {mode[0], strchr(mode, '+') ? '+' : '\0', '\0'};
    // Only for a descriptor, whose place the file takes.
    reopened = original(freopen)("/dev/null", strstr(mode, ",ccs=") ? mode : plain, stream);
  } else {
    fclose(stream);  // as freopen does when it can't open
  }
  int failed = errno;
  if (reopened && dup3(static_cast<int>(fd), fileno(reopened), flags & O_CLOEXEC) < 0) {
    failed = errno;
    fclose(reopened);
    reopened = nullptr;
  }
  if (fd >= 0) close_descriptor(static_cast<int>(fd));
  errno = value < 0 ? static_cast<int>(-value) : reopened ? saved : failed;
  return reopened;
}
HOOK_ALIAS(freopen64, freopen)

HOOK(int, fclose, (FILE * stream)) {
  const int saved = errno;
  const int fd = active() && !find_foreign(stream) ? fileno_unlocked(stream) : -1;
  errno = saved;  // a stream in memory has no descriptor
  const FdEntry entry = file_entry(fd);
  const bool is_plain = entry && files::is_plain_output(fd, entry);
  const ClosingElsewhere closing(fd);
  Cookie* cookie = find_cookie(stream);
  if (cookie && !cookie->wide_source) cookie = nullptr;
  if (cookie) cookie->stream.store(nullptr);  // another stream may get its address as soon as it is closed
  const int done = original(fclose)(stream);
  if (cookie) release(*cookie);
  const long unwritten = is_plain ? files::written(core, entry) : 0;
  return unwritten < 0 && done == 0 ? result<int>(unwritten) : done;
}

FILE* inpod::layer::open_here(const char* path, const char* mode) {
  return original(fopen)(path, mode);
}

int inpod::layer::close_here(FILE* stream) {
  return original(fclose)(stream);
}

HOOK(int, fileno, (FILE * stream)) {
  const Cookie* cookie = find_foreign(stream);
  return cookie ? cookie->fd : original(fileno)(stream);
}

HOOK(int, fileno_unlocked, (FILE * stream)) {
  const Cookie* cookie = find_foreign(stream);
  return cookie ? cookie->fd : original(fileno_unlocked)(stream);
}
