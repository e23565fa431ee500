// Asks about the tree DIR by path: stat and its family, access, readlink, realpath. Usage: asking DIR
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "report.hpp"

static void show(const std::string& what, int done, const struct stat& stat) {
  if (done != 0) return report(what, -1);
  printf("%s = mode %o links %lu uid %u gid %u size %ld blocks %ld mtime %ld.%09ld inode %lu dev %lu\n",
         what.c_str(), stat.st_mode, stat.st_nlink, stat.st_uid, stat.st_gid, stat.st_size, stat.st_blocks,
         stat.st_mtim.tv_sec, stat.st_mtim.tv_nsec, stat.st_ino, stat.st_dev);
}

static void ask(const std::string& dir, const char* name) {
  const std::string path = dir + "/" + name, what = std::string(" ") + name;
  struct stat stat;
  memset(&stat, 0, sizeof stat);
  show("stat" + what, ::stat(path.c_str(), &stat), stat);
  show("lstat" + what, lstat(path.c_str(), &stat), stat);
  show("fstatat" + what, fstatat(AT_FDCWD, path.c_str(), &stat, AT_SYMLINK_NOFOLLOW), stat);
  struct statx more;
  const int done = statx(AT_FDCWD, path.c_str(), 0, STATX_BASIC_STATS, &more);
  if (done == 0)
    printf("statx%s = mode %o size %llu mtime %lld.%09u inode %llu dev %u:%u\n", what.c_str(), more.stx_mode,
           static_cast<unsigned long long>(more.stx_size), static_cast<long long>(more.stx_mtime.tv_sec),
           more.stx_mtime.tv_nsec, static_cast<unsigned long long>(more.stx_ino), more.stx_dev_major,
           more.stx_dev_minor);
  else
    report("statx" + what, -1);
  report("access F" + what, access(path.c_str(), F_OK));
  report("access R" + what, access(path.c_str(), R_OK));
  report("access X" + what, access(path.c_str(), X_OK));
  report("faccessat" + what, faccessat(AT_FDCWD, path.c_str(), R_OK, AT_EACCESS));
  report("euidaccess" + what, euidaccess(path.c_str(), R_OK));
  char link[PATH_MAX];
  ssize_t length = readlink(path.c_str(), link, sizeof link);
  if (length < 0)
    report("readlink" + what, -1);
  else
    report("readlink" + what, std::string(link, static_cast<std::size_t>(length)));
  length = readlink(path.c_str(), link, 3);
  if (length >= 0) report("readlink cut" + what, std::string(link, static_cast<std::size_t>(length)));
  if (char* real = realpath(path.c_str(), nullptr))
    report("realpath" + what, std::string(real)), free(real);
  else
    report("realpath" + what, -1);
  if (realpath(path.c_str(), link)) report("realpath in place" + what, std::string(link));
  if (char* real = canonicalize_file_name(path.c_str()))
    report("canonical" + what, std::string(real)), free(real);
  else
    report("canonical" + what, -1);
}

static void relative(const std::string& dir) {
  const int fd = open(dir.c_str(), O_RDONLY | O_DIRECTORY);
  struct stat stat;
  show("fstat of a directory", fstat(fd, &stat), stat);
  show("fstatat below it", fstatat(fd, "small.txt", &stat, 0), stat);
  show("fstatat of itself", fstatat(fd, "", &stat, AT_EMPTY_PATH), stat);
  show("fstatat above it", fstatat(fd, "sub/../small.txt", &stat, 0), stat);
  report("faccessat", faccessat(fd, "missing", F_OK, 0));
  char link[PATH_MAX];
  const ssize_t length = readlinkat(fd, "link", link, sizeof link);
  if (length > 0) report("readlinkat", std::string(link, static_cast<std::size_t>(length)));
  const int file = openat(fd, "sub/deep.txt", O_RDONLY);
  char bytes[100];
  report_bytes("openat", bytes, read(file, bytes, sizeof bytes));
  const int nested = openat(fd, "sub", O_RDONLY | O_DIRECTORY);
  const int deep = openat(nested, "deep.txt", O_RDONLY);
  report_bytes("openat of openat", bytes, read(deep, bytes, sizeof bytes));
  report("openat of a file", openat(file, "x", O_RDONLY));
  show("fstat", fstat(deep, &stat), stat);
  const std::string own = "/proc/self/fd/" + std::to_string(deep);
  const ssize_t size = readlink(own.c_str(), link, sizeof link);
  if (size > 0) report("the descriptor's name", std::string(link, static_cast<std::size_t>(size)));
  if (char* real = realpath(own.c_str(), nullptr))
    report("realpath of the descriptor", std::string(real)), free(real);
  show("stat of the descriptor", ::stat(own.c_str(), &stat), stat);
  show("by the process's number",
       ::stat(("/proc/" + std::to_string(getpid()) + "/fd/" + std::to_string(nested)).c_str(), &stat), stat);
  show("fstatat of the descriptor", fstatat(AT_FDCWD, own.c_str(), &stat, 0), stat);
  report("lstat of the descriptor", lstat(own.c_str(), &stat));
  report("is a link", S_ISLNK(stat.st_mode));
  struct statx more;
  report("statx of the descriptor", statx(AT_FDCWD, own.c_str(), 0, STATX_BASIC_STATS, &more));
  report("its size", static_cast<long>(more.stx_size));
  report("access R of the descriptor", access(own.c_str(), R_OK));
  report("access X of the descriptor", access(own.c_str(), X_OK));
  report("a descriptor that is none", ::stat("/proc/self/fd/999", &stat));
  report("and with a zero", access(("/proc/self/fd/0" + std::to_string(deep)).c_str(), F_OK));
  report("opened without following", open(own.c_str(), O_RDONLY | O_NOFOLLOW));
  report("opened as a directory", open(own.c_str(), O_RDONLY | O_DIRECTORY));
  const int again = open(own.c_str(), O_RDONLY);
  report_bytes("opened again", bytes, read(again, bytes, sizeof bytes));
  show("its fstat", fstat(again, &stat), stat);
  const int both = open("/etc", O_RDONLY | O_DIRECTORY);  // a directory that is here and there
  report("chdir by the descriptor", chdir(("/proc/self/fd/" + std::to_string(both)).c_str()));
  report("leads to", std::string(getcwd(link, sizeof link) ? link : ""));
  report("chdir to a file's", chdir(own.c_str()));
  for (const int one : {fd, file, nested, deep, again, both}) close(one);
}

int main(int, char** arguments) {
  const std::string dir = arguments[1];
  for (const char* name : {"small.txt", "empty", "big.bin", "sub", "sub/", "sub/deep.txt", "sub/../link",
                           "link", "dangling", "loop", "missing", "small.txt/x", "script.sh", ".", "noone"})
    ask(dir, name);
  relative(dir);
  struct statvfs system;
  report("statvfs", statvfs((dir + "/small.txt").c_str(), &system));
  report("pathconf", pathconf((dir + "/small.txt").c_str(), _PC_NAME_MAX));
  report("pathconf missing", pathconf((dir + "/missing").c_str(), _PC_NAME_MAX));
  report("statvfs missing", statvfs((dir + "/missing").c_str(), &system));
  return 0;
}
