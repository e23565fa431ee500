// A service that sends its streams to files of the pod: dup2, freopen, fdopen, dprintf, std::cout.
// @flags --files-write /data
// @pod rm -rf /data/s; mkdir /data/s; printf 'first\nsecond\n' >/data/s/in
#include <fcntl.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <iostream>
#include <sstream>
#include <string>

extern char** environ;

static int standard_output;  // as it was

static void show(const std::string& name) {
  std::stringstream text;
  text << std::ifstream("/data/s/" + name).rdbuf();
  dprintf(standard_output, "%s:\n%s", name.c_str(), text.str().c_str());
}

static int made(const char* name, int flags = O_TRUNC) {
  return open((std::string("/data/s/") + name).c_str(), O_WRONLY | O_CREAT | flags, 0644);
}

static void spawn(const char* shell, const posix_spawn_file_actions_t& actions) {
  const char* arguments[] = {"sh", "-c", shell, nullptr};
  pid_t child = 0;
  if (posix_spawn(&child, "/bin/sh", &actions, nullptr, const_cast<char**>(arguments), environ) == 0)
    waitpid(child, nullptr, 0);
}

int main() {
  standard_output = dup(1);
  const int log = made("dup2");
  dup2(log, 1);
  std::cout << "cout\n" << std::flush;
  printf("printf\n");
  fflush(stdout);
  if (write(1, "write\n", 6) != 6 || write(log, "the other\n", 10) != 10) return 1;
  dprintf(1, "dprintf\n");
  puts("puts");
  fflush(stdout);
  struct stat now;
  fstat(1, &now);
  dprintf(standard_output, "size %ld, position %ld\n", static_cast<long>(now.st_size),
          static_cast<long>(lseek(1, 0, SEEK_CUR)));
  show("dup2");

  dup2(log, 2);
  std::cerr << "cerr\n";
  fprintf(stderr, "stderr\n");
  perror("none");
  show("dup2");

  if (!freopen("/data/s/freopen", "a", stderr)) return 2;
  fprintf(stderr, "freopen\n");
  show("freopen");
  if (!freopen("/data/s/freopen", "w", stdout)) return 3;
  printf("freopen again\n");
  dprintf(standard_output, "fclose: %d\n", fclose(stdout));
  show("freopen");

  FILE* stream = fdopen(made("fdopen"), "w");
  fprintf(stream, "fdopen\n");
  fclose(stream);
  show("fdopen");

  const int other = made("dprintf");
  dprintf(other, "%s %d\n", "formatted", 1);
  if (write(other, "write\n", 6) != 6) return 5;
  dprintf(other, "formatted %d\n", 2);
  dprintf(standard_output, "close: %d\n", close(other));
  show("dprintf");

  // 1 is free: the next open gets it.
  const int lowest = made("lowest");
  dprintf(lowest, "descriptor %d\n", lowest);
  show("lowest");
  close(lowest);

  char line[64] = "";
  if (!freopen("/data/s/in", "r", stdin) || !fgets(line, sizeof line, stdin)) return 4;
  dprintf(standard_output, "read %s", line);
  std::string word;
  std::cin >> word;
  dprintf(standard_output, "read %s\n", word.c_str());

  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  const int out = made("spawn", O_TRUNC | O_CLOEXEC), in = open("/data/s/in", O_RDONLY | O_CLOEXEC);
  posix_spawn_file_actions_adddup2(&actions, out, 1);
  posix_spawn_file_actions_adddup2(&actions, in, 0);
  posix_spawn_file_actions_addopen(&actions, 2, "/data/s/spawn-errors", O_WRONLY | O_CREAT, 0644);
  spawn("sort -r; echo error >&2", actions);
  posix_spawn_file_actions_destroy(&actions);
  show("spawn");
  show("spawn-errors");

  const int appended = made("append", O_APPEND);
  if (fork() == 0) {
    dup2(appended, 1);
    execlp("sh", "sh", "-c", "echo child; ls -d /", nullptr);
  }
  wait(nullptr);
  dprintf(appended, "parent\n");
  show("append");
}
