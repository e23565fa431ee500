// What the pod's files don't have here: extended attributes (ENOTSUP, as on a file system without them), and
// watches (ENOSPC, by which inotify's users fall back to polling).
#include <fcntl.h>
#include <sys/inotify.h>
#include <sys/xattr.h>

#include "layer.hpp"

using namespace inpod;
using namespace inpod::layer;

namespace {

/// 0: local. Else what to fail with. follow: whether a link at the path's end is followed, such as
/// /proc/self/fd/N.
long refusal(const char* path, long code, bool follow = true) {
  if (!active()) return 0;
  if (follow && files::through_descriptor(core, path)) return code;
  const long value =
      files::locate_to_look(core, AT_FDCWD, path, [&](const files::Location&) { return code; });
  return value == not_ours ? 0 : value;
}

long refusal(int fd) {
  return file_entry(fd) ? -ENOTSUP : 0;
}

}  // namespace

#define REFUSE_OR(type, why, here) \
  const long refused = (why);      \
  return refused != 0 ? result<type>(refused) : (here)

HOOK(ssize_t, getxattr, (const char* path, const char* name, void* into, size_t size)) {
  REFUSE_OR(ssize_t, refusal(path, -ENOTSUP), original(getxattr)(path, name, into, size));
}
HOOK(ssize_t, lgetxattr, (const char* path, const char* name, void* into, size_t size)) {
  REFUSE_OR(ssize_t, refusal(path, -ENOTSUP, false), original(lgetxattr)(path, name, into, size));
}
HOOK(ssize_t, fgetxattr, (int fd, const char* name, void* into, size_t size)) {
  REFUSE_OR(ssize_t, refusal(fd), original(fgetxattr)(fd, name, into, size));
}
HOOK(ssize_t, listxattr, (const char* path, char* into, size_t size)) {
  REFUSE_OR(ssize_t, refusal(path, -ENOTSUP), original(listxattr)(path, into, size));
}
HOOK(ssize_t, llistxattr, (const char* path, char* into, size_t size)) {
  REFUSE_OR(ssize_t, refusal(path, -ENOTSUP, false), original(llistxattr)(path, into, size));
}
HOOK(ssize_t, flistxattr, (int fd, char* into, size_t size)) {
  REFUSE_OR(ssize_t, refusal(fd), original(flistxattr)(fd, into, size));
}
HOOK(int, setxattr, (const char* path, const char* name, const void* value, size_t size, int flags)) {
  REFUSE_OR(int, refusal(path, -ENOTSUP), original(setxattr)(path, name, value, size, flags));
}
HOOK(int, lsetxattr, (const char* path, const char* name, const void* value, size_t size, int flags)) {
  REFUSE_OR(int, refusal(path, -ENOTSUP, false), original(lsetxattr)(path, name, value, size, flags));
}
HOOK(int, fsetxattr, (int fd, const char* name, const void* value, size_t size, int flags)) {
  REFUSE_OR(int, refusal(fd), original(fsetxattr)(fd, name, value, size, flags));
}
HOOK(int, removexattr, (const char* path, const char* name)) {
  REFUSE_OR(int, refusal(path, -ENOTSUP), original(removexattr)(path, name));
}
HOOK(int, lremovexattr, (const char* path, const char* name)) {
  REFUSE_OR(int, refusal(path, -ENOTSUP, false), original(lremovexattr)(path, name));
}
HOOK(int, fremovexattr, (int fd, const char* name)) {
  REFUSE_OR(int, refusal(fd), original(fremovexattr)(fd, name));
}

HOOK(int, inotify_add_watch, (int fd, const char* path, uint32_t mask)) {
  const long refused = refusal(path, -ENOSPC, (mask & IN_DONT_FOLLOW) == 0);
  if (refused == -ENOSPC)
    core.note_once(path,
                   "changes of the pod's files can't be watched from here (inotify); programs that fall back "
                   "to polling see them");
  return refused != 0 ? result<int>(refused) : original(inotify_add_watch)(fd, path, mask);
}
