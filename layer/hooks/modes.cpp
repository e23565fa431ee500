// What chmod, chown and utimensat change, with their relatives: modes, owners and times of files, by path or
// by descriptor. And umask.
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>
#include <utime.h>

#include "hooks/times.hpp"
#include "layer.hpp"

using namespace inpod;
using namespace inpod::layer;

namespace {

/// protocol::Attribute, by number.
enum Attribute : unsigned { mode_of_file, owner_of_file, times_of_file };

files::Attributes mode_is(mode_t mode) {
  files::Attributes attributes;
  attributes.attribute = mode_of_file;
  attributes.number = mode & 07777;
  return attributes;
}

files::Attributes owner_is(uid_t user, gid_t group) {
  files::Attributes attributes;
  attributes.attribute = owner_of_file;
  attributes.number = static_cast<std::uint64_t>(user) << 32 | group;
  return attributes;
}

/// Null: both are now. False: a number of nanoseconds that no kernel takes.
bool times_are(const timespec* times, files::Attributes& attributes) {
  attributes.attribute = times_of_file;
  for (int i = 0; i < 2; ++i) {
    if (!times || times[i].tv_nsec == UTIME_NOW)
      attributes.times[i] = time_is_now;
    else if (times[i].tv_nsec == UTIME_OMIT)
      attributes.times[i] = time_stays;
    else if (times[i].tv_nsec < 0 || times[i].tv_nsec >= second_ns)
      return false;
    else
      attributes.times[i] = nanoseconds_of(times[i]);
  }
  return true;
}

/// The pair of utimes(2) as the one of utimensat(2), which passes errors on: a bad number stays a bad number.
const timespec* finer(const timeval* times, timespec (&into)[2]) {
  if (!times) return nullptr;
  for (int i = 0; i < 2; ++i) {
    const bool good = times[i].tv_usec >= 0 && times[i].tv_usec < 1'000'000;
    into[i] = {times[i].tv_sec, good ? times[i].tv_usec * 1000 : second_ns};
  }
  return into;
}

long change(int dirfd, const char* path, files::Attributes attributes, int flags = 0) {
  if (!active()) return not_ours;
  if ((!path || !*path) && (flags & AT_EMPTY_PATH) != 0) {
    const FdEntry entry = file_entry(dirfd);
    return entry ? files::change_attributes(core, entry, attributes) : not_ours;
  }
  attributes.follow = (flags & AT_SYMLINK_NOFOLLOW) == 0;
  if (const FdEntry entry = attributes.follow ? files::through_descriptor(core, path) : FdEntry())
    return files::change_attributes(core, entry, attributes);
  const auto effect = attributes.follow ? files::Effect::changes : files::Effect::changes_link;
  return files::locate_to_change(core, dirfd, path, effect, [&](const files::Location& location) {
    return files::change_attributes(core, location, attributes);
  });
}

long change(int fd, const files::Attributes& attributes) {
  const FdEntry entry = file_entry(fd);
  return entry ? files::change_attributes(core, entry, attributes) : not_ours;
}

long change_times(int dirfd, const char* path, const timespec* times, int flags = 0) {
  files::Attributes attributes;
  if (!times_are(times, attributes)) return not_ours;  // the kernel says EINVAL
  return path ? change(dirfd, path, attributes, flags) : change(dirfd, attributes);
}

long change_times(int dirfd, const char* path, const timeval* times, int flags = 0) {
  timespec fine[2];
  return change_times(dirfd, path, finer(times, fine), flags);
}

}  // namespace

HOOK(int, chmod, (const char* path, mode_t mode)) {
  LOCAL_OR(change(AT_FDCWD, path, mode_is(mode)), original(chmod)(path, mode));
}
HOOK(int, lchmod, (const char* path, mode_t mode)) {
  LOCAL_OR(change(AT_FDCWD, path, mode_is(mode), AT_SYMLINK_NOFOLLOW), original(lchmod)(path, mode));
}
HOOK(int, fchmodat, (int dirfd, const char* path, mode_t mode, int flags)) {
  LOCAL_OR(change(dirfd, path, mode_is(mode), flags), here(dirfd, path, [&](int at, const char* name) {
             return original(fchmodat)(at, name, mode, flags);
           }));
}
HOOK(int, fchmod, (int fd, mode_t mode)) {
  LOCAL_OR(change(fd, mode_is(mode)), original(fchmod)(fd, mode));
}

HOOK(mode_t, umask, (mode_t mask)) {
  const mode_t before = original(umask)(mask);
  if (active() && core.owner() == Owner::us) core.set_mask(mask);
  return before;
}

HOOK(int, chown, (const char* path, uid_t user, gid_t group)) {
  LOCAL_OR(change(AT_FDCWD, path, owner_is(user, group)), original(chown)(path, user, group));
}
HOOK(int, lchown, (const char* path, uid_t user, gid_t group)) {
  LOCAL_OR(change(AT_FDCWD, path, owner_is(user, group), AT_SYMLINK_NOFOLLOW),
           original(lchown)(path, user, group));
}
HOOK(int, fchownat, (int dirfd, const char* path, uid_t user, gid_t group, int flags)) {
  LOCAL_OR(change(dirfd, path, owner_is(user, group), flags),
           here(dirfd, path,
                [&](int at, const char* name) { return original(fchownat)(at, name, user, group, flags); }));
}
HOOK(int, fchown, (int fd, uid_t user, gid_t group)) {
  LOCAL_OR(change(fd, owner_is(user, group)), original(fchown)(fd, user, group));
}

HOOK(int, utime, (const char* path, const utimbuf* times)) {
  const timespec both[2] = {{times ? times->actime : 0, 0}, {times ? times->modtime : 0, 0}};
  LOCAL_OR(change_times(AT_FDCWD, path, times ? both : nullptr), original(utime)(path, times));
}
HOOK(int, utimes, (const char* path, const timeval* times)) {
  LOCAL_OR(change_times(AT_FDCWD, path, times), original(utimes)(path, times));
}
HOOK(int, lutimes, (const char* path, const timeval* times)) {
  LOCAL_OR(change_times(AT_FDCWD, path, times, AT_SYMLINK_NOFOLLOW), original(lutimes)(path, times));
}
HOOK(int, futimesat, (int dirfd, const char* path, const timeval* times)) {
  LOCAL_OR(change_times(dirfd, path, times),
           here(dirfd, path, [&](int at, const char* name) { return original(futimesat)(at, name, times); }));
}
HOOK(int, futimes, (int fd, const timeval* times)) {
  LOCAL_OR(change_times(fd, nullptr, times), original(futimes)(fd, times));
}
HOOK(int, utimensat, (int dirfd, const char* path, const timespec* times, int flags)) {
  LOCAL_OR(change_times(dirfd, path, times, flags), here(dirfd, path, [&](int at, const char* name) {
             return original(utimensat)(at, name, times, flags);
           }));
}
HOOK(int, futimens, (int fd, const timespec* times)) {
  LOCAL_OR(change_times(fd, nullptr, times), original(futimens)(fd, times));
}
