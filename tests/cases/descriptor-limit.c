// All descriptors are in use (RLIMIT_NOFILE), as in a server under load, or the limit is lowered below what
// is open: what is open goes on working, and what only looks, too.
// @flags --files-write /data
// @pod chmod 777 /data; rm -f /data/limit.txt; mkdir -p /data/limit; ln -sfn /tmp /data/limit/link
// @pod echo of-the-pod >/data/limit/file
// @world python3 -c "import socket
// @world s = socket.create_server(('10.77.0.1', 9461))
// @world print('ready', flush=True)
// @world while s.accept(): pass"
// @right full: read 9 web-5d8f
// @right full: write 3, seek 3, size 3, truncate 0, sync 0, lock 0
// @right full: stat 0, access 0, readlink 4, missing 2
// @right full: connect 0, peer 10.77.0.1
// @right full: open 24, opendir 24, fopen 24, created 0
// @right full: by a child 1
// @right full: a signal handler read 9
// @right one left: open 1, read 9, then 24
// @right one left: lowest 1, close-on-exec 1
// @right one left: names 1
// @right lowered to 16: read 9 web-5d8f
// @right lowered to 16: write 3, seek 6, size 6, truncate 0, sync 0, lock 0
// @right lowered to 16: stat 0, access 0, readlink 4, missing 2
// @right lowered to 3: read 9 web-5d8f
// @right lowered to 3: write 3, seek 6, size 6, truncate 0, sync 0, lock 0
// @right lowered to 3: stat 0, access 0, readlink 4, missing 2
// @right raised: opened 1
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static int in, out;
static volatile long handled;

static void limit_to(rlim_t number) {
  struct rlimit limit;
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = number;
  setrlimit(RLIMIT_NOFILE, &limit);
}

static void use_what_is_open(const char* when) {
  char text[100] = "";
  struct stat file;
  lseek(in, 0, SEEK_SET);
  long got = read(in, text, sizeof text);
  printf("%s: read %ld %s", when, got, got > 0 ? text : "\n");
  long put = write(out, "abc", 3), end = lseek(out, 0, SEEK_END);
  fstat(out, &file);
  printf("%s: write %ld, seek %ld, size %ld, truncate %d, sync %d, lock %d\n", when, put, end,
         (long)file.st_size, ftruncate(out, end), fsync(out), flock(out, LOCK_EX));
  int looked = stat("/etc/hosts", &file), may = access("/etc/hosts", R_OK);
  printf("%s: stat %d, access %d, readlink %zd, missing %d\n", when, looked, may,
         readlink("/data/limit/link", text, sizeof text), stat("/etc/none", &file) == 0 ? 0 : errno);
}

static void connect_open_socket(int fd) {
  struct sockaddr_in peer = {.sin_family = AF_INET, .sin_port = htons(9461)};
  inet_pton(AF_INET, "10.77.0.1", &peer.sin_addr);
  int done = connect(fd, (struct sockaddr*)&peer, sizeof peer);
  socklen_t size = sizeof peer;
  memset(&peer, 0, sizeof peer);
  getpeername(fd, (struct sockaddr*)&peer, &size);
  printf("full: connect %d, peer %s\n", done, inet_ntoa(peer.sin_addr));
}

static int code(int failed) {
  return failed ? errno : 0;
}

static void open_more(void) {
  int opened = code(open("/etc/hosts", O_RDONLY) < 0), folder = code(!opendir("/etc")),
      stream = code(!fopen("/etc/hosts", "r"));
  open("/data/limit/new", O_CREAT | O_WRONLY, 0666);
  struct stat file;
  printf("full: open %d, opendir %d, fopen %d, created %d\n", opened, folder, stream,
         stat("/data/limit/new", &file) == 0);
}

static void read_in_child(void) {
  fflush(stdout);
  pid_t child = fork();
  if (child == 0) {
    char text[16] = "";
    _exit(pread(in, text, 9, 0) == 9 && strcmp(text, "web-5d8f\n") == 0 ? 7 : 1);
  }
  int status = 0;
  waitpid(child, &status, 0);
  printf("full: by a child %d\n", WEXITSTATUS(status) == 7);
}

static void on_signal(int number) {
  char text[16];
  handled = pread(in, text, 9, 0);
}

static void open_the_last(int last) {
  char text[16];
  close(last);
  int fd = open("/etc/hostname", O_RDONLY | O_CLOEXEC);
  printf("one left: open %d, ", fd >= 0);
  printf("read %zd, then %d\n", read(fd, text, sizeof text), code(open("/etc/hostname", O_RDONLY) < 0));
  printf("one left: lowest %d, close-on-exec %d\n", fd == last, fcntl(fd, F_GETFD) == FD_CLOEXEC);
  close(fd);
  DIR* folder = opendir("/data/limit");
  int names = 0;
  for (struct dirent* one; folder && (one = readdir(folder));) names += strcmp(one->d_name, "file") == 0;
  printf("one left: names %d\n", names);
  if (folder) closedir(folder);
  dup(0);
}

int main(void) {
  limit_to(64);
  in = open("/etc/hostname", O_RDONLY);
  out = open("/data/limit.txt", O_CREAT | O_RDWR | O_TRUNC, 0644);
  int peer = socket(AF_INET, SOCK_STREAM, 0), last = 0;
  for (int fd; (fd = dup(0)) >= 0;) last = fd;
  use_what_is_open("full");
  connect_open_socket(peer);
  open_more();
  read_in_child();
  signal(SIGUSR1, on_signal);
  raise(SIGUSR1);
  printf("full: a signal handler read %ld\n", handled);
  open_the_last(last);
  limit_to(16);
  use_what_is_open("lowered to 16");
  ftruncate(out, 3);
  lseek(out, 3, SEEK_SET);
  limit_to(3);
  use_what_is_open("lowered to 3");
  limit_to(100);
  printf("raised: opened %d\n", open("/etc/hosts", O_RDONLY) >= 0);
}
