// See file_operations.hpp: what an open file is asked besides its bytes, and the attributes that chmod, chown
// and utimensat change.
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "files/file_operations.hpp"

namespace inpod::agent {
using protocol::Attribute;
using protocol::FileControl;
using protocol::Message;

namespace {

Message done_or_errno(int result, const char* what) {
  if (result != 0) return to_failure(fail_errno(what).value());
  return protocol::Done{};
}

Message controlled(int result, const char* what) {
  if (result < 0) return to_failure(fail_errno(what).value());
  return protocol::Controlled{};
}

Message set_append(int fd, bool on) {
  int flags = ::fcntl(fd, F_GETFL);
  return controlled(flags < 0 ? -1 : ::fcntl(fd, F_SETFL, on ? flags | O_APPEND : flags & ~O_APPEND),
                    "F_SETFL");
}

Message lock_range(int fd, const protocol::ControlFile& request) {
  bool test = request.control == FileControl::range_test;
  struct flock lock {};
  lock.l_type = static_cast<short>(request.number);
  lock.l_whence = SEEK_SET;
  lock.l_start = static_cast<off_t>(request.start);
  lock.l_len = static_cast<off_t>(request.length);
  if (::fcntl(fd, test ? F_OFD_GETLK : F_OFD_SETLK, &lock) != 0)
    return to_failure(fail_errno("lock").value());
  if (!test) return protocol::Controlled{};
  return protocol::Controlled{static_cast<std::uint64_t>(lock.l_type),
                              static_cast<std::uint64_t>(lock.l_start),
                              static_cast<std::uint64_t>(lock.l_len)};
}

timespec time_of(std::int64_t ns) {
  if (ns == protocol::time_stays) return {0, UTIME_OMIT};
  if (ns == protocol::time_is_now) return {0, UTIME_NOW};
  constexpr std::int64_t second = 1'000'000'000;
  std::int64_t seconds = ns / second, rest = ns % second;
  if (rest < 0) rest += second, --seconds;
  return {seconds, rest};
}

}  // namespace

Message control_file(const OpenHandle& handle, const protocol::ControlFile& request) {
  int fd = handle.fd.get();
  switch (request.control) {
    case FileControl::sync:
      return controlled(::fsync(fd), "fsync");
    case FileControl::sync_data:
      return controlled(::fdatasync(fd), "fdatasync");
    case FileControl::append:
      return set_append(fd, request.number != 0);
    case FileControl::whole_lock:
      return controlled(::flock(fd, static_cast<int>(request.number) | LOCK_NB), "flock");
    case FileControl::range_lock:
    case FileControl::range_test:
      return lock_range(fd, request);
  }
  return to_failure(fail_errno("fcntl", EINVAL).value());
}

Message change_attributes(const OpenHandle& handle, const protocol::ChangeAttributes& request) {
  int fd = handle.fd.get();
  if (request.attribute == Attribute::mode) return done_or_errno(::fchmod(fd, request.mode), "fchmod");
  if (request.attribute == Attribute::owner)
    return done_or_errno(::fchown(fd, request.uid, request.gid), "fchown");
  const timespec times[2] = {time_of(request.accessed_ns), time_of(request.modified_ns)};
  return done_or_errno(::futimens(fd, times), "futimens");
}

Message change_attributes(const PodRoot& root, const protocol::ChangeAttributes& request) {
  auto at = root.locate(request.path, request.follow);
  if (!at) return to_failure(at.error());
  const char *path = at->path.c_str(), *name = request.path.c_str();
  if (request.attribute == Attribute::mode)
    return done_or_errno(::fchmodat(AT_FDCWD, path, request.mode, at->flags), name);
  if (request.attribute == Attribute::owner)
    return done_or_errno(::fchownat(AT_FDCWD, path, request.uid, request.gid, at->flags), name);
  const timespec times[2] = {time_of(request.accessed_ns), time_of(request.modified_ns)};
  return done_or_errno(::utimensat(AT_FDCWD, path, times, at->flags), name);
}

}  // namespace inpod::agent
