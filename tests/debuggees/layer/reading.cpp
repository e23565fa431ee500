// Reads the tree DIR by every call that takes a descriptor. Usage: reading DIR
#include <aio.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <vector>

#include "report.hpp"

static std::string dir;

static int open_file(const char* name, int flags = O_RDONLY) {
  return open((dir + "/" + name).c_str(), flags);
}

static void whole(const char* name, std::size_t piece) {
  const int fd = open_file(name);
  report(std::string("open ") + name, fd < 0 ? -1 : 0);
  if (fd < 0) return;
  std::vector<char> buffer(piece);
  std::uint64_t hash = 0xcbf29ce484222325;
  long total = 0, got;
  while ((got = read(fd, buffer.data(), piece)) > 0)
    hash = digest(buffer.data(), static_cast<std::size_t>(got), hash), total += got;
  report("last read", got);
  printf("%s by %zu = %ld bytes, %016llx\n", name, piece, total, static_cast<unsigned long long>(hash));
  report("position", lseek(fd, 0, SEEK_CUR));
  report("close", close(fd));
}

static void errors() {
  report("open missing", open_file("missing"));
  report("open below a file", open_file("small.txt/x"));
  report("open file with a slash", open_file("small.txt/"));
  report("open dangling", open_file("dangling"));
  report("open loop", open_file("loop"));
  report("open link, no follow", open_file("link", O_RDONLY | O_NOFOLLOW));
  report("open file as directory", open_file("small.txt", O_RDONLY | O_DIRECTORY));
  report("open exclusive",
         open((dir + "/small.txt").c_str(), O_RDONLY | O_CREAT | O_EXCL, 0644) < 0 ? -1 : 0);
  const int fd = open_file("sub");
  char byte;
  report("open directory", fd < 0 ? -1 : 0);
  report("read directory", read(fd, &byte, 1));
  close(fd);
  report("read closed", read(fd, &byte, 1));
  report("close closed", close(fd));
}

static void positions() {
  const int fd = open_file("middle.bin");
  char bytes[64];
  report_bytes("pread", bytes, pread(fd, bytes, sizeof bytes, 1000));
  report_bytes("pread64", bytes, pread64(fd, bytes, sizeof bytes, 70000));
  report_bytes("pread past the end", bytes, pread(fd, bytes, sizeof bytes, 1 << 30));
  report_bytes("pread at the end", bytes, pread(fd, bytes, sizeof bytes, 299990));
  report("pread before the start", pread(fd, bytes, sizeof bytes, -1));
  report("position stays", lseek(fd, 0, SEEK_CUR));
  report("seek set", lseek(fd, 12345, SEEK_SET));
  report_bytes("read", bytes, read(fd, bytes, sizeof bytes));
  report("seek end", lseek(fd, -10, SEEK_END));
  report_bytes("read the rest", bytes, read(fd, bytes, sizeof bytes));
  report("seek past the end", lseek(fd, 100, SEEK_END));
  report("read there", read(fd, bytes, sizeof bytes));
  report("seek before the start", lseek(fd, -1, SEEK_SET));
  report("seek data", lseek(fd, 5000, SEEK_DATA));
  report("seek hole", lseek(fd, 5000, SEEK_HOLE));
  report("seek data past the end", lseek(fd, 1 << 30, SEEK_DATA));
  char a[10], b[20];
  iovec parts[2] = {{a, sizeof a}, {b, sizeof b}};
  report("seek", lseek(fd, 100, SEEK_SET));
  report("readv", readv(fd, parts, 2));
  report_bytes("its second part", b, sizeof b);
  report("preadv", preadv(fd, parts, 2, 200));
  report_bytes("its first part", a, sizeof a);
  report("preadv2", preadv2(fd, parts, 2, 250000, 0));
  report_bytes("its second part", b, sizeof b);
  report("preadv2 at the position", preadv2(fd, parts, 2, -1, 0));
  report("position", lseek(fd, 0, SEEK_CUR));
  report("write", write(fd, "x", 1));
  report("pwrite", pwrite(fd, "x", 1, 0));
  report("ftruncate", ftruncate(fd, 0));
  close(fd);
}

static void duplicates() {
  const int fd = open_file("small.txt");
  char bytes[8];
  const int copy = dup(fd);
  report_bytes("read", bytes, read(fd, bytes, 4));
  report_bytes("read of the duplicate", bytes, read(copy, bytes, 4));
  report("dup2", dup2(fd, 50));
  close(fd);
  report_bytes("read of dup2", bytes, read(50, bytes, 4));
  report("dup3", dup3(50, 51, O_CLOEXEC));
  report("its flags", fcntl(51, F_GETFD));
  report("F_DUPFD", fcntl(51, F_DUPFD, 60));
  report("F_DUPFD_CLOEXEC", fcntl(51, F_DUPFD_CLOEXEC, 60));
  report("F_GETFL", fcntl(60, F_GETFL) & O_ACCMODE);
  report_bytes("pread of it", bytes, pread(60, bytes, 4, 0));
  report("close_range of no range", close_range(61, 50, 0));
  report("close_range of no flag", close_range(50, 61, 1 << 20));
  report("close_range on exec", close_range(50, 61, CLOSE_RANGE_CLOEXEC));
  report_bytes("pread after it", bytes, pread(60, bytes, 4, 0));
  report("close_range", close_range(50, 61, 0));
  report("read of a closed one", read(60, bytes, 4));
  report_bytes("the duplicate lives", bytes, pread(copy, bytes, 4, 0));
  close(copy);
}

static void lowest_number() {
  const int zero = dup(0);
  close(0);
  report("open takes the lowest number", open_file("small.txt"));
  close(0);
  report("openat too", openat(AT_FDCWD, (dir + "/small.txt").c_str(), O_RDONLY | O_CLOEXEC));
  report("close-on-exec", fcntl(0, F_GETFD));
  dup2(zero, 0);
  close(zero);
}

static void mappings() {
  const int fd = open_file("middle.bin");
  struct stat stat;
  report("fstat", fstat(fd, &stat));
  auto* all =
      static_cast<char*>(mmap(nullptr, static_cast<std::size_t>(stat.st_size), PROT_READ, MAP_SHARED, fd, 0));
  report_bytes("mmap", all == MAP_FAILED ? nullptr : all, all == MAP_FAILED ? -1 : stat.st_size);
  auto* some = static_cast<char*>(mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 8192));
  report_bytes("mmap of a page", some == MAP_FAILED ? nullptr : some, some == MAP_FAILED ? -1 : 4096);
  if (some != MAP_FAILED) some[0] = 'x';
  report("mmap to write",
         mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) == MAP_FAILED ? -1 : 0);
  close(fd);
  if (all != MAP_FAILED) report_bytes("after close", all, 1000);
  const int big = open_file("big.bin");
  fstat(big, &stat);
  auto* large = static_cast<char*>(
      mmap(nullptr, static_cast<std::size_t>(stat.st_size), PROT_READ, MAP_PRIVATE, big, 0));
  report_bytes("mmap of a large file", large == MAP_FAILED ? nullptr : large,
               large == MAP_FAILED ? -1 : stat.st_size);
  close(big);
}

static void kernel_copies() {
  char name[] = "/tmp/inpod-reading-XXXXXX";
  const int to = mkstemp(name);
  unlink(name);
  const int fd = open_file("middle.bin");
  long total = 0, got;
  while ((got = sendfile(to, fd, nullptr, 1 << 20)) > 0) total += got;
  report("sendfile", got < 0 ? got : total);
  off_t offset = 1000;
  report("sendfile at an offset", sendfile(to, fd, &offset, 500));
  report("its offset", offset);
  int pipes[2];
  if (pipe(pipes) != 0) return;
  off64_t from = 100;
  report("splice", splice(fd, &from, pipes[1], nullptr, 300, 0));
  char bytes[300];
  report_bytes("out of the pipe", bytes, read(pipes[0], bytes, sizeof bytes));
  std::vector<char> back(static_cast<std::size_t>(total) + 500);
  report_bytes("what was sent", back.data(), pread(to, back.data(), back.size(), 0));
  for (const int one : {fd, to, pipes[0], pipes[1]}) close(one);
}

static void asynchronous() {
  const int fd = open_file("middle.bin");
  char bytes[500];
  aiocb request{};
  request.aio_fildes = fd;
  request.aio_offset = 250000;
  request.aio_buf = bytes;
  request.aio_nbytes = sizeof bytes;
  report("aio_read", aio_read(&request));
  const aiocb* list[] = {&request};
  while (aio_error(&request) == EINPROGRESS) aio_suspend(list, 1, nullptr);
  report_bytes("its bytes", bytes, aio_return(&request));
  close(fd);
}

int main(int, char** arguments) {
  dir = arguments[1];
  for (const std::size_t piece : {1u << 10, 7u, 1u << 20}) whole("small.txt", piece);
  whole("empty", 100);
  whole("middle.bin", 5000);
  whole("big.bin", 128 << 10);
  whole("big.bin", 64 << 20);
  whole("link", 100);
  errors();
  positions();
  duplicates();
  lowest_number();
  mappings();
  kernel_copies();
  asynchronous();
  return 0;
}
