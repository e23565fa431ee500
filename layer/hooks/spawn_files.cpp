// posix_spawn_file_actions_addopen: libc opens the file inside the child, where no hook sees it. A file of
// the pod is opened at once instead, and the child gets a duplicate; it is closed with the actions. So a list
// of actions that is used several times shares one position, and a file that is made or cut is so when the
// action is added.
#include <fcntl.h>
#include <spawn.h>

#include "hooks/descriptor.hpp"
#include "layer.hpp"

using namespace inpod;
using namespace inpod::layer;

namespace {

/// Which descriptors wait for which list of actions. No lock: a place is claimed by its atomic.
struct Opened {
  std::atomic<const posix_spawn_file_actions_t*> actions;
  std::atomic<int> fd;
};
constexpr std::size_t most_opened = 256;
constinit Opened opened[most_opened] = {};

Opened* keep(const posix_spawn_file_actions_t* actions, int fd) {
  for (Opened& one : opened) {
    const posix_spawn_file_actions_t* expected = nullptr;
    if (!one.actions.compare_exchange_strong(expected, actions)) continue;
    one.fd.store(fd);
    return &one;
  }
  return nullptr;
}

void drop(const posix_spawn_file_actions_t* actions) {
  for (Opened& one : opened) {
    if (one.actions.load() != actions) continue;
    close_descriptor(one.fd.load());
    one.actions.store(nullptr);
  }
}

/// The actions before this one may put something at a low number, which a program expects to be free: what is
/// kept is moved out of their way, where the limit on descriptors allows that.
int move_up(int fd) {
  constexpr int lowest_kept = 512;
  const int moved = fcntl(fd, F_DUPFD_CLOEXEC, lowest_kept);
  if (moved < 0) return fd;
  close_descriptor(fd);
  return moved;
}

}  // namespace

/// libc duplicates the descriptor inside the child, where no hook sees it.
HOOK(int, posix_spawn_file_actions_adddup2, (posix_spawn_file_actions_t * actions, int fd, int wanted)) {
  const int saved = errno;
  const bool standard = wanted >= 0 && wanted <= highest_standard;
  const long made = standard && file_entry(fd) ? files::make_plain(core, fd) : fd;
  errno = saved;
  if (made < 0) return static_cast<int>(-made);
  return original(posix_spawn_file_actions_adddup2)(actions, fd, wanted);
}

HOOK(int, posix_spawn_file_actions_addopen,
     (posix_spawn_file_actions_t * actions, int wanted, const char* path, int flags, mode_t mode)) {
  // A path by a descriptor means the child's.
  const bool ours = active() && !files::through_descriptor(core, path);
  const int saved = errno;
  long fd = ours ? files::open(core, AT_FDCWD, path, flags | O_CLOEXEC, mode) : not_ours;
  if (fd == not_ours) return original(posix_spawn_file_actions_addopen)(actions, wanted, path, flags, mode);
  // What is missing must fail in the child, as posix_spawn(3) tells it.
  if (fd == -ENOENT)
    return original(posix_spawn_file_actions_addopen)(actions, wanted, "/proc/inpod/missing", O_RDONLY, 0);
  if (fd < 0) return static_cast<int>(-fd);
  fd = move_up(static_cast<int>(fd));
  const long plain = wanted <= highest_standard ? files::make_plain(core, static_cast<int>(fd)) : fd;
  errno = saved;
  if (plain < 0) {
    close_descriptor(static_cast<int>(fd));
    return static_cast<int>(-plain);
  }
  Opened* place = keep(actions, static_cast<int>(fd));
  const int failed =
      place ? original(posix_spawn_file_actions_adddup2)(actions, static_cast<int>(fd), wanted) : ENOMEM;
  if (failed == 0) return 0;
  close_descriptor(static_cast<int>(fd));
  if (place) place->actions.store(nullptr);
  return failed;
}

HOOK(int, posix_spawn_file_actions_destroy, (posix_spawn_file_actions_t * actions)) {
  if (active()) drop(actions);
  return original(posix_spawn_file_actions_destroy)(actions);
}
