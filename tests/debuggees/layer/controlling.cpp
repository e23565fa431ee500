// Asks more of files in DIR than their bytes: modes, owners, times, O_APPEND, fsync, locks. The rules let it
// write. Usage: controlling DIR
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>
#include <utime.h>

#include "report.hpp"

static std::string file, other;

static void show(const char* what) {
  struct stat stat {};
  report(what, ::stat(file.c_str(), &stat));
  printf("%o %ld.%09ld %ld.%09ld %u:%u\n", stat.st_mode, stat.st_atim.tv_sec, stat.st_atim.tv_nsec,
         stat.st_mtim.tv_sec, stat.st_mtim.tv_nsec, stat.st_uid, stat.st_gid);
}

static void attributes(int fd) {
  report("chmod", chmod(file.c_str(), 0600));
  report("fchmod", fchmod(fd, 0641));
  report("fchmodat", fchmodat(AT_FDCWD, other.c_str(), 0400, 0));
  const timespec times[2] = {{1000000000, 123456789}, {-5, 7}};
  report("utimensat", utimensat(AT_FDCWD, file.c_str(), times, 0));
  show("after it");
  const timespec half[2] = {{0, UTIME_OMIT}, {1234567890, 5}};
  report("futimens", futimens(fd, half));
  show("after it");
  const timespec bad[2] = {{0, 2000000000}, {0, 0}};
  report("futimens of no time", futimens(fd, bad));
  const timeval coarse[2] = {{111, 222}, {333, 444}};
  report("utimes", utimes(file.c_str(), coarse));
  show("after it");
  report("futimes", futimes(fd, coarse));
  const utimbuf old{5, 6};
  report("utime", utime(file.c_str(), &old));
  show("after it");
  report("lutimes", lutimes((file + ".link").c_str(), coarse));
  struct stat open_file {};
  report("fstat", fstat(fd, &open_file));
  report("chmod", chmod(file.c_str(), 0604));
  report("fstat after it", fstat(fd, &open_file));
  report("mode", open_file.st_mode & 07777);
  report("chown", chown(file.c_str(), open_file.st_uid, open_file.st_gid));
  report("fchown", fchown(fd, static_cast<uid_t>(-1), open_file.st_gid));
  report("lchown", lchown((file + ".link").c_str(), open_file.st_uid, open_file.st_gid));
  report("chmod of nothing", chmod((file + ".missing").c_str(), 0600));
}

/// The program's own mask counts for what it makes.
static void masks() {
  const std::string made = file + ".made";
  report("umask", umask(027));
  const int fd = open(made.c_str(), O_WRONLY | O_CREAT | O_EXCL, 0666);
  struct stat stat {};
  report("fstat", fstat(fd, &stat));
  report("mode", stat.st_mode & 07777);
  close(fd);
  report("unlink", unlink(made.c_str()));
  report("mkdir", mkdir(made.c_str(), 0777));
  report("stat", ::stat(made.c_str(), &stat));
  report("mode", stat.st_mode & 07777);
  report("rmdir", rmdir(made.c_str()));
  report("umask", umask(0));
  close(open(made.c_str(), O_WRONLY | O_CREAT | O_EXCL, 0666));
  report("stat", ::stat(made.c_str(), &stat));
  report("mode", stat.st_mode & 07777);
  report("unlink", unlink(made.c_str()));
  report("umask", umask(022));
}

static void appending(int fd) {
  report("write", write(fd, "0123456789", 10));
  report("F_SETFL", fcntl(fd, F_SETFL, O_APPEND));
  report("F_GETFL", fcntl(fd, F_GETFL) & O_APPEND);
  report("to the start", lseek(fd, 0, SEEK_SET));
  report("write", write(fd, "end", 3));
  report("position", lseek(fd, 0, SEEK_CUR));
  report("F_SETFL back", fcntl(fd, F_SETFL, 0));
  report("F_GETFL", fcntl(fd, F_GETFL) & O_APPEND);
  report("to the start", lseek(fd, 0, SEEK_SET));
  report("write", write(fd, "AB", 2));
  char bytes[50] = "";
  report("pread", pread(fd, bytes, sizeof bytes - 1, 0));
  report("bytes", std::string(bytes));
  char more[] = "CD";
  const iovec part{more, 2};
  report("pwritev2 to the disk", pwritev2(fd, &part, 1, 4, RWF_DSYNC));
  report("pwritev2 before the start", pwritev2(fd, &part, 1, -2, 0));
  report("preadv2 before the start", preadv2(fd, &part, 1, -2, 0));
  report("preadv2 of no flag", preadv2(fd, &part, 1, 0, 1 << 20));
  FILE* stream = fdopen(open(file.c_str(), O_WRONLY), "a");
  report("fdopen", stream ? 0 : -1);
  if (stream) {
    report("F_GETFL", fcntl(fileno(stream), F_GETFL) & O_APPEND);
    report("fputs", fputs("!", stream) >= 0);
    report("fclose", fclose(stream));
  }
  report("pread", pread(fd, bytes, sizeof bytes - 1, 0));
  report("bytes", std::string(bytes));
  report("fsync", fsync(fd));
  report("fdatasync", fdatasync(fd));
}

template <class F>
static void in_child(const char* what, F run) {
  fflush(stdout);
  const pid_t pid = fork();
  if (pid == 0) {
    const int own = open(file.c_str(), O_RDWR);
    run(own);
    fflush(stdout);
    _exit(0);
  }
  int status = -1;
  waitpid(pid, &status, 0);
  report(what, status);
}

static struct flock range(short type, off_t start, off_t length) {
  struct flock lock {};
  lock.l_type = type;
  lock.l_whence = SEEK_SET;
  lock.l_start = start;
  lock.l_len = length;
  return lock;
}

static int signals_to;

/// A child waits for a lock while a timer's handler runs again and again. With SA_RESTART it waits on, else
/// it is EINTR.
static void waiting_under_signals(int fd, int flags) {
  int pipes[2];
  if (pipe(pipes) != 0) return;
  report("flock", flock(fd, LOCK_EX));
  fflush(stdout);
  const pid_t pid = fork();
  if (pid == 0) {
    const int own = open(file.c_str(), O_RDWR);
    signals_to = pipes[1];
    struct sigaction action {};
    action.sa_handler = [](int) { (void)!write(signals_to, "x", 1); };
    action.sa_flags = flags;
    sigaction(SIGALRM, &action, nullptr);
    const itimerval often{{0, 50'000}, {0, 50'000}};
    setitimer(ITIMER_REAL, &often, nullptr);
    const int got = flock(own, LOCK_EX);
    const int failed = got == 0 ? 0 : errno;
    const itimerval never{};
    setitimer(ITIMER_REAL, &never, nullptr);
    _exit(failed);
  }
  close(pipes[1]);
  char byte;
  for (int i = 0; (i < 3 || flags == 0) && read(pipes[0], &byte, 1) == 1;
       ++i) {  // an end of file: the child waits no longer
  }
  report("unlock", flock(fd, LOCK_UN));
  int status = -1;
  waitpid(pid, &status, 0);
  report(flags ? "waited on" : "interrupted", status);
  close(pipes[0]);
}

static int waits_on;

/// Another process holds a lock; a thread that waits for it is cancelled.
static void cancelled_wait(int fd) {
  int held[2], enough[2];
  if (pipe(held) != 0 || pipe(enough) != 0) return;
  fflush(stdout);
  const pid_t pid = fork();
  char byte;
  if (pid == 0) {
    close(enough[1]);
    struct flock theirs = range(F_WRLCK, 0, 1);
    const int got = fcntl(open(file.c_str(), O_RDWR), F_SETLK, &theirs);
    (void)!write(held[1], "x", 1);
    (void)!read(enough[0], &byte, 1);
    _exit(got == 0 ? 0 : 1);
  }
  report("another holds it", read(held[0], &byte, 1));
  waits_on = fd;
  pthread_t thread;
  const auto run = [](void*) -> void* {
    struct flock mine = range(F_WRLCK, 0, 1);
    fcntl(waits_on, F_SETLKW, &mine);
    return nullptr;
  };
  if (pthread_create(&thread, nullptr, run, nullptr) != 0) return;
  usleep(50'000);  // most often it waits by then
  report("pthread_cancel", pthread_cancel(thread));
  void* ended = nullptr;
  pthread_join(thread, &ended);
  report("ended in the wait", ended == PTHREAD_CANCELED);
  for (const int one : {held[0], held[1], enough[0], enough[1]}) close(one);
  int status = -1;
  waitpid(pid, &status, 0);
  report("the other", status);
}

static void locks(int fd) {
  report("flock", flock(fd, LOCK_EX));
  in_child("child", [](int own) { report("flock of another", flock(own, LOCK_EX | LOCK_NB)); });
  report("unlock", flock(fd, LOCK_UN));
  in_child("child", [](int own) { report("flock of another", flock(own, LOCK_SH | LOCK_NB)); });
  report("flock shared", flock(fd, LOCK_SH));
  in_child("child", [](int own) {
    report("shared too", flock(own, LOCK_SH | LOCK_NB));
    report("but not alone", flock(own, LOCK_EX | LOCK_NB));
  });
  // Opened for reading, as flock(1) does.
  const int reader = open(file.c_str(), O_RDONLY | O_CREAT, 0644);
  report("a reader's", flock(reader, LOCK_EX | LOCK_NB));
  close(reader);
  report("unlock", flock(fd, LOCK_UN));

  report("flock when the children's are gone", flock(fd, LOCK_EX));
  report("unlock", flock(fd, LOCK_UN));
  for (int i = 0; i < 3; ++i) {
    const int closed = open(file.c_str(), O_RDWR);
    report("flock that a close ends", flock(closed, LOCK_EX | LOCK_NB));
    close(closed);
  }

  struct flock lock = range(F_WRLCK, 2, 4);
  report("F_SETLK", fcntl(fd, F_SETLK, &lock));
  in_child("child", [](int own) {
    struct flock mine = range(F_WRLCK, 5, 1);
    report("overlaps", fcntl(own, F_SETLK, &mine) < 0 && (errno == EAGAIN || errno == EACCES));
    mine = range(F_RDLCK, 0, 0);
    report("F_GETLK", fcntl(own, F_GETLK, &mine));
    printf("type %d from %ld, %ld bytes\n", mine.l_type, static_cast<long>(mine.l_start),
           static_cast<long>(mine.l_len));
    mine = range(F_WRLCK, 6, 1);
    report("beside it", fcntl(own, F_SETLK, &mine));
    mine = range(F_RDLCK, 50, 1);
    report("F_GETLK of a free range", fcntl(own, F_GETLK, &mine));
    report("is free", mine.l_type == F_UNLCK);
  });
  report("to the start", lseek(fd, 0, SEEK_SET));
  for (const short whence : {SEEK_SET, SEEK_CUR, SEEK_END}) {
    struct flock before = range(F_WRLCK, -5, 1);  // the file is longer than that
    before.l_whence = whence;
    report("from 5 bytes before", fcntl(fd, F_SETLK, &before));
  }
  struct flock backwards = range(F_WRLCK, 3, -7);
  report("to before the start", fcntl(fd, F_SETLK, &backwards));
  // A lock that is waited for: given free only when the child is about to wait.
  int pipes[2];
  if (pipe(pipes) != 0) return;
  fflush(stdout);
  const pid_t pid = fork();
  if (pid == 0) {
    const int own = open(file.c_str(), O_RDWR);
    struct flock mine = range(F_WRLCK, 3, 1);
    const bool held = fcntl(own, F_SETLK, &mine) < 0;
    (void)!write(pipes[1], "x", 1);
    mine = range(F_WRLCK, 3, 1);
    const int got = fcntl(own, F_SETLKW, &mine);
    _exit(held && got == 0 ? 0 : 1);
  }
  char byte;
  report("child waits", read(pipes[0], &byte, 1));
  lock = range(F_UNLCK, 0, 0);
  report("F_UNLCK", fcntl(fd, F_SETLK, &lock));
  int status = -1;
  waitpid(pid, &status, 0);
  report("and gets it", status);
  cancelled_wait(fd);
  waiting_under_signals(fd, 0);
  waiting_under_signals(fd, SA_RESTART);
  report("lockf", lseek(fd, 0, SEEK_SET) == 0 ? lockf(fd, F_TLOCK, 5) : -1);
  in_child("child", [](int own) {
    report("lockf of another", lockf(own, F_TEST, 5) < 0 && (errno == EAGAIN || errno == EACCES));
  });
  report("lockf", lockf(fd, F_ULOCK, 5));
}

int main(int, char** arguments) {
  file = std::string(arguments[1]) + "/controlled";
  other = file + ".other";
  umask(022);
  const int fd = open(file.c_str(), O_RDWR | O_CREAT | O_TRUNC, 0644);
  report("open", fd < 0 ? -1 : 0);
  close(open(other.c_str(), O_WRONLY | O_CREAT, 0644));
  report("symlink", symlink("controlled", (file + ".link").c_str()));
  attributes(fd);
  masks();
  appending(fd);
  locks(fd);
  close(fd);
  for (const char* end : {"", ".other", ".link"}) report("unlink", unlink((file + end).c_str()));
  return 0;
}
