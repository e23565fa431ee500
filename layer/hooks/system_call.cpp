// syscall(2): programs and libraries that number their system calls themselves, for those calls where it matters.
// All others pass through. What issues system calls by its own instructions is the supervisor's business.
#include <dirent.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdarg>

#include "layer.hpp"

using namespace inpod;
using namespace inpod::layer;

namespace {

template <class T>
T* pointer(long word) {
  return reinterpret_cast<T*>(word);
}

/// The hook that does this system call; false: there is none.
bool by_hook(long number, const long (&a)[6], long& value) {
  const int first = static_cast<int>(a[0]);
  switch (number) {
#ifdef SYS_open
    case SYS_open: return value = open(pointer<char>(a[0]), static_cast<int>(a[1]), static_cast<mode_t>(a[2])), true;
    case SYS_stat: return value = stat(pointer<char>(a[0]), pointer<struct stat>(a[1])), true;
    case SYS_lstat: return value = lstat(pointer<char>(a[0]), pointer<struct stat>(a[1])), true;
    case SYS_access: return value = access(pointer<char>(a[0]), static_cast<int>(a[1])), true;
    case SYS_readlink: return value = readlink(pointer<char>(a[0]), pointer<char>(a[1]), static_cast<std::size_t>(a[2])), true;
    case SYS_dup2: return value = dup2(first, static_cast<int>(a[1])), true;
#endif
    case SYS_openat: return value = openat(first, pointer<char>(a[1]), static_cast<int>(a[2]), static_cast<mode_t>(a[3])), true;
    case SYS_newfstatat: return value = fstatat(first, pointer<char>(a[1]), pointer<struct stat>(a[2]), static_cast<int>(a[3])), true;
    case SYS_fstat: return value = fstat(first, pointer<struct stat>(a[1])), true;
    case SYS_statx:
      return value = statx(first, pointer<char>(a[1]), static_cast<int>(a[2]), static_cast<unsigned>(a[3]), pointer<struct statx>(a[4])), true;
    case SYS_readlinkat:
      return value = readlinkat(first, pointer<char>(a[1]), pointer<char>(a[2]), static_cast<std::size_t>(a[3])), true;
    case SYS_getdents64: return value = getdents64(first, pointer<void>(a[1]), static_cast<std::size_t>(a[2])), true;
    case SYS_read: return value = read(first, pointer<void>(a[1]), static_cast<std::size_t>(a[2])), true;
    case SYS_pread64: return value = pread(first, pointer<void>(a[1]), static_cast<std::size_t>(a[2]), a[3]), true;
    case SYS_write: return value = write(first, pointer<void>(a[1]), static_cast<std::size_t>(a[2])), true;
    case SYS_lseek: return value = lseek(first, a[1], static_cast<int>(a[2])), true;
    case SYS_close: return value = close(first), true;
    case SYS_dup: return value = dup(first), true;
    case SYS_dup3: return value = dup3(first, static_cast<int>(a[1]), static_cast<int>(a[2])), true;
    case SYS_connect: return value = connect(first, pointer<sockaddr>(a[1]), static_cast<socklen_t>(a[2])), true;
    case SYS_bind: return value = bind(first, pointer<sockaddr>(a[1]), static_cast<socklen_t>(a[2])), true;
    case SYS_listen: return value = listen(first, static_cast<int>(a[1])), true;
    case SYS_accept4: return value = accept4(first, pointer<sockaddr>(a[1]), pointer<socklen_t>(a[2]), static_cast<int>(a[3])), true;
    case SYS_getpeername: return value = getpeername(first, pointer<sockaddr>(a[1]), pointer<socklen_t>(a[2])), true;
    case SYS_getsockname: return value = getsockname(first, pointer<sockaddr>(a[1]), pointer<socklen_t>(a[2])), true;
    default: return false;
  }
}

}  // namespace

HOOK(long, syscall, (long number, ...)) {
  va_list arguments;
  va_start(arguments, number);
  long a[6];
  for (long& one : a) one = va_arg(arguments, long);
  va_end(arguments);
  long value;
  if (active() && by_hook(number, a, value)) return value;
  return original(syscall)(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}
