// Functions of libc's names that consist of syscall(), in the program (allocators define mmap so) and in a
// library.
// @build gcc -w -O1 -DLIBRARY -shared -fPIC -o libown.so $SRC
// @build gcc -w -O1 -o $OUT $SRC -L. -lown -Wl,-rpath,'$ORIGIN'
// @right mapped 1, 1 of the pod
// @right web-5d8f by the library's open and read
// @right 5 by lseek, 0 by fcntl, 1 by dup
// @right access 0, then -1
// @right connect -1, socket 1, closed 0
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifdef LIBRARY

int open(const char* path, int flags, ...) {
  return syscall(SYS_openat, AT_FDCWD, path, flags, 0);
}
ssize_t read(int fd, void* into, size_t size) {
  return syscall(SYS_read, fd, into, size);
}
off_t lseek(int fd, off_t offset, int whence) {
  return syscall(SYS_lseek, fd, offset, whence);
}
int dup(int fd) {
  return syscall(SYS_dup, fd);
}
int socket(int family, int type, int protocol) {
  return syscall(SYS_socket, family, type, protocol);
}
void* mmap(void* at, size_t size, int protection, int flags, int fd, off_t offset) {
  return (void*)syscall(SYS_mmap, at, size, protection, flags, fd, offset);
}

#else

int openat(int dirfd, const char* path, int flags, ...) {
  return syscall(SYS_openat, dirfd, path, flags, 0);
}
int close(int fd) {
  return syscall(SYS_close, fd);
}
int faccessat(int dirfd, const char* path, int mode, int flags) {
  return syscall(SYS_faccessat, dirfd, path, mode);
}
int fcntl(int fd, int command, ...) {
  return syscall(SYS_fcntl, fd, command, 0L);
}
int connect(int fd, const struct sockaddr* address, socklen_t length) {
  return syscall(SYS_connect, fd, address, length);
}

int main(void) {
  void* memory = mmap(0, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  char text[100] = "";
  int fd = open("/etc/hostname", O_RDONLY);
  char* file = mmap(0, 4096, PROT_READ, MAP_PRIVATE, fd, 0);
  printf("mapped %d, %d of the pod\n", memory != MAP_FAILED,
         file != MAP_FAILED && memcmp(file, "web-5d8f\n", 9) == 0);
  ssize_t length = read(fd, text, sizeof text - 1);
  printf("%.*s by the library's open and read\n", length < 1 ? 0 : (int)length - 1, text);
  printf("%d by lseek, %d by fcntl, ", (int)lseek(fd, 5, SEEK_SET), fcntl(fd, F_GETFL) & O_ACCMODE);
  int copy = dup(fd);
  printf("%d by dup\n", copy >= 0);
  close(copy);
  close(fd);
  fd = openat(AT_FDCWD, "/", O_RDONLY);
  printf("access %d, ", faccessat(fd, "etc/hostname", R_OK, 0));
  printf("then %d\n", faccessat(fd, "etc/no-such-file", R_OK, 0));
  int peer = socket(AF_INET, SOCK_STREAM, 0);
  struct sockaddr_in nobody = {
      .sin_family = AF_INET, .sin_port = htons(1), .sin_addr = {htonl(INADDR_LOOPBACK)}};
  printf("connect %d, ", connect(peer, (struct sockaddr*)&nobody, sizeof nobody));
  printf("socket %d, closed %d\n", peer >= 0, close(peer));
}
#endif
