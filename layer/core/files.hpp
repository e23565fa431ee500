// Remote files: open, read, write, seek, stat and the like, as the kernel would do them if the pod's files
// were here.
//
// Each function decides by the rules first and returns `not_ours` for what is local. Results are the system
// call's: a value ≥ 0 or -errno. Functions that take an FdEntry want one whose is_file() holds. All are safe
// in signal handlers.
#pragma once

#include <fcntl.h>
#include <sys/uio.h>

#include <cerrno>
#include <cstdint>
#include <span>

#include "core/core.hpp"

namespace inpod::files {

/// A path that isn't local: its mode by the rules, and its name in the pod, which lives as long as the call
/// that gave it.
struct Location {
  FileMode mode = FileMode::local;
  std::string_view path;
};

/// What to do with a location; `context` is the caller's.
using Use = long (*)(void* context, const Location& location);
/// `not_ours`, -errno, or what `use` says. A null path is not ours: the kernel says what is wrong with it. A
/// location is given to a function rather than returned, so that only paths that must be rewritten cost
/// stack.
long locate(Core& core, int dirfd, const char* path, Use use, void* context);

template <class F>
long locate(Core& core, int dirfd, const char* path, F use) {
  return locate(
      core, dirfd, path,
      [](void* context, const Location& location) -> long { return (*static_cast<F*>(context))(location); },
      &use);
}

/// The same for an open file: by its name in the pod, as long as that name still leads to it; else -ENOENT.
long locate(Core& core, FdEntry entry, Use use, void* context);

template <class F>
long locate(Core& core, FdEntry entry, F use) {
  return locate(
      core, entry,
      [](void* context, const Location& location) -> long { return (*static_cast<F*>(context))(location); },
      &use);
}

/// Calls `use` with the absolute form of a path that is relative to a directory of the pod. 0 or -errno.
long absolute(Core& core, int dirfd, const char* path, void (*use)(void* context, const char* absolute),
              void* context);

template <class F>
long absolute(Core& core, int dirfd, const char* path, F use) {
  return absolute(
      core, dirfd, path, [](void* context, const char* built) { (*static_cast<F*>(context))(built); }, &use);
}

/// Whether a directory that the pod lacks is here, on the way to something that the rules leave to this
/// machine. It exists for the program too: what walks a path from the top (mkdir -p, realpath) would not come
/// to its own files.
bool leads_here(const Core& core, const Location& location);

/// The same for a question that only looks (stat, access, readlink): what is absent is -ENOENT, and a
/// directory that the pod lacks on the way to local files is this machine's.
template <class F>
long locate_to_look(Core& core, int dirfd, const char* path, F use) {
  return locate(core, dirfd, path, [&](const Location& location) -> long {
    if (location.mode == FileMode::absent) return -ENOENT;
    const long result = use(location);
    return result == -ENOENT && leads_here(core, location) ? not_ours : result;
  });
}

/// Tells once that something was refused because the pod's files are read-only here.
void note_read_only(Core& core, std::string_view path);

/// What a change does to the name or the file at its path.
enum class Effect { removes, makes, changes, changes_link };
/// Why a change is refused that the rules don't allow, in the order in which a kernel looks at what is
/// mounted read-only: what exists can't be made (-EEXIST), what is missing can't be changed (-ENOENT); else
/// -EROFS, noted once.
long refuse_change(Core& core, const Location& location, Effect effect);

/// The remote file that a path means by its descriptor here (/proc/self/fd/N, /dev/fd/N, /dev/stdin and their
/// like), for calls that follow links; else a false entry.
FdEntry through_descriptor(const Core& core, const char* path);

/// For mkdir, unlink, chmod…: `use` where the rules allow writing.
template <class F>
long locate_to_change(Core& core, int dirfd, const char* path, Effect effect, F use) {
  const auto judged = [&](const Location& location) -> long {
    return location.mode == FileMode::write ? long{use(location)} : refuse_change(core, location, effect);
  };
  if (const FdEntry entry = effect == Effect::changes ? through_descriptor(core, path) : FdEntry())
    return locate(core, entry, judged);
  return locate(core, dirfd, path, judged);
}

/// follow: whether a link at the path's end is followed.
inline bool is_remote(Core& core, int dirfd, const char* path, bool follow = false) {
  return (follow && through_descriptor(core, path)) ||
         locate(core, dirfd, path, [](const Location&) { return 0L; }) != not_ours;
}

/// Whether ".." stands behind a name in the text: that may be a link, and then ".." is its target's parent.
bool climbs_from_name(std::string_view text);

long open(Core& core, int dirfd, const char* path, int flags, unsigned mode);

/// Makes fd usable for code that no hook sees: stdio inside libc on the descriptors 0 to 2, and programs
/// without the layer. Input is filled and stays; else fd becomes a pipe or socket of the relay's. `entry`,
/// fd's own, becomes false where it stands for no file any more: input that is large, or can't be kept. fd or
/// -errno.
long make_plain(Core& core, int fd, FdEntry& entry);
/// The same for one that has an entry in the table.
long make_plain(Core& core, int fd);
/// Whether what code without hooks writes to fd goes through a pipe of the relay's.
bool is_plain_output(int fd, FdEntry entry);
/// Waits until what was written without hooks is in the pod. 0, or the -errno of a write that failed.
long written(Core& core, FdEntry entry);

/// readv(2) (offset < 0) or preadv(2).
long read(Core& core, int fd, FdEntry entry, std::span<const iovec> into, std::int64_t offset);
/// writev(2) (offset < 0) or pwritev(2). -EPIPE comes with SIGPIPE.
long write(Core& core, int fd, FdEntry entry, std::span<const iovec> from, std::int64_t offset);
long seek(Core& core, int fd, FdEntry entry, std::int64_t offset, int whence);
long truncate(Core& core, FdEntry entry, std::int64_t size);
/// fsync(2) or fdatasync(2). What was opened for reading has nothing to write.
long sync(Core& core, FdEntry entry, bool data_only);
/// F_SETFL's O_APPEND, on every descriptor of the handle.
long set_append(Core& core, FdEntry entry, bool on);
/// flock(2). Where the rules say read, the lock is the local copy's, which nobody else opens: `not_ours`, and
/// a note.
long lock_whole(Core& core, FdEntry entry, int operation);
/// fcntl(2) with F_SETLK, F_SETLKW, F_GETLK or their F_OFD_ forms. As lock_whole. In the pod the lock belongs
/// to the open file.
long lock_range(Core& core, int fd, FdEntry entry, int command, struct flock& lock);
/// How much of the file the kernel may copy out of the memfd by itself, from `offset` on; 0: the bytes must
/// be read.
std::uint64_t copyable(const Core& core, FdEntry entry, std::uint64_t offset);
/// sendfile(2), copy_file_range(2): copies by read and write, a piece at a time, where one end or both are
/// remote; an end that is not has a false entry. A null offset means the position, which moves.
struct End {
  int fd;
  FdEntry entry;
  off_t* offset;
};
long copy(Core& core, const End& from, const End& to, std::size_t count);
/// splice(2) from a remote file into a pipe.
long splice(Core& core, const End& from, int pipe, std::size_t count, unsigned flags);

/// Records of linux_dirent64, whole ones only.
long read_directory(Core& core, int fd, FdEntry entry, void* into, std::size_t size);

/// How long a range stays in the memfd, by number as in relay::Op::ensure. a_while: until some hundred
/// megabytes more have been asked for like that.
enum class Keep : std::uint64_t { no, always, a_while };
/// Waits until the range is in the memfd. 0 or -errno. -ENODEV for a file that has no memfd.
long ensure(Core& core, FdEntry entry, std::uint64_t offset, std::uint64_t length, Keep keep);

long stat(Core& core, const Location& location, bool follow, relay::Stat& stat);
long stat(Core& core, int dirfd, const char* path, bool follow, relay::Stat& stat);
long stat(Core& core, FdEntry entry, relay::Stat& stat);
long access(Core& core, int dirfd, const char* path, int mode, int flags);
/// Not NUL-terminated; the length, cut to `size` as readlink(2) does.
long read_link(Core& core, int dirfd, const char* path, char* into, std::size_t size);
/// The same for what a local readlink has said: a memfd of ours in /proc/…/fd becomes its path in the pod.
long true_link(Core& core, char* link, long length, std::size_t size);
/// NUL-terminated; size at least PATH_MAX.
long real_path(Core& core, const Location& location, char* into, std::size_t size);
long real_path(Core& core, const char* path, char* into, std::size_t size);
/// The path in the pod of an open file, NUL-terminated.
long path_of(Core& core, FdEntry entry, char* into, std::size_t size);

/// chmod, chown, utimensat: of a file (location) or of an open one (entry).
struct Attributes {
  unsigned attribute = 0;  ///< protocol::Attribute, by number
  std::uint64_t number = 0;
  std::int64_t times[2] = {};
  bool follow = true;
};
long change_attributes(Core& core, const Location& location, const Attributes& attributes);
long change_attributes(Core& core, FdEntry entry, const Attributes& attributes);

/// mkdir, unlink, …: `change` is a protocol::PathChange's number.
long change(Core& core, unsigned change, const Location& location, std::string_view other,
            std::uint64_t number);

}  // namespace inpod::files
