// What the layer owes the program it lives in (layer/layer.hpp): errno kept, small stacks in signal handlers,
// descriptors 0 to 2, threads and forks, a vfork child's own directory. Usage: rules
// errno|signals|standard|threads|vfork DIR
#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <netdb.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <thread>
#include <vector>

#include "report.hpp"

static std::string dir, file;

static void keeps(const char* what, long done) {
  report(what, done < 0 ? -1 : errno);
}

/// Each call succeeds; errno must be what it was before.
static void errno_stays() {
  char bytes[300];
  struct stat stat;
#define KEEPS(call)           \
  do {                        \
    errno = 77;               \
    const long done = (call); \
    keeps(#call, done);       \
  } while (0)
  int fd = -1;
  KEEPS(fd = open(file.c_str(), O_RDONLY) >= 0 ? 3 : -1);
  fd = open(file.c_str(), O_RDONLY);
  KEEPS(read(fd, bytes, 10));
  KEEPS(pread(fd, bytes, 10, 2));
  KEEPS(lseek(fd, 0, SEEK_END));
  KEEPS(read(fd, bytes, 10));
  KEEPS(fstat(fd, &stat));
  KEEPS(fcntl(fd, F_GETFL) & O_ACCMODE);
  KEEPS(close(fd));
  KEEPS(::stat(file.c_str(), &stat));
  KEEPS(access(file.c_str(), R_OK));
  KEEPS(readlink((dir + "/link").c_str(), bytes, sizeof bytes));
  errno = 77;
  DIR* directory = opendir(dir.c_str());
  keeps("opendir", directory ? 0 : -1);
  while (directory && readdir(directory)) {
  }
  keeps("readdir to the end", 0);
  rewinddir(directory);
  keeps("rewinddir", 0);
  KEEPS(closedir(directory));
  errno = 77;
  FILE* stream = fopen(file.c_str(), "r");
  keeps("fopen", stream ? 0 : -1);
  KEEPS(fgetc(stream));
  KEEPS(fclose(stream));
  char* text = nullptr;
  std::size_t length = 0;
  stream = open_memstream(&text, &length);
  KEEPS(fclose(stream));
  free(text);
  KEEPS(gethostname(bytes, sizeof bytes));
  KEEPS(::stat("/proc/self/status", &stat));
  fd = open("/proc/self/status", O_RDONLY);
  KEEPS(read(fd, bytes, 10) == 10);
  KEEPS(close(fd));
}

// Facts are gathered in the handler and printed after it.
static long facts[12];
static std::atomic<int> fact_count = 0;
static void note(long value) {
  facts[fact_count++] = value < 0 ? -errno : value;
}

static void handler(int) {
  const int saved = errno;
  char bytes[64];
  struct stat stat;
  int fd = open("/proc/self/status", O_RDONLY);
  note(read(fd, bytes, 5));
  note(close(fd));
  note(::stat("/usr/bin", &stat));
  note(access("here", F_OK));  // relative
  fd = open(file.c_str(), O_RDONLY);
  note(read(fd, bytes, sizeof bytes));
  note(fstat(fd, &stat));
  note(lseek(fd, 0, SEEK_SET));
  note(close(fd));
  note(::stat(file.c_str(), &stat));
  note(open(file.c_str(), O_RDONLY | O_DIRECTORY));
  errno = saved;
}

/// A handler on a stack of 8 KiB (what SIGSTKSZ says before glibc 2.34), a page that can't be touched below
/// it.
static void signals() {
  const std::size_t page = 4096, kernel = getauxval(51 /* AT_MINSIGSTKSZ */),
                    size = kernel > 4096 ? kernel / page * page + 2 * page : 2 * page;
  auto* memory = static_cast<char*>(
      mmap(nullptr, size + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  mprotect(memory, page, PROT_NONE);
  memset(memory + page, 0xa5, size);
  stack_t stack{};
  stack.ss_sp = memory + page;
  stack.ss_size = size;
  report("sigaltstack", sigaltstack(&stack, nullptr));
  struct sigaction action {};
  action.sa_handler = handler;
  action.sa_flags = SA_ONSTACK;
  sigaction(SIGUSR1, &action, nullptr);
  raise(SIGUSR1);
  for (int i = 0; i < fact_count; ++i) report("in the handler", facts[i]);
  std::size_t untouched = 0;
  while (untouched < size && memory[page + untouched] == static_cast<char>(0xa5)) ++untouched;
  report("never more than the stack", untouched > 0);
}

static void standard() {
  const int out = fcntl(1, F_DUPFD, 100);
  for (int fd = 0; fd < 3; ++fd) close(fd);
  const int first = open(file.c_str(), O_RDONLY), second = open(dir.c_str(), O_RDONLY | O_DIRECTORY);
  struct stat stat;
  const int asked = ::stat(file.c_str(), &stat);
  const int third = socket(AF_INET, SOCK_STREAM, 0);
  const int fourth = open(file.c_str(), O_RDONLY);
  char bytes[8] = "";
  const long got = read(first, bytes, 5);
  for (int fd = 0; fd < 4; ++fd) close(fd);
  dup2(out, 1);
  report("stat", asked);
  report("numbers", first * 1000 + second * 100 + third * 10 + fourth);
  report("read", got);
}

static void threads() {
  std::atomic<long> good = 0;
  std::vector<std::thread> all;
  for (int i = 0; i < 8; ++i)
    all.emplace_back([&, i] {
      for (int round = 0; round < 40; ++round) {
        char bytes[100];
        const int fd = open(file.c_str(), O_RDONLY | O_CLOEXEC), copy = dup(fd);
        const long got = read(fd, bytes, sizeof bytes);
        struct stat stat;
        const bool same = fstat(copy, &stat) == 0 && stat.st_size == got;
        close(fd);
        close(copy);
        int listed = 0;
        if (DIR* directory = opendir(dir.c_str())) {
          while (readdir(directory)) ++listed;
          closedir(directory);
        }
        if (same && listed > 5) ++good;
        if (i == 0 && round % 8 == 0) {
          const pid_t pid = fork();
          if (pid == 0) {
            const int own = open(file.c_str(), O_RDONLY);
            _exit(read(own, bytes, sizeof bytes) == got ? 0 : 1);
          }
          int status = -1;
          waitpid(pid, &status, 0);
          if (status != 0) good = -1000000;
        }
      }
    });
  for (auto& one : all) one.join();
  report("rounds that were right", good);
}

/// A vfork child changes its own directory and looks around: the parent's relative paths stay where they
/// were.
static void after_vfork() {
  struct stat stat;
  report("before", ::stat("here", &stat));
  const pid_t pid = vfork();
  if (pid == 0) {
    if (chdir("/") != 0) _exit(1);
    _exit(access("here", F_OK) == 0 ? 2 : access("usr", F_OK) == 0 ? 0 : 3);
  }
  int status = -1;
  waitpid(pid, &status, 0);
  report("child", status);
  report("after", ::stat("here", &stat));
  report("and not there", access("usr", F_OK));
}

int main(int count, char** arguments) {
  if (count < 3) return 2;
  const std::string what = arguments[1];
  dir = arguments[2];
  file = dir + "/small.txt";
  if (what == "errno") errno_stays();
  if (what == "signals") signals();
  if (what == "standard") standard();
  if (what == "threads") threads();
  if (what == "vfork") after_vfork();
  return 0;
}
