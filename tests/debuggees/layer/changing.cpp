// Changes the tree DIR, which the rules let it write. Usage: changing DIR
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "report.hpp"

static std::string dir;

static std::string at(const char* name) {
  return dir + "/" + name;
}

static void show(const char* name) {
  char bytes[4096];
  const int fd = open(at(name).c_str(), O_RDONLY);
  const long got = fd < 0 ? -1 : read(fd, bytes, sizeof bytes);
  if (got < 0)
    report(name, -1);
  else
    report(name, std::string(bytes, static_cast<std::size_t>(got)));
  if (fd >= 0) close(fd);
}

int main(int, char** arguments) {
  dir = arguments[1];
  umask(022);
  int fd = open(at("new").c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0640);
  report("create", fd < 0 ? -1 : 0);
  report("write", write(fd, "hello ", 6));
  report("write", write(fd, "world\n", 6));
  report("read of what is open to write", read(fd, &fd, 0));
  report("pwrite", pwrite(fd, "J", 1, 0));
  report("position", lseek(fd, 0, SEEK_CUR));
  char a[] = "one", b[] = "two\n";
  iovec parts[2] = {{a, 3}, {b, 4}};
  report("writev", writev(fd, parts, 2));
  report("pwritev", pwritev(fd, parts, 1, 6));
  struct stat stat;
  report("fstat", fstat(fd, &stat));
  report("size", stat.st_size);
  report("mode", stat.st_mode & 0777);
  report("F_GETFL", fcntl(fd, F_GETFL) & O_ACCMODE);
  report("fsync", fsync(fd));
  report("close", close(fd));
  show("new");

  fd = open(at("new").c_str(), O_RDWR | O_APPEND);
  report("append", write(fd, "more", 4));
  report("its position", lseek(fd, 0, SEEK_CUR));
  report("seek", lseek(fd, 2, SEEK_SET));
  char bytes[5] = "";
  report("read", read(fd, bytes, 4));
  report("bytes", std::string(bytes));
  report("seek from the end", lseek(fd, -4, SEEK_END));
  report("ftruncate", ftruncate(fd, 5));
  report("close", close(fd));
  show("new");

  fd = open(at("new").c_str(), O_RDWR);
  const std::string own = "/proc/self/fd/" + std::to_string(fd);
  report("chmod by the descriptor's path", chmod(own.c_str(), 0604));
  report("stat by it", ::stat(own.c_str(), &stat));
  report("mode", stat.st_mode & 0777);
  report("truncate by it", truncate(own.c_str(), 3));
  report("size", ::stat(own.c_str(), &stat) == 0 ? static_cast<long>(stat.st_size) : -1);
  report("read", read(fd, bytes, 1));
  const int again = open(own.c_str(), O_WRONLY | O_APPEND);
  report("opened by it", write(again, "++", 2));
  report("the first one's position", lseek(fd, 0, SEEK_CUR));
  report("linked by it", linkat(AT_FDCWD, own.c_str(), AT_FDCWD, at("linked").c_str(), AT_SYMLINK_FOLLOW));
  report("links", fstat(fd, &stat) == 0 ? static_cast<long>(stat.st_nlink) : -1);
  report("unlink", unlink(at("linked").c_str()));
  report("opened and cut", close(open(own.c_str(), O_WRONLY | O_TRUNC)));
  report("append", write(again, "rest", 4));
  report("close", close(again));
  report("close", close(fd));
  show("new");

  report("exclusive", open(at("new").c_str(), O_WRONLY | O_CREAT | O_EXCL, 0644));
  report("exclusive anew", close(open(at("other").c_str(), O_WRONLY | O_CREAT | O_EXCL, 0644)));
  report("creat", close(creat(at("made").c_str(), 0600)));
  FILE* stream = fopen(at("stream").c_str(), "w+");
  report("fprintf", fprintf(stream, "%s %d\n", "number", 42));
  report("fseek", fseek(stream, 0, SEEK_SET));
  char line[50] = "";
  report("fgets", std::string(fgets(line, sizeof line, stream) ? line : "null"));
  report("fclose", fclose(stream));
  stream = fopen(at("stream").c_str(), "a");
  fputs("again\n", stream);
  report("fclose", fclose(stream));
  show("stream");

  report("mkdir", mkdir(at("folder").c_str(), 0750));
  report("mkdir again", mkdir(at("folder").c_str(), 0750));
  report("stat", stat.st_size >= 0 ? ::stat(at("folder").c_str(), &stat) : -1);
  report("mode", stat.st_mode & 0777);
  report("rename", rename(at("other").c_str(), at("folder/moved").c_str()));
  report("rmdir of a full one", rmdir(at("folder").c_str()));
  report("symlink", symlink("moved", at("folder/link").c_str()));
  report("link", link(at("folder/moved").c_str(), at("folder/second").c_str()));
  report("links", ::stat(at("folder/moved").c_str(), &stat) == 0 ? static_cast<long>(stat.st_nlink) : -1);
  report("linkat", linkat(AT_FDCWD, at("folder/link").c_str(), AT_FDCWD, at("folder/third").c_str(),
                          AT_SYMLINK_FOLLOW));
  report("links", ::stat(at("folder/moved").c_str(), &stat) == 0 ? static_cast<long>(stat.st_nlink) : -1);
  report("chmod", chmod(at("folder/moved").c_str(), 0400));
  report("mode",
         ::stat(at("folder/moved").c_str(), &stat) == 0 ? static_cast<long>(stat.st_mode & 0777) : -1);
  report("truncate", truncate(at("stream").c_str(), 6));
  show("stream");
  for (const char* name : {"folder/moved", "folder/link", "folder/second", "folder/third"})
    report("unlink", unlink(at(name).c_str()));
  report("unlink again", unlink(at("folder/moved").c_str()));
  report("remove", remove(at("folder").c_str()));
  const int above = open(dir.c_str(), O_RDONLY | O_DIRECTORY);
  report("mkdirat", mkdirat(above, "inner", 0700));
  report("unlinkat", unlinkat(above, "inner", AT_REMOVEDIR));
  report("openat", close(openat(above, "fresh", O_CREAT | O_WRONLY, 0644)));
  report("renameat", renameat(above, "fresh", above, "stale"));
  report("unlinkat", unlinkat(above, "stale", 0));
  for (const char* name : {"new", "made", "stream"}) report("unlink", unlink(at(name).c_str()));
  close(above);
  return 0;
}
