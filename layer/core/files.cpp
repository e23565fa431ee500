// Paths and questions about them: where a path lies, open, stat, access, links, changes. See files.hpp.
#include "core/files.hpp"

#include <sys/stat.h>

#include <cerrno>
#include <climits>
#include <cstring>

#include "core/own_table.hpp"
#include "core/raw.hpp"
#include "core/text.hpp"

namespace inpod::files {
namespace {

/// The directory that a relative path starts from, into the path's own memory. 0, not_ours, or -errno.
long base_of(Core& core, int dirfd, PathBuilder& path, std::size_t& length) {
  char* const into = path.memory();
  if (dirfd == AT_FDCWD) {
    if (core.directory.cached(into, path.limit(), length)) return 0;
    const long result = core.directory.ask(into, path.limit(), length, core.owner() == Owner::us);
    if (result == -ERANGE) return -ENAMETOOLONG;
    return result == 0 && into[0] == '/' ? 0 : not_ours;
  }
  long size;
  if (const FdEntry entry = core.fds.get(dirfd); entry.is_file()) {
    if (entry.kind() != FdKind::directory) return -ENOTDIR;
    size = path_of(core, entry, into, path.limit());
    if (size < 0) return size;
  } else {
    FixedText<32> name;
    name << "/proc/self/fd/" << static_cast<std::uint64_t>(dirfd);
    size = raw::read_link(AT_FDCWD, name.c_str(), into, path.limit());
    if (size == static_cast<long>(path.limit())) return -ENAMETOOLONG;
    if (size <= 0 || into[0] != '/') return not_ours;
  }
  length = static_cast<std::size_t>(size);
  return 0;
}

/// That a path did not fit the memory given for it: as the program wrote it, or as it is in the pod.
constexpr long too_long = not_ours - 1, too_long_in_pod = not_ours - 2;

/// What lies below a directory that was opened in the pod is the pod's, also where that directory's own name
/// there (the program came to it by a link, or by files.map) is one that the rules leave to this machine.
/// local: no such directory.
FileMode mode_below(Core& core, int dirfd, std::string_view directory) {
  if (dirfd == AT_FDCWD || core.rules.file(directory) != FileMode::local) return FileMode::local;
  const FdEntry entry = core.fds.get(dirfd);
  if (!entry.is_file()) return FileMode::local;
  return entry.changeable() ? FileMode::write : FileMode::read;
}

/// Puts the real path of the directory in `built`, which is this machine's, in its place. 0, or not_ours: the
/// kernel says what is wrong with it.
long local_real_path(PathBuilder& built) {
  const long fd = raw::open(built.memory(), O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (fd == -EMFILE || fd == -ENFILE) return fd;
  if (fd < 0) return not_ours;
  FixedText<48> name;
  name << "/proc/thread-self/fd/" << static_cast<std::uint64_t>(fd);
  const long size = raw::read_link(AT_FDCWD, name.c_str(), built.memory(), built.limit());
  raw::close(static_cast<int>(fd));
  if (size == static_cast<long>(built.limit())) return too_long;
  return size > 0 ? built.add(static_cast<std::size_t>(size), ".") : not_ours;
}

/// The same for a directory of the pod. `below`: as mode_below, for what is below it.
long remote_real_path(Core& core, PathBuilder& built, FileMode mode, FileMode& below) {
  if (mode == FileMode::absent) return -ENOENT;
  const std::size_t length = built.size();
  std::string_view rest;
  if (const std::string_view prefix = core.rules.mapped(built.view(), rest); !prefix.empty())
    if (built.replace(prefix, rest) != 0) return too_long_in_pod;
  if (built.add(built.size(), "./") != 0) return too_long;
  built.restore_slash();  // ENOTDIR for a file, which has no ".."
  RelayCall call(relay::Op::real_path, built.view());
  call.into = built.memory();
  call.capacity = built.limit();
  const long result = core.relay.ask(call);
  if (result == -ENOENT && leads_here(core, {mode, built.view()})) return built.add(length, ".");
  if (result != 0) return result;
  if (call.reply.data_length > call.received) return too_long;
  below = core.rules.file({built.memory(), call.received}) == FileMode::local ? mode : FileMode::local;
  return built.add(call.received, ".");
}

/// Before a ".." behind a name: makes `built` a path without links, where that matters. `resolved`: it has
/// none now.
long follow_links(Core& core, PathBuilder& built, FileMode& below, bool& resolved) {
  FileMode mode = core.rules.file(built.view());
  if (mode == FileMode::local) mode = below;
  resolved = mode != FileMode::local;
  if (resolved) return remote_real_path(core, built, mode, below);
  // Within what is local the kernel follows the links by itself, when it gets the program's text.
  const std::string_view parent = built.view().substr(0, built.view().rfind('/'));
  if (core.rules.file(parent.empty() ? "/" : parent) == FileMode::local) return 0;
  resolved = true;
  const long result = local_real_path(built);
  if (result != -EMFILE) return result;
  const auto again = [](void* path) { return local_real_path(*static_cast<PathBuilder*>(path)); };
  return with_own_table(-1, again, &built);
}

/// PathBuilder::add, but ".." is taken as a kernel takes it: behind a link it leads to its target's parent.
/// Costs the pod's answer for each ".." behind a name in the pod.
long add_following(Core& core, PathBuilder& built, std::size_t length, std::string_view text,
                   FileMode& below) {
  if (built.add(length, text[0] == '/' ? "/" : ".") != 0) return too_long;
  bool named = false;
  for (std::string_view rest = text; !rest.empty();) {
    const std::string_view segment = take_until(rest, '/');
    if (segment.empty() || segment == ".") continue;
    if (segment == ".." && named && built.size() > 1) {
      bool resolved = false;
      if (const long result = follow_links(core, built, below, resolved); result != 0) return result;
      named = !resolved;
    }
    if (built.add(built.size(), segment) != 0) return too_long;
    named = named || segment != "..";
  }
  return built.add(built.size(), text.ends_with('/') || text.ends_with("/.") ? "./" : ".");
}

/// Makes the path absolute and plain in `built`, and judges that.
long judge_built(Core& core, int dirfd, std::string_view text, PathBuilder& built, Use use, void* context) {
  std::size_t length = 0;
  FileMode below = FileMode::local;
  if (text[0] != '/') {
    if (const long result = base_of(core, dirfd, built, length); result != 0)
      return result == -ENAMETOOLONG ? too_long : result;
    below = mode_below(core, dirfd, {built.memory(), length});
  }
  if (climbs_from_name(text)) {
    if (const long result = add_following(core, built, length, text, below); result != 0) return result;
  } else if (built.add(length, text) != 0) {
    return too_long;
  }
  const FileMode mode = core.rules.file(built.view());
  if (mode == FileMode::local) {
    if (below == FileMode::local) return not_ours;
    built.restore_slash();
    return use(context, {below, built.view()});
  }
  std::string_view rest;
  if (const std::string_view prefix = core.rules.mapped(built.view(), rest); !prefix.empty())
    if (built.replace(prefix, rest) != 0) return too_long_in_pod;
  built.restore_slash();
  return use(context, {mode, built.view()});
}

[[gnu::noinline]] long locate_short(Core& core, int dirfd, std::string_view text, Use use, void* context) {
  ShortPath path;
  return judge_built(core, dirfd, text, path, use, context);
}

[[gnu::noinline]] long locate_long(Core& core, int dirfd, std::string_view text, Use use, void* context) {
  Path path;
  const long result = judge_built(core, dirfd, text, path, use, context);
  if (result == too_long) return not_ours;  // the kernel says so
  return result == too_long_in_pod ? -ENAMETOOLONG : result;
}

/// Takes "self/" or the like, which names this process, from a path below /proc/. False: it is another's.
bool take_this_process(std::string_view& path) {
  const std::string_view process = take_until(path, '/');
  if (process == "self" || process == "thread-self") return true;
  std::string_view digits = process;
  std::uint64_t id = 0;
  return take_number(digits, INT_MAX, id) && digits.empty() && static_cast<long>(id) == raw::process_id();
}

/// The number of a descriptor of this process in a path of the table of descriptors; -1: it is no such path.
/// What may follow the number: `rest`, from a slash on.
int descriptor_in(std::string_view path, std::string_view& rest) {
  constexpr std::uint64_t most = FdTable::capacity - 1;
  if (starts_with(path, "/dev/")) {
    path.remove_prefix(5);
    if (path == "stdin") return 0;
    if (path == "stdout") return 1;
    if (path == "stderr") return 2;
  } else {
    path.remove_prefix(6);  // "/proc/"
    if (!take_this_process(path)) return -1;
  }
  if (!starts_with(path, "fd/")) return -1;
  path.remove_prefix(3);
  std::uint64_t number = 0;
  const bool padded = path.size() > 1 && path[0] == '0' && path[1] != '/';
  if (padded || !take_number(path, most, number) || (!path.empty() && path[0] != '/')) return -1;
  rest = path;
  return static_cast<int>(number);
}

bool is_of_kernel(const char* path) {
  return strncmp(path, "/dev/", 5) == 0 || strncmp(path, "/proc/", 6) == 0;
}

/// Where a path starts that goes on behind a descriptor of the pod, the working directory or the root by its
/// name in /proc. A null path: it is none.
struct Start {
  int dirfd = AT_FDCWD;
  const char* path = nullptr;
};

Start behind_link(const Core& core, const char* path) {
  if (!is_of_kernel(path)) return {};
  std::string_view rest;
  if (const int fd = descriptor_in(path, rest); fd >= 0) {
    if (rest.empty() || !core.fds.get(fd).is_file()) return {};
    while (starts_with(rest, "/")) rest.remove_prefix(1);
    return {fd, rest.empty() ? "." : rest.data()};
  }
  if (path[1] != 'p') return {};
  std::string_view name(path + 6);
  if (!take_this_process(name)) return {};
  if (starts_with(name, "root/")) return {AT_FDCWD, name.data() + 4};
  if (!starts_with(name, "cwd/")) return {};
  name.remove_prefix(3);
  while (starts_with(name, "/")) name.remove_prefix(1);
  return {AT_FDCWD, name.empty() ? "." : name.data()};
}

bool wants_to_write(int flags) {
  return (flags & O_ACCMODE) != O_RDONLY || (flags & O_TRUNC) != 0 || (flags & O_TMPFILE) == O_TMPFILE;
}

/// Gives the descriptor that came from the relay the number (the lowest free) and flag that open(2) would
/// give it. When it came, the connection to the relay still held a low number.
long settle(int fd, int flags) {
  const bool close_on_exec = (flags & O_CLOEXEC) != 0;
  const long low = raw::fcntl(fd, close_on_exec ? F_DUPFD_CLOEXEC : F_DUPFD, 0);
  if (low >= 0 && low < fd) {
    raw::close(fd);
    return low;
  }
  if (low >= 0) raw::close(static_cast<int>(low));
  if (!close_on_exec) raw::fcntl(fd, F_SETFD, 0);
  return fd;
}

/// open with O_CREAT where only reading is allowed: what exists is opened (or refused, if it must be new).
long open_existing(Core& core, const Location& location, bool must_be_new) {
  RelayCall call(relay::Op::stat, location.path);
  call.request.a = !must_be_new;
  const long result = core.relay.ask(call);
  if (result == -ENOENT) {
    note_read_only(core, location.path);
    return -EROFS;
  }
  return result == 0 && must_be_new ? -EEXIST : result;
}

}  // namespace

bool climbs_from_name(std::string_view text) {
  for (bool named = false; !text.empty();) {
    const std::string_view segment = take_until(text, '/');
    if (segment == "..") {
      if (named) return true;
    } else if (!segment.empty() && segment != ".") {
      named = true;
    }
  }
  return false;
}

long locate(Core& core, int dirfd, const char* path, Use use, void* context) {
  if (!path || !*path) return not_ours;
  if (const Start start = behind_link(core, path); start.path)
    return locate(core, start.dirfd, start.path, use, context);
  if (const std::size_t length = plain_length(path); length != 0) {
    const std::string_view text(path, length),
        judged(path, length > 1 && path[length - 1] == '/' ? length - 1 : length);
    const FileMode mode = core.rules.file(judged);
    if (mode == FileMode::local) return not_ours;
    std::string_view rest;
    if (core.rules.mapped(judged, rest).empty()) return use(context, {mode, text});
  }
  const std::string_view text(path);
  const long result = locate_short(core, dirfd, text, use, context);
  return result == too_long || result == too_long_in_pod ? locate_long(core, dirfd, text, use, context)
                                                         : result;
}

[[gnu::noinline]] long absolute(Core& core, int dirfd, const char* path,
                                void (*use)(void* context, const char* absolute), void* context) {
  Path built;
  std::size_t length = 0;
  long result = base_of(core, dirfd, built, length);
  if (result == 0) result = built.add(length, path);
  if (result != 0) return result == not_ours ? -EBADF : result;
  built.restore_slash();
  use(context, built.memory());
  return 0;
}

bool leads_here(const Core& core, const Location& location) {
  std::string_view path = location.path;
  while (path.ends_with('/')) path.remove_suffix(1);
  if (location.mode == FileMode::absent || core.rules.file(path) == FileMode::local) return false;
  std::uint32_t rule = 0;
  for (std::string_view below; !(below = core.rules.local_below(path, rule)).empty();) {
    FixedText<1024> name;
    name << below;
    struct ::stat there;
    if (!name.overflow() && core.rules.file(below) == FileMode::local &&
        raw::stat_at(AT_FDCWD, name.c_str(), &there, AT_SYMLINK_NOFOLLOW) == 0)
      return true;
  }
  return false;
}

FdEntry through_descriptor(const Core& core, const char* path) {
  if (!path || !is_of_kernel(path)) return {};
  std::string_view rest;
  const int fd = descriptor_in(path, rest);
  const FdEntry entry = fd < 0 || !rest.empty() ? FdEntry() : core.fds.get(fd);
  return entry.is_file() ? entry : FdEntry();
}

[[gnu::noinline]] long locate(Core& core, FdEntry entry, Use use, void* context) {
  char path[PATH_MAX];
  const long length = path_of(core, entry, path, sizeof path);
  if (length <= 0) return length < 0 ? length : -ENOENT;
  const Location location{entry.changeable() ? FileMode::write : FileMode::read,
                          {path, static_cast<std::size_t>(length)}};
  relay::Stat opened, named;
  if (const long result = stat(core, entry, opened); result != 0) return result;
  if (const long result = stat(core, location, true, named); result != 0) return result;
  return opened.device == named.device && opened.inode == named.inode ? use(context, location) : -ENOENT;
}

void note_read_only(Core& core, std::string_view path) {
  core.note_once(path,
                 "the program wants to change this file of the pod, which is read-only here (EROFS); list it "
                 "under files.write or files.local to allow it");
}

namespace {

/// What the pod's agent opened, as a descriptor of this process.
long take_in(Core& core, RelayCall& call, const Location& location, int flags, int asked) {
  if (call.fd < 0 || call.reply.c > FdEntry::largest_handle) {
    if (call.fd >= 0) raw::close(call.fd);
    return -EIO;
  }
  const long fd = settle(call.fd, flags);
  auto entry = FdEntry::file(
      static_cast<FdKind>(call.reply.a), call.reply.c, static_cast<std::uint32_t>(call.reply.b),
      static_cast<unsigned>(asked & O_ACCMODE), (asked & O_APPEND) != 0, location.mode == FileMode::write);
  if (fd < 0) {
    core.forgot(-1, entry);
    return fd;
  }
  if (fd <= highest_standard)
    if (const long failed = make_plain(core, static_cast<int>(fd), entry); failed < 0) {
      raw::close(static_cast<int>(fd));
      core.forgot(-1, entry);
      return failed;
    }
  return core.remember(fd, entry);
}

long open(Core& core, const Location& location, int flags, unsigned mode) {
  if (location.mode == FileMode::absent && (flags & O_CREAT) == 0) return -ENOENT;
  if (location.mode == FileMode::absent || (location.mode == FileMode::read && wants_to_write(flags))) {
    note_read_only(core, location.path);
    return -EROFS;
  }
  // A file without a name that may get one: linkat(2) can't be carried for it, and programs have another way.
  if ((flags & O_TMPFILE) == O_TMPFILE && (flags & O_EXCL) == 0) return -EOPNOTSUPP;
  if (location.mode == FileMode::read) {
    if ((flags & O_CREAT) != 0)
      if (const long result = open_existing(core, location, (flags & O_EXCL) != 0); result != 0)
        return result;
    flags &= ~(O_CREAT | O_EXCL);
  }
  // O_PATH has no meaning to the pod's agent: what can be opened for reading can be asked about as well.
  const int asked = (flags & O_PATH) != 0 ? (flags & (O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)) : flags;
  RelayCall call(relay::Op::open, location.path);
  call.request.a = static_cast<std::uint64_t>(asked);
  call.request.b = core.masked(mode) & 07777;
  const long result = core.relay.ask(call);
  return result != 0 ? result : take_in(core, call, location, flags, asked);
}

}  // namespace

long open(Core& core, int dirfd, const char* path, int flags, unsigned mode) {
  const bool follows = (flags & O_NOFOLLOW) == 0 && (flags & (O_CREAT | O_EXCL)) != (O_CREAT | O_EXCL);
  if (const FdEntry entry = follows ? through_descriptor(core, path) : FdEntry()) {
    const long fd =
        locate(core, entry, [&](const Location& location) { return open(core, location, flags, mode); });
    // A file whose name is gone can still be read here: the kernel opens its local copy anew.
    return fd == -ENOENT && !wants_to_write(flags) ? not_ours : fd;
  }
  return locate(core, dirfd, path, [&](const Location& location) {
    const long fd = open(core, location, flags, mode);
    return fd == -ENOENT && (flags & O_CREAT) == 0 && !wants_to_write(flags) && leads_here(core, location)
               ? not_ours
               : fd;
  });
}

long refuse_change(Core& core, const Location& location, Effect effect) {
  if (location.mode == FileMode::read && effect != Effect::removes) {
    relay::Stat there;
    const long found = stat(core, location, effect == Effect::changes, there);
    if (effect != Effect::makes && found != 0) return found;
    if (effect == Effect::makes && found != -ENOENT) return found == 0 ? -EEXIST : found;
    if (effect == Effect::makes && leads_here(core, location)) return -EEXIST;
  }
  note_read_only(core, location.path);
  return -EROFS;
}

long stat(Core& core, const Location& location, bool follow, relay::Stat& stat) {
  RelayCall call(relay::Op::stat, location.path);
  call.request.a = follow;
  const long result = core.relay.ask(call);
  stat = call.reply.stat;
  return result;
}

long stat(Core& core, int dirfd, const char* path, bool follow, relay::Stat& answer) {
  if (const FdEntry entry = follow ? through_descriptor(core, path) : FdEntry())
    return stat(core, entry, answer);
  return locate_to_look(core, dirfd, path,
                        [&](const Location& location) { return stat(core, location, follow, answer); });
}

long stat(Core& core, FdEntry entry, relay::Stat& stat) {
  RelayCall call(relay::Op::file_stat);
  call.request.a = entry.handle();
  const long result = core.relay.ask(call);
  stat = call.reply.stat;
  return result;
}

long access(Core& core, int dirfd, const char* path, int mode, int flags) {
  const auto look = [&](const Location& location) -> long {
    RelayCall call(relay::Op::access, location.path);
    call.request.a = static_cast<std::uint64_t>(mode);
    call.request.b = static_cast<std::uint64_t>(flags);
    const long result = core.relay.ask(call);
    return result == 0 && (mode & 2) != 0 && location.mode == FileMode::read ? -EROFS : result;
  };
  const FdEntry entry = (flags & AT_SYMLINK_NOFOLLOW) == 0 ? through_descriptor(core, path) : FdEntry();
  if (!entry) return locate_to_look(core, dirfd, path, look);
  const long result = locate(core, entry, look);
  return result == -ENOENT ? not_ours
                           : result;  // its name is gone: the local copy's rights are as good as any
}

long read_link(Core& core, int dirfd, const char* path, char* into, std::size_t size) {
  return locate_to_look(core, dirfd, path, [&](const Location& location) -> long {
    if (size == 0) return -EINVAL;
    RelayCall call(relay::Op::read_link, location.path);
    call.into = into;
    call.capacity = size;
    const long result = core.relay.ask(call);
    return result != 0 ? result : static_cast<long>(call.received);
  });
}

namespace {

[[gnu::noinline]] long link_of_memfd(Core& core, FdEntry entry, char* link, long length, std::size_t size) {
  char path[PATH_MAX];
  const long result = path_of(core, entry, path, sizeof path);
  if (result < 0) return length;
  const auto copied = static_cast<std::size_t>(result) < size ? static_cast<std::size_t>(result) : size;
  memcpy(link, path, copied);
  return static_cast<long>(copied);
}

}  // namespace

long true_link(Core& core, char* link, long length, std::size_t size) {
  if (length <= 0) return length;
  const FdEntry entry = parse_memfd_name({link, static_cast<std::size_t>(length)});
  return entry ? link_of_memfd(core, entry, link, length, size) : length;
}

long real_path(Core& core, const Location& location, char* into, std::size_t size) {
  RelayCall call(relay::Op::real_path, location.path);
  call.into = into;
  call.capacity = size - 1;
  if (const long result = core.relay.ask(call); result != 0) return result;
  into[call.received] = 0;
  return static_cast<long>(call.received);
}

long real_path(Core& core, const char* path, char* into, std::size_t size) {
  return locate_to_look(core, AT_FDCWD, path,
                        [&](const Location& location) { return real_path(core, location, into, size); });
}

long path_of(Core& core, FdEntry entry, char* into, std::size_t size) {
  RelayCall call(relay::Op::file_stat);
  call.request.a = entry.handle();
  call.into = into;
  call.capacity = size - 1;
  if (const long result = core.relay.ask(call); result != 0) return result;
  if (call.reply.data_length > call.received) return -ENAMETOOLONG;
  into[call.received] = 0;
  return static_cast<long>(call.received);
}

long change(Core& core, unsigned change, const Location& location, std::string_view other,
            std::uint64_t number) {
  RelayCall call(relay::Op::change_path, location.path);
  call.request.a = change;
  call.request.b = number;
  call.more_text = other;
  return core.relay.ask(call);
}

}  // namespace inpod::files
