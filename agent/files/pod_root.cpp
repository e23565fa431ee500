// See pod_root.hpp.
#include "files/pod_root.hpp"

#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <sched.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdlib>
#include <thread>

namespace inpod::agent {
namespace {

Result<UniqueFd> open_in_root(int root, const std::string& path, int flags, mode_t mode) {
  open_how how{};
  how.flags = static_cast<unsigned>(flags) | O_CLOEXEC;
  how.mode = (flags & O_CREAT) || (flags & O_TMPFILE) == O_TMPFILE ? mode & 07777 : 0;
  how.resolve = RESOLVE_IN_ROOT;
  // EAGAIN: a rename raced with "..": openat2(2) says try again. Or something in the pod renames without end.
  constexpr int most_tries = 100;
  for (int i = 0; i < most_tries; ++i) {
    int fd = static_cast<int>(::syscall(SYS_openat2, root, path.c_str(), &how, sizeof how));
    if (fd >= 0) return UniqueFd(fd);
    if (errno != EAGAIN) break;
  }
  return fail_errno(path);
}

std::string path_through(const UniqueFd& fd) {
  return "/proc/self/fd/" + std::to_string(fd.get());
}

}  // namespace

PodRoot::PodRoot(const Target& target)
    : target_(target), own_fds_(::open("/proc/self/fd", O_PATH | O_DIRECTORY | O_CLOEXEC)), direct_(true) {
  if (target.pid) std::thread([this] { direct_ = try_chroot(); }).join();
}

bool PodRoot::try_chroot() const {
  return ::unshare(CLONE_FS) == 0 && ::fchdir(target_.root.get()) == 0 && ::chroot(".") == 0;
}

Result<void> PodRoot::enter_thread() const {
  if (!target_.pid) {
    if (::unshare(CLONE_FS) == 0) ::umask(0);  // as take_on does
    return {};
  }
  if (direct_ ? !try_chroot() : ::unshare(CLONE_FS) != 0)
    return fail_errno("cannot enter the target's root directory");
  if (target_.uts_namespace) ::setns(target_.uts_namespace.get(), CLONE_NEWUTS);
  return take_on(target_.credentials);
}

Result<UniqueFd> PodRoot::open(const std::string& path, int flags, mode_t mode) const {
  if (!direct_) return open_in_root(target_.root.get(), path, flags, mode);
  int fd = ::open(path.c_str(), flags | O_CLOEXEC, mode);
  if (fd < 0) return fail_errno(path);
  return UniqueFd(fd);
}

Result<Located> PodRoot::locate(const std::string& path, bool follow) const {
  if (direct_) return Located{path, follow ? 0 : AT_SYMLINK_NOFOLLOW, {}};
  TRY_ASSIGN(object, open_in_root(target_.root.get(), path, O_PATH | (follow ? 0 : O_NOFOLLOW), 0));
  std::string through = path_through(object);
  return Located{std::move(through), 0, std::move(object)};
}

Result<Located> PodRoot::locate_entry(const std::string& path) const {
  if (direct_) return Located{path, 0, {}};
  std::size_t end = path.find_last_not_of('/');
  if (end == path.npos) return fail_errno(path, path.empty() ? ENOENT : EBUSY);
  std::size_t name = path.rfind('/', end) + 1;  // 0 where there is no slash
  TRY_ASSIGN(parent,
             open_in_root(target_.root.get(), name ? path.substr(0, name) : ".", O_PATH | O_DIRECTORY, 0));
  std::string through = path_through(parent) + "/" + path.substr(name);
  return Located{std::move(through), 0, std::move(parent)};
}

std::string PodRoot::path_of(int fd) const {
  char path[PATH_MAX];
  ssize_t length = ::readlinkat(own_fds_.get(), std::to_string(fd).c_str(), path, sizeof path);
  return length > 0 && path[0] == '/' ? std::string(path, static_cast<std::size_t>(length)) : std::string();
}

}  // namespace inpod::agent
