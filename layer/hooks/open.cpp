// open, openat, creat and their fortified forms; close, dup and fcntl are in descriptor.cpp.
#include <cstdarg>
#include <cstring>

#include <fcntl.h>
#include <sys/types.h>

#include "core/text.hpp"
#include "hooks/descriptor.hpp"
#include "layer.hpp"

using namespace inpod;
using namespace inpod::layer;

namespace {

/// The third argument of open: there only when a file may be made.
#define MODE_AFTER(last, flags)                                     \
  mode_t mode = 0;                                                  \
  if (((flags)&O_CREAT) != 0 || ((flags)&O_TMPFILE) == O_TMPFILE) { \
    va_list arguments;                                              \
    va_start(arguments, last);                                      \
    mode = va_arg(arguments, mode_t);                               \
    va_end(arguments);                                              \
  }

long open_remote(int dirfd, const char* path, int flags, mode_t mode) {
  return active() ? files::open(core, dirfd, path, flags, mode) : not_ours;
}

}  // namespace

HOOK(int, open, (const char* path, int flags, ...)) {
  MODE_AFTER(flags, flags)
  const long fd = open_remote(AT_FDCWD, path, flags, mode);
  return fd == not_ours ? opened_here(original(open)(path, flags, mode), path) : result<int>(fd);
}
HOOK_ALIAS(open64, open)

HOOK(int, openat, (int dirfd, const char* path, int flags, ...)) {
  MODE_AFTER(flags, flags)
  const long fd = open_remote(dirfd, path, flags, mode);
  return fd == not_ours
             ? opened_here(
                   here(dirfd, path,
                        [&](int at, const char* name) { return original(openat)(at, name, flags, mode); }),
                   path)
             : result<int>(fd);
}
HOOK_ALIAS(openat64, openat)

HOOK(int, creat, (const char* path, mode_t mode)) {
  const long fd = open_remote(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode);
  return fd == not_ours ? opened_here(original(creat)(path, mode), path) : result<int>(fd);
}
HOOK_ALIAS(creat64, creat)

HOOK(int, __open_2, (const char* path, int flags)) {
  const long fd = open_remote(AT_FDCWD, path, flags, 0);
  return fd == not_ours ? opened_here(original(__open_2)(path, flags), path) : result<int>(fd);
}
HOOK_ALIAS(__open64_2, __open_2)

HOOK(int, __openat_2, (int dirfd, const char* path, int flags)) {
  const long fd = open_remote(dirfd, path, flags, 0);
  return fd == not_ours
             ? opened_here(
                   here(dirfd, path,
                        [&](int at, const char* name) { return original(__openat_2)(at, name, flags); }),
                   path)
             : result<int>(fd);
}
HOOK_ALIAS(__openat64_2, __openat_2)
