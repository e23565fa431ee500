// Judging what is started by its file, `#!` as in execve(2). See children.hpp.
#include "core/children.hpp"

#include <sys/stat.h>

#include <cerrno>

#include "core/raw.hpp"
#include "core/text.hpp"

namespace inpod::children {
namespace {

constexpr int most_interpreters = 4;

class File {
 public:
  File(int dirfd, const char* path) {
    const bool itself = *path == 0;
    FixedText<32> name;
    name << "/proc/self/fd/" << static_cast<std::uint64_t>(itself ? dirfd : 0);
    fd_ = raw::call(SYS_openat, itself ? AT_FDCWD : dirfd, raw::word(itself ? name.c_str() : path),
                    O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    fd_ = move_above_standard(fd_);
  }
  ~File() {
    if (fd_ >= 0) raw::close(number());
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  bool is_open() const { return fd_ >= 0; }
  int number() const { return static_cast<int>(fd_); }
  /// The bytes that were there.
  static std::size_t read(int fd, void* into, std::size_t size, std::uint64_t offset) {
    const long got = raw::pread(fd, into, size, static_cast<std::int64_t>(offset));
    return got < 0 ? 0 : static_cast<std::size_t>(got);
  }

 private:
  long fd_;
};

/// The loader ignores LD_PRELOAD in programs that gain rights when they start (ld.so(8)).
bool gains_rights(const File& file) {
  struct stat stat;
  if (raw::call(SYS_fstat, file.number(), raw::word(&stat)) != 0) return false;
  const auto user = static_cast<uid_t>(raw::call(SYS_geteuid));
  const bool set_group = (stat.st_mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP);
  if (((stat.st_mode & S_ISUID) != 0 && stat.st_uid != user) ||
      (set_group && stat.st_gid != static_cast<gid_t>(raw::call(SYS_getegid))))
    return true;
  return user != 0 && raw::call(SYS_fgetxattr, file.number(), raw::word("security.capability"), 0, 0) > 0;
}

/// The interpreter that a #! line names; false: there is no such line.
bool interpreter_of(const File& file, char (&path)[256]) {
  char line[256];
  const std::size_t size = File::read(file.number(), line, sizeof line - 1, 0);
  if (size < 2 || line[0] != '#' || line[1] != '!') return false;
  std::size_t start = 2;
  while (start < size && (line[start] == ' ' || line[start] == '\t')) ++start;
  std::size_t end = start;
  while (end < size && line[end] != ' ' && line[end] != '\t' && line[end] != '\n') ++end;
  memcpy(path, line + start, end - start);
  path[end - start] = 0;
  return end != start;
}

bool has_variable(char* const* list, const char* start) {
  for (; list && *list; ++list)
    if (strncmp(*list, start, strlen(start)) == 0) return true;
  return false;
}

/// Valgrind's tools are static, and load the program with its LD_PRELOAD by themselves.
bool is_valgrind(const Judgement& judgement, char* const* environment) {
  return judgement.facts.kind == policy::ProgramKind::no_loader &&
         has_variable(environment, "VALGRIND_LAUNCHER=");
}

}  // namespace

Judgement judge(int dirfd, const char* path) {
  Judgement judgement;
  char interpreter[256];
  for (int depth = 0; path && depth < most_interpreters; ++depth) {
    const File file(dirfd, path);
    if (!file.is_open()) break;
    judgement.facts = policy::read_elf(File::read, file.number());
    if (judgement.facts.kind != policy::ProgramKind::no_elf) {
      judgement.gains_rights = gains_rights(file);
      break;
    }
    if (!interpreter_of(file, interpreter)) break;
    dirfd = AT_FDCWD;
    path = interpreter;
  }
  return judgement;
}

Judgement judge_found(const char* file, const char* search_path) {
  if (!file || !*file) return {};
  if (strchr(file, '/')) return judge(AT_FDCWD, file);
  std::string_view rest(search_path ? search_path : "/bin:/usr/bin");
  while (!rest.empty()) {
    const std::string_view directory = take_until(rest, ':');
    FixedText<1024> candidate;
    candidate << (directory.empty() ? std::string_view(".") : directory) << "/" << file;
    constexpr long executable = 1;  // X_OK
    if (candidate.overflow() ||
        raw::call(SYS_faccessat, AT_FDCWD, raw::word(candidate.c_str()), executable) != 0)
      continue;
    Judgement judgement = judge(AT_FDCWD, candidate.c_str());
    judgement.found << candidate.view();
    return judgement;
  }
  return {};
}

bool note(Core& core, const char* name, const Judgement& judgement, char* const* environment) {
  const char* limit = policy::limit_of(judgement.facts.kind);
  if (!limit && judgement.gains_rights) limit = "a program that gains rights when it starts";
  if (!name || !limit || is_valgrind(judgement, environment)) return false;
  FixedText<256> text;
  text << limit
       << ", in which inpod's layer can't act: it sees this machine's files and network, not the pod's";
  const std::string_view found = judgement.found.view();
  core.note_once(!found.empty() ? found : *name ? name : "a program started by its descriptor", text.view());
  return true;
}

}  // namespace inpod::children
