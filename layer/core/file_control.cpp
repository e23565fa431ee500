// What is asked of remote files besides their bytes: sync, O_APPEND, locks, modes, owners and times. See
// files.hpp.
//
// A lock that must be waited for is asked for again and again: the wait is the program's, so it ends with a
// signal, and nobody in the pod or in inpod waits for a program that a debugger has stopped.
#include <sys/file.h>
#include <sys/timerfd.h>
#include <time.h>

#include <cerrno>

#include "core/files.hpp"
#include "core/raw.hpp"

namespace inpod::files {
namespace {

/// protocol::FileControl, by number.
enum Control : unsigned { sync_all, sync_data, append, whole_lock, range_lock, range_test };

constexpr long first_wait_ms = 5, longest_wait_ms = 200;

struct Range {
  std::uint64_t number = 0, start = 0, length = 0;
};

long control(Core& core, FdEntry entry, Control what, Range& range) {
  RelayCall call(relay::Op::control);
  call.request.a = entry.handle();
  call.request.b = what;
  call.request.c = range.number;
  call.request.d = range.start;
  call.data = &range.length;
  call.data_size = sizeof range.length;
  const long result = core.relay.ask(call);
  range = {call.reply.a, call.reply.b, call.reply.c};
  return result;
}

/// 0 or -errno. By a timer's descriptor, since reading it is what the kernel does when it waits for a lock:
/// -EINTR when a signal handler without SA_RESTART ran, and on after any other. nanosleep(2) and poll(2) are
/// never taken up again.
long pause_for(long ms) {
  const long timer = move_above_standard(raw::call(SYS_timerfd_create, CLOCK_MONOTONIC, TFD_CLOEXEC));
  if (timer < 0) {  // out of descriptors
    const timespec time{0, ms * 1'000'000};
    return raw::call(SYS_nanosleep, raw::word(&time), 0);
  }
  const itimerspec once{{0, 0}, {0, ms * 1'000'000}};
  std::uint64_t expired;
  long result = raw::call(SYS_timerfd_settime, timer, 0, raw::word(&once), 0);
  if (result == 0) result = raw::read(static_cast<int>(timer), &expired, sizeof expired);
  raw::close(static_cast<int>(timer));
  return result < 0 ? result : 0;
}

/// Asks until the lock is there. 0 or -errno; -EINTR when a signal handler without SA_RESTART has run.
/// Waiting for a range is a cancellation point, as F_SETLKW is; flock(2) is none.
long wait_for_lock(Core& core, FdEntry entry, Control what, const Range& wanted) {
  for (long ms = first_wait_ms;; ms = ms * 2 < longest_wait_ms ? ms * 2 : longest_wait_ms) {
    if (what == range_lock) core.cancellation_point();
    Range range = wanted;
    const long result = control(core, entry, what, range);
    if (result != -EAGAIN) return result;
    const long failed = pause_for(ms);
    if (failed == -EINTR && what == range_lock) core.cancellation_point();
    if (failed != 0) return failed;
  }
}

bool is_changeable(Core& core, FdEntry entry) {
  if (entry.changeable()) return true;
  core.note_once("",
                 "the program locks files of the pod that are read-only here: such a lock is seen neither in "
                 "the pod nor by who "
                 "opens the file anew here");
  return false;
}

/// Where the range of a lock begins, from the start of the file. 0 or -errno.
long start_of(Core& core, int fd, FdEntry entry, const struct flock& lock, std::int64_t& start) {
  std::int64_t base = 0;
  if (lock.l_whence == SEEK_CUR) {
    base = seek(core, fd, entry, 0, SEEK_CUR);
    if (base < 0) return base;
  } else if (lock.l_whence == SEEK_END) {
    relay::Stat now;
    if (const long result = stat(core, entry, now); result != 0) return result;
    base = static_cast<std::int64_t>(now.size);
  } else if (lock.l_whence != SEEK_SET) {
    return -EINVAL;
  }
  if (__builtin_add_overflow(base, lock.l_start, &start)) return -EOVERFLOW;
  return start < 0 ? -EINVAL : 0;
}

bool is_test(int command) {
  return command == F_GETLK || command == F_OFD_GETLK;
}
bool waits(int command) {
  return command == F_SETLKW || command == F_OFD_SETLKW;
}

long send(Core& core, RelayCall& call, const Attributes& attributes) {
  call.request.a = attributes.attribute;
  call.request.b = attributes.number;
  call.request.d = attributes.follow;
  call.data = attributes.times;
  call.data_size = sizeof attributes.times;
  return core.relay.ask(call);
}

}  // namespace

long sync(Core& core, FdEntry entry, bool data_only) {
  if (!entry.changeable()) return 0;
  Range range;
  return control(core, entry, data_only ? sync_data : sync_all, range);
}

long set_append(Core& core, FdEntry entry, bool on) {
  Range range{on, 0, 0};
  if (const long result = control(core, entry, append, range); result != 0) return result;
  if (core.owner() != Owner::us) return 0;
  for (int fd = 0, end = core.fds.top(); fd < end; ++fd)
    if (const FdEntry one = core.fds.get(fd); one.is_file() && one.handle() == entry.handle())
      core.fds.replace(fd, one, one.with_append(on));
  return 0;
}

long lock_whole(Core& core, FdEntry entry, int operation) {
  if (!is_changeable(core, entry)) return not_ours;
  Range range{static_cast<std::uint64_t>(operation), 0, 0};
  const bool at_once = (operation & LOCK_NB) != 0 || (operation & LOCK_UN) != 0;
  return at_once ? control(core, entry, whole_lock, range) : wait_for_lock(core, entry, whole_lock, range);
}

long lock_range(Core& core, int fd, FdEntry entry, int command, struct flock& lock) {
  if (!is_changeable(core, entry)) return not_ours;
  std::int64_t start = 0, length = lock.l_len;
  if (const long result = start_of(core, fd, entry, lock, start); result != 0) return result;
  if (length < 0) {  // the bytes before the start
    start += length;
    if (start < 0) return -EINVAL;
    length = -length;
  }
  Range range{static_cast<std::uint64_t>(lock.l_type), static_cast<std::uint64_t>(start),
              static_cast<std::uint64_t>(length)};
  if (!is_test(command))
    return waits(command) ? wait_for_lock(core, entry, range_lock, range)
                          : control(core, entry, range_lock, range);
  const long result = control(core, entry, range_test, range);
  if (result != 0) return result;
  lock.l_type = static_cast<short>(range.number);
  if (lock.l_type == F_UNLCK) return 0;
  lock.l_whence = SEEK_SET;
  lock.l_start = static_cast<std::int64_t>(range.start);
  lock.l_len = static_cast<std::int64_t>(range.length);
  lock.l_pid = -1;
  return 0;
}

long change_attributes(Core& core, const Location& location, const Attributes& attributes) {
  RelayCall call(relay::Op::attributes, location.path);
  return send(core, call, attributes);
}

long change_attributes(Core& core, FdEntry entry, const Attributes& attributes) {
  if (!entry.changeable()) return -EROFS;
  RelayCall call(relay::Op::attributes);
  call.request.c = entry.handle();
  return send(core, call, attributes);
}

}  // namespace inpod::files
