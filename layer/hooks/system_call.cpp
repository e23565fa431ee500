// syscall(2): programs and libraries that number their system calls themselves, for those calls where it
// matters.
//
// Each goes to the hook of the libc function that is laid out like it, and from there to libc's own, never to
// a definition of the program's (by_number): allocators define mmap by syscall(2). What can't be carried
// (openat2 of the pod's paths, io_uring) is ENOSYS, as on an older kernel: programs have a fallback for that.
// All others pass through. What issues system calls by its own instructions is the supervisor's business.
#include <dirent.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/utsname.h>
#include <sys/xattr.h>
#include <unistd.h>
#include <utime.h>

#include <cstdarg>
#include <cstdio>
#include <type_traits>
#include <utility>

#include "hooks/io_uring.hpp"
#include "hooks/seccomp.hpp"
#include "layer.hpp"

using namespace inpod;
using namespace inpod::layer;

extern "C" int pivot_root(const char* root, const char* old);  // glibc declares it nowhere

namespace {

template <class T>
T as(long word) {
  if constexpr (std::is_pointer_v<T>)
    return reinterpret_cast<T>(word);
  else
    return static_cast<T>(word);
}

template <class Result, class... Arguments, std::size_t... At>
long pass(Result (*function)(Arguments...), const long (&a)[6], std::index_sequence<At...>) {
  const Result value = function(as<Arguments>(a[At])...);
  if constexpr (std::is_pointer_v<Result>)
    return reinterpret_cast<long>(value);
  else
    return static_cast<long>(value);
}

/// Calls a libc function, and so its hook, with the arguments of a system call that is laid out like it.
template <class Result, class... Arguments>
long call(Result (*function)(Arguments...), const long (&a)[6]) {
  return pass(function, a, std::index_sequence_for<Arguments...>());
}

// libc's take a variable number of arguments, or one more or less than the kernel's.
int open_at(int dirfd, const char* path, int flags, mode_t mode) {
  return openat(dirfd, path, flags, mode);
}
int file_control(int fd, int command, long argument) {
  return fcntl(fd, command, argument);
}
int device_control(int fd, unsigned long request, void* argument) {
  return ioctl(fd, request, argument);
}
int access_at(int dirfd, const char* path, int mode) {
  return faccessat(dirfd, path, mode, 0);
}
constexpr long fchmodat2 =
    452;  // from Linux 6.6 on, the same number everywhere; libc's fchmodat is laid out like it
int change_mode_at(int dirfd, const char* path, mode_t mode) {
  return fchmodat(dirfd, path, mode, 0);
}
/// The kernel takes no path for dirfd itself; libc's utimensat refuses that.
int change_times_at(int dirfd, const char* path, const timespec* times, int flags) {
  if (!path) return flags == 0 ? futimens(dirfd, times) : result<int>(-EINVAL);
  return utimensat(dirfd, path, times, flags);
}

/// Whether the pod has what a path, or dirfd itself where the path is empty, leads to, or the directory that
/// the path starts from; `flags` as in fstatat.
bool is_ours(int dirfd, const char* path, long flags = 0) {
  const bool from_dirfd = !path || *path != '/';
  if (from_dirfd && dirfd != AT_FDCWD && file_entry(dirfd)) return true;
  return path && *path && files::is_remote(core, dirfd, path, (flags & AT_SYMLINK_NOFOLLOW) == 0);
}

/// The hook that does this system call of files and paths; false: there is none, or what stands behind it in
/// libc may be missing (stat and its like and mknod before glibc 2.33, getdents64 before 2.30) or does more
/// than the kernel, and the file is local.
bool by_file_hook(long number, const long (&a)[6], long& value) {
  switch (number) {
#ifdef SYS_open
    case SYS_open:
      return value = open_at(AT_FDCWD, as<char*>(a[0]), static_cast<int>(a[1]), static_cast<mode_t>(a[2])),
             true;
    case SYS_creat:
      return value = call(creat, a), true;
    case SYS_stat:
      if (!is_ours(AT_FDCWD, as<char*>(a[0]))) return false;
      return value = call<int, const char*, struct stat*>(stat, a), true;
    case SYS_lstat:
      if (!is_ours(AT_FDCWD, as<char*>(a[0]), AT_SYMLINK_NOFOLLOW)) return false;
      return value = call<int, const char*, struct stat*>(lstat, a), true;
    case SYS_access:
      return value = call(access, a), true;
    case SYS_readlink:
      return value = call(readlink, a), true;
    case SYS_mkdir:
      return value = call(mkdir, a), true;
    case SYS_rmdir:
      return value = call(rmdir, a), true;
    case SYS_unlink:
      return value = call(unlink, a), true;
    case SYS_rename:
      return value = call(rename, a), true;
    case SYS_link:
      return value = call(link, a), true;
    case SYS_symlink:
      return value = call(symlink, a), true;
    case SYS_chmod:
      return value = call(chmod, a), true;
    case SYS_chown:
      return value = call(chown, a), true;
    case SYS_lchown:
      return value = call(lchown, a), true;
    case SYS_mknod:
      if (!files::is_remote(core, AT_FDCWD, as<char*>(a[0]))) return false;
      return value = call(mknod, a), true;
    case SYS_utime:
      return value = call(utime, a), true;
    case SYS_utimes:
      return value = call(utimes, a), true;
    case SYS_futimesat:
      return value = call(futimesat, a), true;
#endif
#ifdef SYS_renameat
    case SYS_renameat:
      return value = call(renameat, a), true;
#endif
    case SYS_openat:
      return value = call(open_at, a), true;
    case SYS_openat2:
      if (!is_ours(static_cast<int>(a[0]), as<char*>(a[1]))) return false;
      return value = result<long>(-ENOSYS), true;
    case SYS_newfstatat:
      if (!is_ours(static_cast<int>(a[0]), as<char*>(a[1]), a[3])) return false;
      return value = call(fstatat, a), true;
    case SYS_fstat:
      if (!file_entry(static_cast<int>(a[0]))) return false;
      return value = call(fstat, a), true;
    case SYS_statx:
      return value = call(statx, a), true;
    case SYS_statfs:
      return value = call<int, const char*, struct statfs*>(statfs, a), true;
    case SYS_fstatfs:
      return value = call(fstatfs, a), true;
    case SYS_faccessat:
      return value = call(access_at, a), true;
    case SYS_faccessat2:
      return value = call(faccessat, a), true;
    case SYS_readlinkat:
      return value = call(readlinkat, a), true;
    case SYS_mkdirat:
      return value = call(mkdirat, a), true;
    case SYS_unlinkat:
      return value = call(unlinkat, a), true;
    case SYS_renameat2:
      return value = call(renameat2, a), true;
    case SYS_linkat:
      return value = call(linkat, a), true;
    case SYS_symlinkat:
      return value = call(symlinkat, a), true;
    case SYS_fchmodat:
      return value = call(change_mode_at, a), true;
    case fchmodat2:
      if (!is_ours(static_cast<int>(a[0]), as<char*>(a[1]), a[3])) return false;
      return value = call(fchmodat, a), true;
    case SYS_mknodat:
      if (!is_ours(static_cast<int>(a[0]), as<char*>(a[1]), AT_SYMLINK_NOFOLLOW)) return false;
      return value = call(mknodat, a), true;
    case SYS_fchmod:
      return value = call(fchmod, a), true;
    case SYS_fchownat:
      return value = call(fchownat, a), true;
    case SYS_fchown:
      return value = call(fchown, a), true;
    case SYS_utimensat:
      return value = call(change_times_at, a), true;
    case SYS_truncate:
      return value = call(truncate, a), true;
    case SYS_ftruncate:
      return value = call(ftruncate, a), true;
    case SYS_fallocate:
      return value = call(fallocate, a), true;
    case SYS_chdir:
      return value = call(chdir, a), true;
    case SYS_fchdir:
      return value = call(fchdir, a), true;
    case SYS_prctl:
      if (a[0] == PR_SET_SECCOMP && a[1] == SECCOMP_MODE_FILTER) note_filter(as<const sock_fprog*>(a[2]));
      return false;
    case SYS_seccomp:
      if (a[0] == SECCOMP_SET_MODE_FILTER) note_filter(as<const sock_fprog*>(a[2]));
      return false;
    case SYS_chroot:
      return value = call(chroot, a), true;
    case SYS_pivot_root:
      return value = call(pivot_root, a), true;
    case SYS_inotify_add_watch:
      return value = call(inotify_add_watch, a), true;
    case SYS_getxattr:
      return value = call(getxattr, a), true;
    case SYS_lgetxattr:
      return value = call(lgetxattr, a), true;
    case SYS_fgetxattr:
      return value = call(fgetxattr, a), true;
    case SYS_listxattr:
      return value = call(listxattr, a), true;
    case SYS_llistxattr:
      return value = call(llistxattr, a), true;
    case SYS_flistxattr:
      return value = call(flistxattr, a), true;
    case SYS_setxattr:
      return value = call(setxattr, a), true;
    case SYS_lsetxattr:
      return value = call(lsetxattr, a), true;
    case SYS_fsetxattr:
      return value = call(fsetxattr, a), true;
    case SYS_removexattr:
      return value = call(removexattr, a), true;
    case SYS_lremovexattr:
      return value = call(lremovexattr, a), true;
    case SYS_fremovexattr:
      return value = call(fremovexattr, a), true;
    case SYS_execve:
      return value = call(execve, a), true;
    case SYS_execveat:
      return value = call(execveat, a), true;
    case SYS_umask:
      return value = call(umask, a), true;
    case SYS_uname:
      return value = call(uname, a), true;
    default:
      return false;
  }
}

/// The same for what is done with descriptors.
bool by_descriptor_hook(long number, const long (&a)[6], long& value) {
  switch (number) {
#ifdef SYS_dup2
    case SYS_dup2:
      return value = call(dup2, a), true;
#endif
    case SYS_read:
      return value = call(read, a), true;
    case SYS_readv:
      return value = call(readv, a), true;
    case SYS_pread64:
      return value = call(pread, a), true;
    case SYS_preadv:
      return value = call(preadv, a), true;
    case SYS_preadv2:
      return value = preadv2(as<int>(a[0]), as<iovec*>(a[1]), as<int>(a[2]), a[3], as<int>(a[5])), true;
    case SYS_write:
      return value = call(write, a), true;
    case SYS_writev:
      return value = call(writev, a), true;
    case SYS_pwrite64:
      return value = call(pwrite, a), true;
    case SYS_pwritev:
      return value = call(pwritev, a), true;
    case SYS_pwritev2:
      return value = pwritev2(as<int>(a[0]), as<iovec*>(a[1]), as<int>(a[2]), a[3], as<int>(a[5])), true;
    case SYS_lseek:
      return value = call(lseek, a), true;
    case SYS_fsync:
      return value = call(fsync, a), true;
    case SYS_fdatasync:
      return value = call(fdatasync, a), true;
    case SYS_sync_file_range:
      return value = call(sync_file_range, a), true;
    case SYS_flock:
      return value = call(flock, a), true;
    case SYS_getdents64:
      if (!file_entry(static_cast<int>(a[0]))) return false;
      return value = call(getdents64, a), true;
    case SYS_mmap:
      return value = call(mmap, a), true;
    case SYS_sendfile:
      return value = call(sendfile, a), true;
    case SYS_copy_file_range:
      return value = call(copy_file_range, a), true;
    case SYS_splice:
      return value = call(splice, a), true;
    case SYS_close:
      return value = call(close, a), true;
    case SYS_close_range:
      return value = call(close_range, a), true;
    case SYS_dup:
      return value = call(dup, a), true;
    case SYS_dup3:
      return value = call(dup3, a), true;
    case SYS_ioctl:
      return value = call(device_control, a), true;
    case SYS_fcntl:
      return value = call(file_control, a), true;
    case SYS_io_uring_setup:
      return value = result<long>(io_uring_refusal()), true;
    default:
      return false;
  }
}

bool by_socket_hook(long number, const long (&a)[6], long& value) {
  switch (number) {
    case SYS_socket:
      return value = call(socket, a), true;
    case SYS_connect:
      return value = call(connect, a), true;
    case SYS_bind:
      return value = call(bind, a), true;
    case SYS_listen:
      return value = call(listen, a), true;
    case SYS_accept:
      return value = call(accept, a), true;
    case SYS_accept4:
      return value = call(accept4, a), true;
    case SYS_shutdown:
      return value = call(shutdown, a), true;
    case SYS_getpeername:
      return value = call(getpeername, a), true;
    case SYS_getsockname:
      return value = call(getsockname, a), true;
    case SYS_getsockopt:
      return value = call(getsockopt, a), true;
    case SYS_setsockopt:
      return value = call(setsockopt, a), true;
    case SYS_sendto:
      return value = call(sendto, a), true;
    case SYS_sendmsg:
      return value = call(sendmsg, a), true;
    case SYS_sendmmsg:
      return value = call(sendmmsg, a), true;
    case SYS_recvfrom:
      return value = call(recvfrom, a), true;
    case SYS_recvmsg:
      return value = call(recvmsg, a), true;
    case SYS_recvmmsg:
      return value = call(recvmmsg, a), true;
    default:
      return false;
  }
}

/// by_number is cleared, not restored: a handler that leaves a call by longjmp may have left it set.
bool by_hook(long number, const long (&a)[6], long& value) {
  by_number = true;
  const bool done = by_file_hook(number, a, value) || by_descriptor_hook(number, a, value) ||
                    by_socket_hook(number, a, value);
  by_number = false;
  return done;
}

}  // namespace

HOOK(long, syscall, (long number, ...)) {
  va_list arguments;
  va_start(arguments, number);
  long a[6];
  for (long& one : a) one = va_arg(arguments, long);
  va_end(arguments);
  long value;
  if (active() && by_hook(number, a, value)) return value;
  return original(syscall)(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}
