// sendfile, copy_file_range, splice and the large and vectored forms of read give as much as a kernel gives,
// and hold no memory afterwards.
// @flags --files-write /data
// @pod chmod 777 /data; rm -f /data/copy /data/sparse; truncate -s 200M /data/sparse; : >/data/copy
// @pod seq 1 3000000 | head -c 20000000 >/data/digits; cp /data/digits /data/digits-w
// @pod chmod 666 /data/copy /data/digits-w
// @right read 20000000: right
// @right readv 20000000: right
// @right preadv 19999997: right
// @right preadv2 20000000: right
// @right fread 20000000: right
// @right read, opened for writing 20000000: right
// @right sendfile to a file 20000000: right, position 20000000
// @right sendfile at an offset 19999900, offset 20000000, position 0
// @right sendfile to a file of the pod 20000000: right
// @right sendfile to a socket 20000000: right
// @right sendfile that would block: 1, position 1
// @right copy_file_range 20000000: right
// @right copy_file_range to the pod at an offset 10: 0 1000
// @right splice 65536: 1, position 65536
// @right at the end: 0 0 0
// @right a folder: -1 22, to a pipe: -1 22
// @right sent 209715200, bounded 1
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum { size = 20000000 };
static char* right;
static char* buffer;

static const char* judge(const char* data, long from, long got) {
  return got > 0 && memcmp(data, right + from, got) == 0 ? "right" : "wrong";
}

static int opened(const char* path, int flags) {
  int fd = open(path, flags | O_CLOEXEC, 0666);
  if (fd < 0) perror(path), exit(1);
  return fd;
}

static const char* judge_file(int fd) {
  memset(buffer, 0, size);
  long got = pread(fd, buffer, size, 0);
  return got == size ? judge(buffer, 0, size) : "short";
}

static void* drain(void* argument) {
  int fd = *(int*)argument;
  long done = 0, got;
  while (done < size && (got = read(fd, buffer + done, size - done)) > 0) done += got;
  return NULL;
}

static void read_whole(void) {
  int fd = opened("/data/digits", O_RDONLY);
  long got = read(fd, buffer, size + 1000);
  printf("read %ld: %s\n", got, judge(buffer, 0, got));
  struct iovec parts[3] = {{buffer, 7}, {buffer + 7, 9000000}, {buffer + 9000007, size}};
  memset(buffer, 0, size);
  lseek(fd, 0, SEEK_SET);
  got = readv(fd, parts, 3);
  printf("readv %ld: %s\n", got, judge(buffer, 0, got));
  memset(buffer, 0, size);
  got = preadv(fd, parts, 3, 3);
  printf("preadv %ld: %s\n", got, judge(buffer, 3, got));
  memset(buffer, 0, size);
  lseek(fd, 0, SEEK_SET);
  got = preadv2(fd, parts, 3, -1, 0);
  printf("preadv2 %ld: %s\n", got, judge(buffer, 0, got));
  close(fd);
  memset(buffer, 0, size);
  FILE* stream = fopen("/data/digits", "r");
  got = stream ? fread(buffer, 1, size + 1000, stream) : 0;
  printf("fread %ld: %s\n", got, judge(buffer, 0, got));
  fd = opened("/data/digits-w", O_RDWR);
  got = read(fd, buffer, size + 1000);
  printf("read, opened for writing %ld: %s\n", got, judge(buffer, 0, got));
  close(fd);
}

static void send_whole(int local) {
  int fd = opened("/data/digits", O_RDONLY);
  long got = sendfile(local, fd, NULL, size);
  printf("sendfile to a file %ld: %s, position %ld\n", got, judge_file(local), (long)lseek(fd, 0, SEEK_CUR));
  lseek(fd, 0, SEEK_SET);
  off_t offset = 100;
  got = sendfile(local, fd, &offset, 1 << 30);
  printf("sendfile at an offset %ld, offset %ld, position %ld\n", got, (long)offset,
         (long)lseek(fd, 0, SEEK_CUR));
  int copy = opened("/data/copy", O_RDWR | O_TRUNC);
  got = sendfile(copy, fd, NULL, size);
  printf("sendfile to a file of the pod %ld: %s\n", got, judge_file(copy));
  close(copy);

  int pair[2];
  pthread_t reader;
  if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) != 0) exit(1);
  lseek(fd, 0, SEEK_SET);
  memset(buffer, 0, size);
  pthread_create(&reader, NULL, drain, &pair[1]);
  got = sendfile(pair[0], fd, NULL, size);
  pthread_join(reader, NULL);
  printf("sendfile to a socket %ld: %s\n", got, judge(buffer, 0, size));
  fcntl(pair[0], F_SETFL, O_NONBLOCK);
  lseek(fd, 0, SEEK_SET);
  got = sendfile(pair[0], fd, NULL, size);
  long more = 0;
  while ((more = sendfile(pair[0], fd, NULL, size)) > 0) got += more;
  printf("sendfile that would block: %d, position %d\n", got > 0 && got < size && errno == EAGAIN,
         lseek(fd, 0, SEEK_CUR) == got);
}

static void copy_ranges(int local) {
  int fd = opened("/data/digits", O_RDONLY);
  off_t from = 0, to = 0;
  long got = 0, more;
  if (ftruncate(local, 0) != 0) exit(1);
  while ((more = copy_file_range(fd, &from, local, &to, size, 0)) > 0) got += more;
  printf("copy_file_range %ld: %s\n", got, judge_file(local));
  int copy = opened("/data/copy", O_RDWR | O_TRUNC);
  from = 0, to = 1000;
  got = copy_file_range(fd, &from, copy, &to, 10, 0);
  struct stat file;
  fstat(copy, &file);
  printf("copy_file_range to the pod at an offset %ld: %d %ld\n", got,
         pread(copy, buffer, 1, 0) == 1 ? buffer[0] : -1, (long)file.st_size - 10);
  int pipes[2];
  if (pipe(pipes) != 0) exit(1);
  lseek(fd, 0, SEEK_SET);
  got = splice(fd, NULL, pipes[1], NULL, 65536, 0);
  printf("splice %ld: %d, position %ld\n", got,
         read(pipes[0], buffer, 65536) == got && strcmp(judge(buffer, 0, got), "right") == 0,
         (long)lseek(fd, 0, SEEK_CUR));
  lseek(fd, 0, SEEK_END);
  long sent = sendfile(local, fd, NULL, 100), copied = copy_file_range(fd, NULL, local, NULL, 100, 0);
  printf("at the end: %ld %ld %ld\n", sent, copied, (long)splice(fd, NULL, pipes[1], NULL, 100, 0));
  int folder = opened("/data", O_RDONLY | O_DIRECTORY);
  sent = sendfile(local, folder, NULL, 100);
  int why = errno;
  from = 0;
  copied = copy_file_range(fd, &from, pipes[1], NULL, 100, 0);
  printf("a folder: %ld %d, to a pipe: %ld %d\n", sent, why, copied, errno);
}

/// fstat(2) as the kernel has it, past every library.
static long stat_by_instruction(int fd, struct stat* into) {
#if defined(__x86_64__)
  long done;
  __asm__ volatile("syscall" : "=a"(done) : "a"(SYS_fstat), "D"(fd), "S"(into) : "rcx", "r11", "memory");
  return done;
#else
  register long number __asm__("x8") = SYS_fstat;
  register long x0 __asm__("x0") = fd;
  register void* x1 __asm__("x1") = into;
  __asm__ volatile("svc 0" : "+r"(x0) : "r"(number), "r"(x1) : "memory");
  return x0;
#endif
}

static void stay_small(void) {
  int fd = opened("/data/sparse", O_RDONLY), nowhere = opened("/dev/null", O_WRONLY);
  long done = 0, got;
  while ((got = sendfile(nowhere, fd, NULL, 64 << 20)) > 0) done += got;
  struct stat file;
  stat_by_instruction(fd, &file);
  printf("sent %ld, bounded %d\n", done, file.st_blocks * 512L < 100 << 20);
}

int main(void) {
  right = malloc(size);
  buffer = malloc(size + 9000007);
  int fd = opened("/data/digits", O_RDONLY);
  for (long done = 0, got; done < size && (got = pread(fd, right + done, 100000, done)) > 0;) done += got;
  close(fd);
  char name[] = "/tmp/whole-copies-XXXXXX";
  int local = mkstemp(name);
  unlink(name);
  read_whole();
  send_whole(local);
  copy_ranges(local);
  stay_small();
}
