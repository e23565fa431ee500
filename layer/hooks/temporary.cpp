// mkstemp and its relatives, where the template lies in the pod; libc makes such files inside itself.
#include <fcntl.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/stat.h>

#include <cstring>

#include "core/raw.hpp"
#include "layer.hpp"

using namespace inpod;
using namespace inpod::layer;

namespace {

constexpr int attempts = 100;

bool is_remote(const char* name) {
  return active() && files::is_remote(core, AT_FDCWD, name);
}

/// Fills the six X before the last `suffix` characters. False: there are none.
bool fill(char* name, int suffix) {
  static constexpr char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";
  const std::size_t length = strlen(name);
  if (suffix < 0 || length < 6 + static_cast<std::size_t>(suffix)) return false;
  unsigned char random[6];
  if (raw::call(SYS_getrandom, raw::word(random), sizeof random, 0) != sizeof random) return false;
  char* at = name + length - static_cast<std::size_t>(suffix) - 6;
  for (int i = 0; i < 6; ++i) at[i] = letters[random[i] & 63];
  return true;
}

bool has_template(const char* name, int suffix) {
  const std::size_t length = strlen(name);
  return suffix >= 0 && length >= 6 + static_cast<std::size_t>(suffix) &&
         memcmp(name + length - static_cast<std::size_t>(suffix) - 6, "XXXXXX", 6) == 0;
}

int make_file(char* name, int suffix, int flags) {
  if (!has_template(name, suffix)) return errno = EINVAL, -1;
  for (int i = 0; i < attempts; ++i) {
    if (!fill(name, suffix)) return errno = EINVAL, -1;
    const int fd = open(name, (flags & ~O_ACCMODE) | O_RDWR | O_CREAT | O_EXCL, 0600);
    if (fd >= 0 || errno != EEXIST) return fd;
  }
  return errno = EEXIST, -1;
}

}  // namespace

HOOK(int, mkstemp, (char* name)) {
  return is_remote(name) ? make_file(name, 0, 0) : original(mkstemp)(name);
}
HOOK_ALIAS(mkstemp64, mkstemp)

HOOK(int, mkostemp, (char* name, int flags)) {
  return is_remote(name) ? make_file(name, 0, flags) : original(mkostemp)(name, flags);
}
HOOK_ALIAS(mkostemp64, mkostemp)

HOOK(int, mkstemps, (char* name, int suffix)) {
  return is_remote(name) ? make_file(name, suffix, 0) : original(mkstemps)(name, suffix);
}
HOOK_ALIAS(mkstemps64, mkstemps)

HOOK(int, mkostemps, (char* name, int suffix, int flags)) {
  return is_remote(name) ? make_file(name, suffix, flags) : original(mkostemps)(name, suffix, flags);
}
HOOK_ALIAS(mkostemps64, mkostemps)

HOOK(char*, mkdtemp, (char* name)) {
  if (!is_remote(name)) return original(mkdtemp)(name);
  if (!has_template(name, 0)) return errno = EINVAL, nullptr;
  for (int i = 0; i < attempts; ++i) {
    if (!fill(name, 0)) return errno = EINVAL, nullptr;
    if (mkdir(name, 0700) == 0) return name;
    if (errno != EEXIST) return nullptr;
  }
  return nullptr;
}
