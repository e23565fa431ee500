// Calls that change the file system by path: mkdir, unlink, rename, links, sizes. What the rules leave
// read-only is EROFS.
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "layer.hpp"

using namespace inpod;
using namespace inpod::layer;

namespace {

/// protocol::PathChange, by number.
enum Change : unsigned {
  make_directory,
  unlink_file,
  remove_directory,
  rename_file,
  make_symlink,
  make_link,
  set_size = 7
};

long change(Change what, int dirfd, const char* path, std::uint64_t number = 0) {
  if (!active()) return not_ours;
  const auto effect = what == make_directory ? files::Effect::makes
                      : what == set_size     ? files::Effect::changes
                                             : files::Effect::removes;
  return files::locate_to_change(core, dirfd, path, effect, [&](const files::Location& location) {
    return files::change(core, what, location, {}, number);
  });
}

/// rename and link: both ends in the pod, both here, or EXDEV, which makes programs copy. opened: what is to
/// be linked, where that is named by its descriptor.
long change_two(Change what, int from_dirfd, const char* from, int to_dirfd, const char* to,
                std::uint64_t flags = 0, FdEntry opened = {}) {
  if (!active()) return not_ours;
  const auto change_first = [&](const files::Location& first) {
    const long inner = files::locate(core, to_dirfd, to, [&](const files::Location& second) -> long {
      for (const auto* one : {&first, &second}) {
        if (one->mode == FileMode::write) continue;
        files::note_read_only(core, one->path);
        return -EROFS;
      }
      return files::change(core, what, first, second.path, flags);
    });
    return inner == not_ours ? long{-EXDEV} : inner;
  };
  const long value = opened ? files::locate(core, opened, change_first)
                            : files::locate(core, from_dirfd, from, change_first);
  return value == not_ours && files::is_remote(core, to_dirfd, to) ? long{-EXDEV} : value;
}

/// What linkat(2) takes from a descriptor: the idiom for a file that was made without a name.
FdEntry linked_by_descriptor(int dirfd, const char* path, int flags) {
  if (!active() || !path) return {};
  if ((flags & AT_EMPTY_PATH) != 0 && !*path) return file_entry(dirfd);
  return (flags & AT_SYMLINK_FOLLOW) != 0 ? files::through_descriptor(core, path) : FdEntry();
}

long change_symlink(const char* target, int dirfd, const char* path) {
  if (!active()) return not_ours;
  return files::locate_to_change(core, dirfd, path, files::Effect::makes,
                                 [&](const files::Location& location) {
                                   return files::change(core, make_symlink, location, target, 0);
                                 });
}

template <class F>
int both_here(int from_dirfd, const char* from, int to_dirfd, const char* to, F call) {
  return here(from_dirfd, from, [&](int from_at, const char* old) {
    return here(to_dirfd, to, [&](int to_at, const char* name) { return call(from_at, old, to_at, name); });
  });
}

/// Changes that the pod's agent doesn't do: refused like on a file system that has no such thing.
long refuse(int dirfd, const char* path) {
  if (!active()) return not_ours;
  return files::locate_to_change(
      core, dirfd, path, files::Effect::makes, [](const files::Location& location) {
        relay::Stat there;
        return files::stat(core, location, false, there) == 0 ? long{-EEXIST} : long{-EPERM};
      });
}

}  // namespace

HOOK(int, mkdir, (const char* path, mode_t mode)) {
  LOCAL_OR(change(make_directory, AT_FDCWD, path, core.masked(mode)), original(mkdir)(path, mode));
}
HOOK(int, mkdirat, (int dirfd, const char* path, mode_t mode)) {
  LOCAL_OR(change(make_directory, dirfd, path, core.masked(mode)),
           here(dirfd, path, [&](int at, const char* name) { return original(mkdirat)(at, name, mode); }));
}
HOOK(int, unlink, (const char* path)) {
  LOCAL_OR(change(unlink_file, AT_FDCWD, path), original(unlink)(path));
}
HOOK(int, unlinkat, (int dirfd, const char* path, int flags)) {
  LOCAL_OR(change((flags & AT_REMOVEDIR) != 0 ? remove_directory : unlink_file, dirfd, path),
           here(dirfd, path, [&](int at, const char* name) { return original(unlinkat)(at, name, flags); }));
}
HOOK(int, rmdir, (const char* path)) {
  LOCAL_OR(change(remove_directory, AT_FDCWD, path), original(rmdir)(path));
}
HOOK(int, remove, (const char* path)) {
  long value = change(unlink_file, AT_FDCWD, path);
  if (value == -EISDIR || value == -EPERM) value = change(remove_directory, AT_FDCWD, path);
  return value == not_ours ? original(remove)(path) : result<int>(value);
}
HOOK(int, rename, (const char* from, const char* to)) {
  LOCAL_OR(change_two(rename_file, AT_FDCWD, from, AT_FDCWD, to), original(rename)(from, to));
}
HOOK(int, renameat, (int from_dirfd, const char* from, int to_dirfd, const char* to)) {
  LOCAL_OR(
      change_two(rename_file, from_dirfd, from, to_dirfd, to),
      both_here(from_dirfd, from, to_dirfd, to, [&](int at, const char* old, int to_at, const char* name) {
        return original(renameat)(at, old, to_at, name);
      }));
}
HOOK(int, renameat2, (int from_dirfd, const char* from, int to_dirfd, const char* to, unsigned flags)) {
  LOCAL_OR(
      change_two(rename_file, from_dirfd, from, to_dirfd, to, flags),
      both_here(from_dirfd, from, to_dirfd, to, [&](int at, const char* old, int to_at, const char* name) {
        return original(renameat2)(at, old, to_at, name, flags);
      }));
}
HOOK(int, symlink, (const char* target, const char* path)) {
  LOCAL_OR(change_symlink(target, AT_FDCWD, path), original(symlink)(target, path));
}
HOOK(int, symlinkat, (const char* target, int dirfd, const char* path)) {
  LOCAL_OR(change_symlink(target, dirfd, path), here(dirfd, path, [&](int at, const char* name) {
             return original(symlinkat)(target, at, name);
           }));
}
HOOK(int, link, (const char* from, const char* to)) {
  LOCAL_OR(change_two(make_link, AT_FDCWD, from, AT_FDCWD, to), original(link)(from, to));
}
HOOK(int, linkat, (int from_dirfd, const char* from, int to_dirfd, const char* to, int flags)) {
  LOCAL_OR(
      change_two(make_link, from_dirfd, from, to_dirfd, to, static_cast<unsigned>(flags & AT_SYMLINK_FOLLOW),
                 linked_by_descriptor(from_dirfd, from, flags)),
      both_here(from_dirfd, from, to_dirfd, to, [&](int at, const char* old, int to_at, const char* name) {
        return original(linkat)(at, old, to_at, name, flags);
      }));
}
HOOK(int, truncate, (const char* path, off_t size)) {
  LOCAL_OR(change(set_size, AT_FDCWD, path, static_cast<std::uint64_t>(size)),
           original(truncate)(path, size));
}
HOOK_ALIAS(truncate64, truncate)

HOOK(int, mknod, (const char* path, mode_t mode, dev_t device)) {
  LOCAL_OR(refuse(AT_FDCWD, path), original(mknod)(path, mode, device));
}
HOOK(int, mknodat, (int dirfd, const char* path, mode_t mode, dev_t device)) {
  LOCAL_OR(refuse(dirfd, path), here(dirfd, path, [&](int at, const char* name) {
             return original(mknodat)(at, name, mode, device);
           }));
}
// Programs built before glibc 2.33 call mknod by these names.
HOOK(int, __xmknod, (int version, const char* path, mode_t mode, dev_t* device)) {
  LOCAL_OR(refuse(AT_FDCWD, path), original(__xmknod)(version, path, mode, device));
}
HOOK(int, __xmknodat, (int version, int dirfd, const char* path, mode_t mode, dev_t* device)) {
  LOCAL_OR(refuse(dirfd, path), here(dirfd, path, [&](int at, const char* name) {
             return original(__xmknodat)(version, at, name, mode, device);
           }));
}
HOOK(int, mkfifo, (const char* path, mode_t mode)) {
  LOCAL_OR(refuse(AT_FDCWD, path), original(mkfifo)(path, mode));
}
HOOK(int, mkfifoat, (int dirfd, const char* path, mode_t mode)) {
  LOCAL_OR(refuse(dirfd, path),
           here(dirfd, path, [&](int at, const char* name) { return original(mkfifoat)(at, name, mode); }));
}
