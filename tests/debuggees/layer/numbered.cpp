// Makes system calls by number, through syscall(2). Usage: numbered DIR [write]
// With `write` the rules let it write DIR; else it only reads.
#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>
#include <utime.h>

#include "report.hpp"

static std::string dir, file;

static void reading() {
  char bytes[200];
  const long fd = syscall(SYS_openat, AT_FDCWD, file.c_str(), O_RDONLY, 0);
  report_bytes("read", bytes, syscall(SYS_read, fd, bytes, 7));
  iovec parts[2] = {{bytes, 3}, {bytes + 50, 20}};
  report("readv", syscall(SYS_readv, fd, parts, 2));
  report_bytes("its second part", bytes + 50, 20);
  report_bytes("pread64", bytes, syscall(SYS_pread64, fd, bytes, 5, 1));
  report("preadv", syscall(SYS_preadv, fd, parts, 2, 2, 0));
  report_bytes("its first part", bytes, 3);
  report("lseek", syscall(SYS_lseek, fd, 0, SEEK_END));
  struct stat stat;
  report("fstat", syscall(SYS_fstat, fd, &stat));
  report("size", stat.st_size);
  report("faccessat", syscall(SYS_faccessat, AT_FDCWD, file.c_str(), R_OK));
  report("faccessat2", syscall(SYS_faccessat2, AT_FDCWD, (dir + "/missing").c_str(), F_OK, 0));
  report("readlinkat", syscall(SYS_readlinkat, AT_FDCWD, (dir + "/link").c_str(), bytes, sizeof bytes));
  report("fcntl", syscall(SYS_fcntl, fd, F_GETFL) & O_ACCMODE);
  const long copy = syscall(SYS_dup, fd);
  report("close", syscall(SYS_close, fd));
  report_bytes("the duplicate", bytes, syscall(SYS_pread64, copy, bytes, 5, 0));
  report("close_range", syscall(SYS_close_range, copy, copy, 0));
  report("read of what it closed", syscall(SYS_read, copy, bytes, 5));
  report("close_range of no range", syscall(SYS_close_range, 60, 50, 0));
  const long above = syscall(SYS_openat, AT_FDCWD, dir.c_str(), O_RDONLY | O_DIRECTORY, 0);
  report("getdents64", syscall(SYS_getdents64, above, bytes, sizeof bytes) > 0);
  report("openat below it", syscall(SYS_openat, above, "missing", O_RDONLY, 0));
  syscall(SYS_close, above);
}

static void start(const char* what, long number) {
  fflush(stdout);
  const pid_t pid = fork();
  if (pid == 0) {
    char program[] = "/bin/cat", path[4096];
    snprintf(path, sizeof path, "%s", file.c_str());
    char* arguments[] = {program, path, nullptr};
    char* bare[] = {nullptr};
    if (number == SYS_execve)
      syscall(number, program, arguments, bare);
    else
      syscall(number, AT_FDCWD, program, arguments, bare, 0);
    _exit(99);
  }
  int status = -1;
  waitpid(pid, &status, 0);
  report(what, status);
}

[[maybe_unused]] static struct stat stat_of(const std::string& path) {
  struct stat stat {};
  ::stat(path.c_str(), &stat);
  return stat;
}

static void writing() {
  const std::string made = dir + "/numbered";
  const long fd = syscall(SYS_openat, AT_FDCWD, made.c_str(), O_RDWR | O_CREAT | O_TRUNC, 0644);
  report("pwrite64", syscall(SYS_pwrite64, fd, "hello", 5, 3));
  char a[] = "one", b[] = "two";
  const iovec parts[2] = {{a, 3}, {b, 3}};
  report("writev", syscall(SYS_writev, fd, parts, 2));
  report("pwritev", syscall(SYS_pwritev, fd, parts, 2, 20, 0));
  report("ftruncate", syscall(SYS_ftruncate, fd, 24));
  const timespec times[2] = {{1, 2}, {3, 4}};
  report("utimensat of a descriptor", syscall(SYS_utimensat, fd, nullptr, times, 0));
  struct stat stat;
  report("fstat", syscall(SYS_fstat, fd, &stat));
  report("its time", stat.st_mtim.tv_sec);
#ifdef SYS_utimes
  const timeval coarse[2] = {{11, 12}, {13, 14}};
  report("utimes", syscall(SYS_utimes, made.c_str(), coarse));
  report("its time", stat_of(made).st_mtim.tv_sec);
  const timeval later[2] = {{21, 22}, {23, 24}};
  report("futimesat", syscall(SYS_futimesat, AT_FDCWD, made.c_str(), later));
  report("its time", stat_of(made).st_mtim.tv_sec);
  const utimbuf old{31, 33};
  report("utime", syscall(SYS_utime, made.c_str(), &old));
  report("its time", stat_of(made).st_mtim.tv_sec);
#endif
  report("sync_file_range", syscall(SYS_sync_file_range, fd, 0L, 5L, 0));
  const long here = syscall(SYS_memfd_create, "here", 0);
  report("utimensat of a local one", syscall(SYS_utimensat, here, nullptr, times, 0));
  syscall(SYS_close, here);
  char bytes[100];
  report_bytes("what is there", bytes, syscall(SYS_pread64, fd, bytes, sizeof bytes, 0));
  report("close", syscall(SYS_close, fd));
  report("mkdirat", syscall(SYS_mkdirat, AT_FDCWD, (dir + "/folder").c_str(), 0700));
  report("renameat2",
         syscall(SYS_renameat2, AT_FDCWD, made.c_str(), AT_FDCWD, (dir + "/folder/x").c_str(), 0));
  report("unlinkat", syscall(SYS_unlinkat, AT_FDCWD, (dir + "/folder/x").c_str(), 0));
  report("unlinkat of a directory", syscall(SYS_unlinkat, AT_FDCWD, (dir + "/folder").c_str(), AT_REMOVEDIR));
}

int main(int count, char** arguments) {
  dir = arguments[1];
  file = dir + "/small.txt";
  if (count > 2 && std::string(arguments[2]) == "refused") {  // what only says ENOSYS outside
    open_how how{};
    how.flags = O_RDONLY;
    report("openat2", syscall(SYS_openat2, AT_FDCWD, file.c_str(), &how, sizeof how));
    const long local = syscall(SYS_openat2, AT_FDCWD, "/usr/bin", &how, sizeof how);
    report("openat2 of what is local", local < 0 ? -1 : 0);
    report("setxattr", syscall(SYS_setxattr, file.c_str(), "user.x", "y", 1, 0));
    report("removexattr", syscall(SYS_removexattr, file.c_str(), "user.x"));
    const std::string own = "/proc/self/fd/" + std::to_string(open(file.c_str(), O_RDONLY));
    report("setxattr by a descriptor", syscall(SYS_setxattr, own.c_str(), "user.x", "y", 1, 0));
    report("inotify by a descriptor",
           syscall(SYS_inotify_add_watch, syscall(SYS_inotify_init1, 0), own.c_str(), 2));
    report("O_TMPFILE", open(dir.c_str(), O_RDWR | O_TMPFILE, 0600));
    report("mknodat", syscall(SYS_mknodat, AT_FDCWD, (dir + "/fifo").c_str(), S_IFIFO | 0600, 0));
    report("fchmodat2", syscall(452, AT_FDCWD, file.c_str(), 0600, 0));
    char parameters[120] = {};
    report("io_uring_setup", syscall(SYS_io_uring_setup, 4, parameters));
    return 0;
  }
  reading();
  start("execve", SYS_execve);
  start("execveat", SYS_execveat);
  if (count > 2) writing();
  return 0;
}
