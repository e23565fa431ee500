// Judging a program by its file: ELF as in elf(5), `#!` as in execve(2). See children.hpp.
#include "core/children.hpp"

#include <elf.h>
#include <sys/stat.h>

#include <cerrno>

#include "core/raw.hpp"
#include "core/text.hpp"

namespace inpod::children {
namespace {

constexpr std::size_t most_segments = 64;
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
  std::size_t read(void* into, std::size_t size, std::uint64_t offset) const {
    const long got = raw::pread(number(), into, size, static_cast<std::int64_t>(offset));
    return got < 0 ? 0 : static_cast<std::size_t>(got);
  }

 private:
  long fd_;
};

/// Notes of the linker: Go's names its build.
bool has_go_note(const File& file, const Elf64_Phdr& segment) {
  alignas(4) char bytes[1024];
  const std::size_t size =
      file.read(bytes, segment.p_filesz < sizeof bytes ? segment.p_filesz : sizeof bytes, segment.p_offset);
  for (std::size_t at = 0; at + sizeof(Elf64_Nhdr) + 4 <= size;) {
    Elf64_Nhdr note;
    memcpy(&note, bytes + at, sizeof note);
    if (note.n_namesz == 4 && memcmp(bytes + at + sizeof note, "Go\0", 4) == 0) return true;
    const std::size_t length = sizeof note + ((std::size_t{note.n_namesz} + 3) & ~std::size_t{3}) +
                               ((std::size_t{note.n_descsz} + 3) & ~std::size_t{3});
    at += length;
  }
  return false;
}

/// Why the layer would not be in this ELF program, or null.
const char* judge_elf(const File& file) {
  Elf64_Ehdr header;
  if (file.read(&header, sizeof header, 0) != sizeof header) return nullptr;
  if (header.e_ident[EI_CLASS] != ELFCLASS64) return "a 32-bit program";
  if (header.e_phentsize != sizeof(Elf64_Phdr)) return nullptr;
  bool dynamic = false, go = false, musl = false;
  for (std::size_t i = 0; i < header.e_phnum && i < most_segments; ++i) {
    Elf64_Phdr segment;
    if (file.read(&segment, sizeof segment, header.e_phoff + i * sizeof segment) != sizeof segment)
      return nullptr;
    if (segment.p_type == PT_NOTE) go = go || has_go_note(file, segment);
    if (segment.p_type != PT_INTERP) continue;
    dynamic = true;
    char name[128] = "";
    file.read(name, sizeof name - 1, segment.p_offset);
    musl = strstr(name, "ld-musl") != nullptr;
  }
  return go ? "a Go program" : !dynamic ? "a static program" : musl ? "a musl program" : nullptr;
}

/// The loader ignores LD_PRELOAD in programs that gain rights when they start (ld.so(8)).
const char* judge_rights(const File& file) {
  struct stat stat;
  if (raw::call(SYS_fstat, file.number(), raw::word(&stat)) != 0) return nullptr;
  const auto user = static_cast<uid_t>(raw::call(SYS_geteuid));
  const bool set_group = (stat.st_mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP);
  if (((stat.st_mode & S_ISUID) != 0 && stat.st_uid != user) ||
      (set_group && stat.st_gid != static_cast<gid_t>(raw::call(SYS_getegid))))
    return "it gains rights when it starts";
  const bool capabilities =
      user != 0 && raw::call(SYS_fgetxattr, file.number(), raw::word("security.capability"), 0, 0) > 0;
  return capabilities ? "it gains rights when it starts" : nullptr;
}

/// The interpreter that a #! line names; false: there is no such line.
bool interpreter_of(const File& file, char (&path)[256]) {
  char line[256];
  const std::size_t size = file.read(line, sizeof line - 1, 0);
  if (size < 2 || line[0] != '#' || line[1] != '!') return false;
  std::size_t start = 2;
  while (start < size && (line[start] == ' ' || line[start] == '\t')) ++start;
  std::size_t end = start;
  while (end < size && line[end] != ' ' && line[end] != '\t' && line[end] != '\n') ++end;
  memcpy(path, line + start, end - start);
  path[end - start] = 0;
  return end != start;
}

const char* judge(int dirfd, const char* path) {
  char interpreter[256];
  for (int depth = 0; depth < most_interpreters; ++depth) {
    const File file(dirfd, path);
    char start[4];
    if (!file.is_open() || file.read(start, sizeof start, 0) != sizeof start) return nullptr;
    if (memcmp(start, ELFMAG, sizeof start) == 0) {
      const char* reason = judge_elf(file);
      return reason ? reason : judge_rights(file);
    }
    if (!interpreter_of(file, interpreter)) return nullptr;
    dirfd = AT_FDCWD;
    path = interpreter;
  }
  return nullptr;
}

}  // namespace

bool note(Core& core, int dirfd, const char* path) {
  if (!path) return false;
  const char* reason = judge(dirfd, path);
  if (!reason) return false;
  FixedText<256> text;
  text << reason
       << ", which inpod's layer can't be loaded into: it sees this machine's files and network, not the "
          "pod's";
  core.note_once(*path ? std::string_view(path) : std::string_view("a program started by its descriptor"),
                 text.view());
  return true;
}

bool note_found(Core& core, const char* file, const char* search_path) {
  if (!file || !*file) return false;
  if (strchr(file, '/')) return note(core, AT_FDCWD, file);
  std::string_view rest(search_path ? search_path : "/bin:/usr/bin");
  while (!rest.empty()) {
    const std::string_view directory = take_until(rest, ':');
    FixedText<1024> candidate;
    candidate << (directory.empty() ? std::string_view(".") : directory) << "/" << file;
    constexpr long executable = 1;  // X_OK
    if (candidate.overflow() ||
        raw::call(SYS_faccessat, AT_FDCWD, raw::word(candidate.c_str()), executable) != 0)
      continue;
    return note(core, AT_FDCWD, candidate.c_str());
  }
  return false;
}

}  // namespace inpod::children
