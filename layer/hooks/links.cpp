// Links and the names of files: readlink, realpath, and the working directory.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <climits>
#include <cstdlib>
#include <cstring>

#include "core/text.hpp"
#include "layer.hpp"

using namespace inpod;
using namespace inpod::layer;

namespace {

/// Local links under /proc/…/fd may name a memfd of ours; any other is left alone.
ssize_t local_link(char* into, ssize_t length, std::size_t size) {
  return length > 0 && active() ? files::true_link(core, into, length, size) : length;
}

long link_of(int dirfd, const char* path, char* into, std::size_t size) {
  return active() ? files::read_link(core, dirfd, path, into, size) : not_ours;
}

/// realpath of something remote, into `into` or fresh memory. False: it is local.
bool remote_real_path(const char* path, char* into, char*& answer) {
  if (!active() || !path || !*path) return false;
  char text[PATH_MAX];
  const long value = files::real_path(core, path, text, sizeof text);
  if (value == not_ours) return false;
  if (value < 0)
    answer = nullptr, errno = static_cast<int>(-value);
  else
    answer = into ? strcpy(into, text) : strdup(text);
  return true;
}

/// realpath has followed /proc/self/fd/N into a memfd of ours. `path` may be null, or have to be grown.
char* local_real_path(char* path, bool ours_to_grow) {
  if (!path || !active()) return path;
  const FdEntry entry = parse_memfd_name(path);
  if (!entry) return path;
  char text[PATH_MAX];
  if (files::path_of(core, entry, text, sizeof text) < 0) return path;
  if (!ours_to_grow) return strcpy(path, text);
  free(path);
  return strdup(text);
}

/// A directory of the pod can be the working directory only where this machine has one of the same name: relative paths are
/// judged by that name. 0: it may be tried here; else -errno.
long may_enter(const char* path, files::Location& location) {
  if (const long value = files::locate_to_look(core, AT_FDCWD, path, location); value != 0) return value;
  relay::Stat stat;
  if (const long value = files::stat(core, AT_FDCWD, path, true, stat); value != 0) return value;
  return S_ISDIR(stat.mode) ? 0 : -ENOTDIR;
}

int enter(const char* path, long allowed, const files::Location& location,
          int (*next)(const char*)) {
  if (allowed < 0 && allowed != not_ours) return result<int>(allowed);
  core.directory.forget();
  const int done = next(path);
  core.directory.forget();
  if (done != 0 && allowed == 0)
    core.note_once(location.path.view(), "this directory is the pod's and doesn't exist here, so it can't become the "
                                         "working directory");
  return done;
}

}  // namespace

HOOK(ssize_t, readlink, (const char* path, char* into, size_t size)) {
  const long value = link_of(AT_FDCWD, path, into, size);
  return value == not_ours ? local_link(into, original(readlink)(path, into, size), size) : result<ssize_t>(value);
}

HOOK(ssize_t, readlinkat, (int dirfd, const char* path, char* into, size_t size)) {
  const long value = link_of(dirfd, path, into, size);
  return value == not_ours ? local_link(into, original(readlinkat)(dirfd, path, into, size), size) : result<ssize_t>(value);
}

HOOK(ssize_t, __readlink_chk, (const char* path, char* into, size_t size, size_t capacity)) {
  const long value = size <= capacity ? link_of(AT_FDCWD, path, into, size) : not_ours;
  return value == not_ours ? local_link(into, original(__readlink_chk)(path, into, size, capacity), size)
                           : result<ssize_t>(value);
}

HOOK(ssize_t, __readlinkat_chk, (int dirfd, const char* path, char* into, size_t size, size_t capacity)) {
  const long value = size <= capacity ? link_of(dirfd, path, into, size) : not_ours;
  return value == not_ours ? local_link(into, original(__readlinkat_chk)(dirfd, path, into, size, capacity), size)
                           : result<ssize_t>(value);
}

HOOK(char*, realpath, (const char* path, char* into)) {
  char* answer;
  if (remote_real_path(path, into, answer)) return answer;
  return local_real_path(original(realpath)(path, into), into == nullptr);
}

HOOK(char*, __realpath_chk, (const char* path, char* into, size_t capacity)) {
  char* answer;
  if (capacity >= PATH_MAX && remote_real_path(path, into, answer)) return answer;
  return local_real_path(original(__realpath_chk)(path, into, capacity), into == nullptr);
}

HOOK(char*, canonicalize_file_name, (const char* path)) {
  char* answer;
  if (remote_real_path(path, nullptr, answer)) return answer;
  return local_real_path(original(canonicalize_file_name)(path), true);
}

HOOK(int, chdir, (const char* path)) {
  if (!active()) return original(chdir)(path);
  files::Location location;
  return enter(path, may_enter(path, location), location, original(chdir));
}

HOOK(int, fchdir, (int fd)) {
  if (!active()) return original(fchdir)(fd);
  if (const FdEntry entry = file_entry(fd)) {
    char path[PATH_MAX];
    if (const long value = files::path_of(core, entry, path, sizeof path); value < 0) return result<int>(value);
    return hook_chdir(path);
  }
  core.directory.forget();
  const int done = original(fchdir)(fd);
  core.directory.forget();
  return done;
}
