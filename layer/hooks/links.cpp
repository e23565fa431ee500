// Links and the names of files: readlink, realpath, and the working directory.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <climits>
#include <cstdlib>
#include <cstring>

#include "core/raw.hpp"
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

/// realpath of /proc/self/fd/N fails in libc where that is a memfd of ours: no file has its name.
char* local_real_path(const char* path, char* into, int saved, char* answer) {
  if (answer || !active() || !path || errno != ENOENT) return answer;
  if (!starts_with(path, "/proc/") && !starts_with(path, "/dev/fd/")) return answer;
  char text[PATH_MAX];
  const long length = raw::read_link(AT_FDCWD, path, text, sizeof text - 1);
  if (length <= 0 || !parse_memfd_name({text, static_cast<std::size_t>(length)})) return answer;
  const long size = files::true_link(core, text, length, sizeof text - 1);
  text[size] = 0;
  errno = saved;
  return into ? strcpy(into, text) : strdup(text);
}

/// A directory of the pod can be the working directory only where this machine has one of the same name:
/// relative paths are judged by that name. not_ours: it is local; 0: it may be tried here, by `real` where
/// the path may go through a link in the pod (else that is empty), so that ".." leads where it leads there;
/// else -errno.
long may_enter(const char* path, char (&real)[PATH_MAX]) {
  real[0] = 0;
  return files::locate_to_look(core, AT_FDCWD, path, [&](const files::Location& location) -> long {
    relay::Stat stat;
    if (const long value = files::stat(core, location, true, stat); value != 0) return value;
    if (!S_ISDIR(stat.mode)) return -ENOTDIR;
    const long length = files::real_path(core, location, real, sizeof real);
    if (length < 0) return length;
    const std::string_view there(real, static_cast<std::size_t>(length));
    std::string_view named = location.path;
    while (named.size() > 1 && named.ends_with('/')) named.remove_suffix(1);
    if (there == named && !files::climbs_from_name(path))
      real[0] = 0;
    else if (core.rules.file(there) == FileMode::local)
      return -ENOENT;
    return 0;
  });
}

int enter(const char* path, int (*next)(const char*)) {
  char real[PATH_MAX];
  const long allowed = may_enter(path, real);
  if (allowed < 0 && allowed != not_ours) return result<int>(allowed);
  if (allowed == 0 && real[0] != 0) path = real;
  core.directory.forget();
  const int done = next(path);
  core.directory.forget();
  if (done != 0 && allowed == 0) {
    const int saved = errno;
    core.note_once(
        path, "this directory is the pod's and doesn't exist here, so it can't become the working directory");
    errno = saved;
  }
  return done;
}

}  // namespace

HOOK(ssize_t, readlink, (const char* path, char* into, size_t size)) {
  const long value = link_of(AT_FDCWD, path, into, size);
  return value == not_ours ? local_link(into, original(readlink)(path, into, size), size)
                           : result<ssize_t>(value);
}

HOOK(ssize_t, readlinkat, (int dirfd, const char* path, char* into, size_t size)) {
  const long value = link_of(dirfd, path, into, size);
  return value == not_ours
             ? local_link(
                   into,
                   here(dirfd, path,
                        [&](int at, const char* name) { return original(readlinkat)(at, name, into, size); }),
                   size)
             : result<ssize_t>(value);
}

HOOK(ssize_t, __readlink_chk, (const char* path, char* into, size_t size, size_t capacity)) {
  const long value = size <= capacity ? link_of(AT_FDCWD, path, into, size) : not_ours;
  return value == not_ours ? local_link(into, original(__readlink_chk)(path, into, size, capacity), size)
                           : result<ssize_t>(value);
}

HOOK(ssize_t, __readlinkat_chk, (int dirfd, const char* path, char* into, size_t size, size_t capacity)) {
  const long value = size <= capacity ? link_of(dirfd, path, into, size) : not_ours;
  return value == not_ours
             ? local_link(into,
                          here(dirfd, path,
                               [&](int at, const char* name) {
                                 return original(__readlinkat_chk)(at, name, into, size, capacity);
                               }),
                          size)
             : result<ssize_t>(value);
}

HOOK(char*, realpath, (const char* path, char* into)) {
  char* answer;
  if (remote_real_path(path, into, answer)) return answer;
  const int saved = errno;
  return local_real_path(path, into, saved, original(realpath)(path, into));
}

HOOK(char*, __realpath_chk, (const char* path, char* into, size_t capacity)) {
  char* answer;
  if (capacity >= PATH_MAX && remote_real_path(path, into, answer)) return answer;
  const int saved = errno;
  return local_real_path(path, into, saved, original(__realpath_chk)(path, into, capacity));
}

HOOK(char*, canonicalize_file_name, (const char* path)) {
  char* answer;
  if (remote_real_path(path, nullptr, answer)) return answer;
  const int saved = errno;
  return local_real_path(path, nullptr, saved, original(canonicalize_file_name)(path));
}

namespace {

/// The directory that is open here, by its name in the pod. By a link there it may have a name that is local
/// here: the program must not come out in that directory.
int enter(FdEntry entry, int (*next)(const char*)) {
  char path[PATH_MAX];
  const long value = files::path_of(core, entry, path, sizeof path);
  if (value < 0) return result<int>(value);
  if (core.rules.file({path, static_cast<std::size_t>(value)}) == FileMode::local)
    return result<int>(-ENOENT);
  return enter(path, next);
}

}  // namespace

HOOK(int, chdir, (const char* path)) {
  if (!active()) return original(chdir)(path);
  const FdEntry entry = files::through_descriptor(core, path);
  return entry ? enter(entry, original(chdir)) : enter(path, original(chdir));
}

HOOK(int, fchdir, (int fd)) {
  if (!active()) return original(fchdir)(fd);
  if (const FdEntry entry = file_entry(fd)) return enter(entry, original(chdir));
  core.directory.forget();
  const int done = original(fchdir)(fd);
  core.directory.forget();
  return done;
}
