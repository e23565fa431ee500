// Starts children in every way there is; each reads DIR/small.txt. Usage: children DIR [read FD|FILE]
#include <fcntl.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>

#include "report.hpp"

extern char** environ;
static std::string self, file;

static int ended(pid_t pid) {
  int status = -1;
  waitpid(pid, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

static void show_fd(const char* what, int fd) {
  char bytes[100];
  report_bytes(what, bytes, read(fd, bytes, 10));
  fflush(stdout);
}

template <class F>
static void in_child(const char* what, F run) {
  fflush(stdout);
  const pid_t pid = fork();
  if (pid == 0) {
    run();
    fflush(stdout);
    _exit(errno == 0 ? 1 : 99);
  }
  report(what, ended(pid));
}

int main(int count, char** arguments) {
  self = arguments[0];
  if (count == 4) {  // a child: by descriptor, or by name
    const int fd = arguments[3][0] == '/' ? open(arguments[3], O_RDONLY) : atoi(arguments[3]);
    show_fd("  child reads", fd);
    return 7;
  }
  file = std::string(arguments[1]) + "/small.txt";
  const int fd = open(file.c_str(), O_RDONLY);
  show_fd("parent reads", fd);

  in_child("fork", [&] {
    show_fd("  child reads on", fd);
    _exit(3);
  });
  show_fd("parent reads after the child", fd);
  in_child("fork and open", [&] {
    show_fd("  child opens", open(file.c_str(), O_RDONLY));
    _exit(3);
  });
  in_child("child closes", [&] {
    close(fd);
    _exit(4);
  });
  lseek(fd, 0, SEEK_SET);
  show_fd("parent still reads", fd);

  lseek(fd, 5, SEEK_SET);
  const std::string number = std::to_string(fd);
  char* argv[] = {self.data(), arguments[1], const_cast<char*>("read"), const_cast<char*>(number.c_str()),
                  nullptr};
  char* by_name[] = {self.data(), arguments[1], const_cast<char*>("read"), file.data(), nullptr};
  char path[] = "PATH=/usr/bin:/bin";
  char* bare[] = {path, nullptr};
  in_child("execv with a descriptor", [&] { execv(self.c_str(), argv); });
  in_child("execve", [&] { execve(self.c_str(), by_name, environ); });
  in_child("execve with an environment of its own", [&] { execve(self.c_str(), by_name, bare); });
  in_child("execl", [&] { execl(self.c_str(), self.c_str(), arguments[1], "read", file.c_str(), nullptr); });
  in_child("execlp",
           [&] { execlp(self.c_str(), self.c_str(), arguments[1], "read", file.c_str(), nullptr); });
  in_child("execle",
           [&] { execle(self.c_str(), self.c_str(), arguments[1], "read", file.c_str(), nullptr, bare); });
  in_child("execvp", [&] { execvp(self.c_str(), by_name); });
  in_child("execvpe", [&] { execvpe(self.c_str(), by_name, bare); });
  in_child("fexecve", [&] { fexecve(open(self.c_str(), O_RDONLY | O_CLOEXEC), by_name, bare); });
  in_child("execve after clearenv", [&] {
    clearenv();
    execv(self.c_str(), by_name);
  });
  in_child("execve of nothing", [&] {
    errno = 0;
    execv("/nonexistent", by_name);
    _exit(errno == ENOENT ? 5 : 6);
  });

  fflush(stdout);
  pid_t pid = vfork();
  if (pid == 0) {
    close(fd);
    execve(self.c_str(), by_name, bare);
    _exit(98);
  }
  report("vfork", ended(pid));
  lseek(fd, 0, SEEK_SET);
  show_fd("parent reads after vfork", fd);
  if (posix_spawn(&pid, self.c_str(), nullptr, nullptr, by_name, bare) == 0)
    report("posix_spawn", ended(pid));
  if (posix_spawnp(&pid, self.c_str(), nullptr, nullptr, argv, environ) == 0)
    report("posix_spawnp", ended(pid));
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  report("addopen", posix_spawn_file_actions_addopen(&actions, 30, file.c_str(), O_RDONLY, 0));
  char thirty[] = "30";
  char* by_thirty[] = {self.data(), arguments[1], const_cast<char*>("read"), thirty, nullptr};
  if (posix_spawn(&pid, self.c_str(), &actions, nullptr, by_thirty, bare) == 0)
    report("posix_spawn with a file", ended(pid));
  posix_spawn_file_actions_destroy(&actions);
  const int next = dup(0);  // the lowest number that is free
  close(next);
  posix_spawn_file_actions_init(&actions);
  for (int i = next; i < next + 3; ++i) posix_spawn_file_actions_adddup2(&actions, 1, i);
  report("addopen after dup2", posix_spawn_file_actions_addopen(&actions, 30, file.c_str(), O_RDONLY, 0));
  if (posix_spawn(&pid, self.c_str(), &actions, nullptr, by_thirty, bare) == 0)
    report("posix_spawn with a file", ended(pid));
  posix_spawn_file_actions_destroy(&actions);
  posix_spawn_file_actions_init(&actions);
  report("addopen of nothing",
         posix_spawn_file_actions_addopen(&actions, 30, (file + ".missing").c_str(), O_RDONLY, 0));
  report("posix_spawn with nothing", posix_spawn(&pid, self.c_str(), &actions, nullptr, by_thirty, bare));
  posix_spawn_file_actions_destroy(&actions);
  const std::string command = "exec cat " + file + " | head -n 1";
  report("system", system(command.c_str()));
  if (FILE* stream = popen(command.c_str(), "r")) {
    char line[100] = "";
    report("popen", std::string(fgets(line, sizeof line, stream) ? line : "null"));
    report("pclose", pclose(stream));
  }
  fflush(stdout);
  pid = static_cast<pid_t>(syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0));
  if (pid == 0) {
    lseek(fd, 2, SEEK_SET);
    show_fd("  child of a bare clone", fd);
    show_fd("  and opens", open(file.c_str(), O_RDONLY));
    _exit(8);
  }
  report("clone", ended(pid));

  int pair[2];
  if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) != 0) return 1;
  fflush(stdout);
  pid = fork();
  char control[CMSG_SPACE(sizeof(int))] = {}, byte = 'x';
  iovec part{&byte, 1};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  if (pid == 0) {
    const int passed = open(file.c_str(), O_RDONLY);
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(header), &passed, sizeof passed);
    _exit(sendmsg(pair[1], &message, 0) == 1 ? 0 : 1);
  }
  report("SCM_RIGHTS", recvmsg(pair[0], &message, 0));
  report("sent by", ended(pid));
  int received = -1;
  if (cmsghdr* header = CMSG_FIRSTHDR(&message)) memcpy(&received, CMSG_DATA(header), sizeof received);
  show_fd("received", received);
  close(received);
  return 0;
}
