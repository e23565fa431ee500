// What a root process of the target's container can try against an agent whose processes it sees: for each
// thread of each pid given, every way into its memory, its files and its root. Prints what was allowed, one
// line each, and nothing else.
#include <fcntl.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <string>
#include <vector>

namespace {

void tell(bool allowed, const std::string& what) {
  if (allowed) std::cout << what << "\n" << std::flush;
}

bool can_open(const std::string& path, int flags) {
  const int fd = ::open(path.c_str(), flags | O_CLOEXEC);
  if (fd >= 0) ::close(fd);
  return fd >= 0;
}

bool can_write_memory(pid_t thread) {
  char here = 0;
  iovec local{&here, 1}, remote{reinterpret_cast<void*>(0x400000), 1};  // EFAULT: nothing is mapped there
  return ::process_vm_readv(thread, &local, 1, &remote, 1, 0) >= 0 || errno == EFAULT ||
         ::process_vm_writev(thread, &local, 1, &remote, 1, 0) >= 0 || errno == EFAULT;
}

bool can_trace(pid_t thread) {
  if (::ptrace(PTRACE_SEIZE, thread, 0, 0) != 0) return false;
  ::ptrace(PTRACE_INTERRUPT, thread, 0, 0);
  ::waitpid(thread, nullptr, __WALL);
  ::ptrace(PTRACE_DETACH, thread, 0, 0);
  return true;
}

bool can_take_file(pid_t pid) {
  const long process = ::syscall(SYS_pidfd_open, pid, 0);
  return process >= 0 && ::syscall(SYS_pidfd_getfd, process, 0, 0) >= 0;
}

void attack(const std::string& name) {
  const std::string all = "/proc/" + name;
  tell(can_take_file(std::stoi(name)), all + " pidfd_getfd");
  for (const auto& entry : std::filesystem::directory_iterator(all + "/task")) {
    const std::string path = entry.path();
    const pid_t thread = std::stoi(entry.path().filename());
    tell(can_open(path + "/mem", O_RDWR), path + " mem");
    tell(can_write_memory(thread), path + " process_vm");
    tell(can_trace(thread), path + " ptrace");
    char target[64];
    for (const std::string file : {"environ", "maps", "auxv", "syscall", "stack"}) {
      // Some open and then read as empty or fail: only what gives something counts.
      const int fd = ::open((path + "/" + file).c_str(), O_RDONLY | O_CLOEXEC);
      tell(fd >= 0 && ::read(fd, target, sizeof target) > 0, path + " " + file);
      if (fd >= 0) ::close(fd);
    }
    for (const std::string link : {"root", "cwd", "exe"})
      tell(::readlink((path + "/" + link).c_str(), target, sizeof target) >= 0, path + " " + link);
    tell(can_open(path + "/root/", O_PATH | O_DIRECTORY), path + " root/");
    for (int fd = 0; fd < 20; ++fd)
      tell(can_open(path + "/fd/" + std::to_string(fd), O_PATH), path + " fd " + std::to_string(fd));
  }
}

}  // namespace

int main(int argc, char** argv) {
  for (int i = 1; i < argc; ++i) attack(argv[i]);
}
