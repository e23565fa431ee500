// Paths that lead to an open file by its descriptor.
#include <unistd.h>

#include "catch.hpp"
#include "core/files.hpp"

using namespace inpod;
using inpod::files::through_descriptor;

namespace {

constinit Core core;
constexpr FdEntry file = FdEntry::file(FdKind::snapshot, 7, 3, O_RDONLY, false, false);

}  // namespace

TEST_CASE("a path by descriptor is the file that is open there") {
  core.fds.set(5, file);
  core.fds.set(10, file);
  const std::string own = "/proc/" + std::to_string(::getpid()) + "/fd/5";
  for (const char* path :
       {"/proc/self/fd/5", "/proc/thread-self/fd/5", "/dev/fd/5", "/dev/fd/10", own.c_str()}) {
    INFO(path);
    CHECK(through_descriptor(core, path) == file);
  }
  CHECK_FALSE(static_cast<bool>(through_descriptor(core, "/dev/stdin")));
  for (const int fd : {0, 1, 2}) core.fds.set(fd, file);
  for (const char* path : {"/dev/stdin", "/dev/stdout", "/dev/stderr", "/proc/self/fd/0"}) {
    INFO(path);
    CHECK(through_descriptor(core, path) == file);
  }
}

TEST_CASE("what only looks like it is no such path") {
  core.fds.set(5, file);
  core.fds.set(9, FdEntry::connecting());
  const std::string other = "/proc/" + std::to_string(::getppid()) + "/fd/5";
  for (const char* path : {"",
                           "/",
                           "/proc/",
                           "/dev/",
                           "/dev/stdin/",
                           "/dev/null",
                           "/etc/passwd",
                           "proc/self/fd/5",
                           "/proc/self/fd",
                           "/proc/self/fd/",
                           "/proc/self/fd/6",
                           "/proc/self/fd/05",
                           "/proc/self/fd/5/x",
                           "/proc/self/fd/5x",
                           "/dev/fd/-1",
                           "/dev/fd/99999999999999999999",
                           "/proc/self/fdinfo/5",
                           "/proc/selfish/fd/5",
                           "/proc/5x/fd/5",
                           "/proc/self/fd/9",
                           other.c_str()}) {
    INFO(path);
    CHECK_FALSE(static_cast<bool>(through_descriptor(core, path)));
  }
  CHECK_FALSE(static_cast<bool>(through_descriptor(core, nullptr)));
}
