// What libc writes to a descriptor by itself, where no hook sees it: dprintf and its forms,
// backtrace_symbols_fd.
#include <cstdarg>

#include "layer.hpp"

using namespace inpod;
using namespace inpod::layer;

namespace {

/// Makes a file of the pod work for libc's own system calls. Where that fails, these fail.
void prepare_output(int fd) {
  const int saved = errno;
  const FdEntry entry = file_entry(fd);
  if (entry.kind() == FdKind::handle && entry.access() != O_RDONLY) files::make_plain(core, fd);
  errno = saved;
}

}  // namespace

HOOK(int, vdprintf, (int fd, const char* format, va_list arguments)) {
  prepare_output(fd);
  return original(vdprintf)(fd, format, arguments);
}

HOOK(int, dprintf, (int fd, const char* format, ...)) {
  va_list arguments;
  va_start(arguments, format);
  const int written = hook_vdprintf(fd, format, arguments);
  va_end(arguments);
  return written;
}

HOOK(int, __vdprintf_chk, (int fd, int flag, const char* format, va_list arguments)) {
  prepare_output(fd);
  return original(__vdprintf_chk)(fd, flag, format, arguments);
}

HOOK(int, __dprintf_chk, (int fd, int flag, const char* format, ...)) {
  va_list arguments;
  va_start(arguments, format);
  const int written = hook___vdprintf_chk(fd, flag, format, arguments);
  va_end(arguments);
  return written;
}

HOOK(void, backtrace_symbols_fd, (void* const* addresses, int count, int fd)) {
  prepare_output(fd);
  original(backtrace_symbols_fd)(addresses, count, fd);
}
