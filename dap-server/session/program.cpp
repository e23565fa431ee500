// Finding and judging the program; `#!` as in execve(2).
#include "session/program.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <filesystem>
#include <sstream>

#include "policy/elf.hpp"
#include "protocol/unique_fd.hpp"

namespace inpod {
namespace {

namespace fs = std::filesystem;

bool is_file(const std::string& path) {
  struct stat info {};
  return stat(path.c_str(), &info) == 0 && S_ISREG(info.st_mode);
}

std::string absolute(const std::string& path) {
  std::error_code error;
  const auto result = fs::absolute(path, error);
  return error ? path : result.lexically_normal().string();
}

Result<std::string> checked(const std::string& path) {
  if (access(path.c_str(), X_OK) == 0) return absolute(path);
  return Failed(Error{EACCES, path + ": not executable", "chmod +x " + path});
}

/// The file's first bytes, as many as the kernel looks at for `#!`.
Result<std::string> read_head(int file) {
  std::string bytes(256, '\0');
  const ssize_t got = pread(file, bytes.data(), bytes.size(), 0);
  if (got < 0) return fail_errno("cannot read it");
  bytes.resize(static_cast<std::size_t>(got));
  return bytes;
}

std::size_t read_at(int file, void* into, std::size_t size, std::uint64_t offset) {
  const ssize_t got = pread(file, into, size, static_cast<off_t>(offset));
  return got < 0 ? 0 : static_cast<std::size_t>(got);
}

constexpr const char* limit =
    "inpod loads its layer by LD_PRELOAD, which needs a program that is dynamically linked with glibc";

constexpr const char* environment_only = "give it the pod's environment alone (interception: none)";

/// What to do about a program that the layer can't be loaded into.
std::string limit_and(const std::string& change) {
  return std::string(limit) + ": " + change + ", or " + environment_only;
}

Result<void> check_elf(int file, const std::string& path) {
  using policy::ProgramKind;
  const auto facts = policy::read_elf(read_at, file);
  const char* kind = policy::limit_of(facts.kind);
  const std::string what = path + ": " + (kind == nullptr ? "" : kind);
  switch (facts.kind) {
    case ProgramKind::glibc:
      return {};
    case ProgramKind::no_elf:
      return Failed(Error{ENOEXEC, path + ": neither an ELF program nor a script with a #! line", ""});
    case ProgramKind::damaged:
      return fail(path + ": its ELF header is damaged or cut off");
    case ProgramKind::foreign:
      return fail(path + ": built for another kind of machine", limit);
    case ProgramKind::go:
      return fail(
          what + ", whose system calls go past the C library (with cgo, too)",
          std::string(
              "inpod can't carry them: run it in the cluster, debug the programs that it talks to, or ") +
              environment_only);
    case ProgramKind::no_loader:
      return fail(what, limit_and("link it without -static"));
    case ProgramKind::musl:
      return fail(what, limit_and("build it with a glibc toolchain (not musl-gcc, not on Alpine)"));
    case ProgramKind::other_loader:
      break;
  }
  return fail(path + ": its loader, " + facts.loader + ", is not glibc's",
              limit_and("build it with a glibc toolchain"));
}

/// The loader ignores LD_PRELOAD in programs that gain rights when they start (ld.so(8), secure-execution
/// mode).
Result<void> check_rights(int file, const std::string& path) {
  struct stat info {};
  if (fstat(file, &info) != 0) return fail_errno(path);
  const bool set_uid = (info.st_mode & S_ISUID) != 0 && info.st_uid != geteuid();
  const bool set_gid =
      (info.st_mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP) && info.st_gid != getegid();
  const bool capabilities = geteuid() != 0 && fgetxattr(file, "security.capability", nullptr, 0) > 0;
  if (!set_uid && !set_gid && !capabilities) return {};
  return fail(path + ": it gains rights when it starts (" +
                  (set_uid   ? "set-user-ID"
                   : set_gid ? "set-group-ID"
                             : "file capabilities") +
                  "), so the loader ignores LD_PRELOAD",
              "run a copy of it without these rights: cp " + path + " /tmp/ && run that");
}

/// The program that `#!/usr/bin/env [-S] [OPTION…] [NAME=VALUE…] PROGRAM` will start; empty if this is not
/// env. Options: env(1).
std::string env_target(const std::string& interpreter, const std::string& argument) {
  if (fs::path(interpreter).filename() != "env") return {};
  std::istringstream words(argument);
  for (std::string word; words >> word;) {
    if (word.starts_with("--split-string=")) {
      word.erase(0, word.find('=') + 1);
    } else if (word == "--unset" || word == "--chdir" || word == "--argv0") {
      words >> word;
      continue;
    } else if (word[0] == '-' && !word.starts_with("--")) {
      const auto at =
          word.find_first_of("uCaS", 1);  // those with a value, which stands behind them or is the next word
      if (at == std::string::npos) continue;
      const bool split = word[at] == 'S';
      word.erase(0, at + 1);
      if (!split && word.empty()) words >> word;
      if (!split) continue;
    }
    if (!word.empty() && word[0] != '-' && word.find('=') == std::string::npos) return word;
  }
  return {};
}

Result<Program> inspect(const std::string& path, const std::string& search_path, bool intercepted,
                        int depth) {
  const UniqueFd file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) return fail_errno("cannot read " + path);
  TRY_ASSIGN(head, read_head(file.get()));
  if (head.compare(0, 2, "#!") != 0) {
    if (intercepted) {
      TRY_VOID(check_elf(file.get(), path));
      TRY_VOID(check_rights(file.get(), path));
    }
    std::error_code error;
    const auto real = fs::canonical(path, error);
    if (error) return Failed(Error{error.value(), path + ": " + error.message(), {}});
    return Program{path, real.string()};
  }
  if (depth == 4) return Failed(Error{ELOOP, path + ": more than four #! lines in a row", ""});
  std::istringstream line(head.substr(2, head.find('\n') - 2));
  std::string interpreter, argument;
  line >> interpreter;
  std::getline(line, argument);
  if (interpreter.empty()) return Failed(Error{ENOEXEC, path + ": its #! line names no interpreter", ""});
  auto result = inspect(interpreter, search_path, intercepted, depth + 1);
  if (!result) return Failed(result.error().context(path));
  if (const auto next = env_target(interpreter, argument); !next.empty()) {
    const auto target = find_program(next, search_path);
    if (!target) return Failed(target.error().context(path));
    const auto judged = inspect(*target, search_path, intercepted, depth + 1);
    if (!judged) return Failed(judged.error().context(path));
  }
  result->path = path;
  return result;
}

}  // namespace

Result<std::string> find_program(const std::string& command, const std::string& search_path) {
  if (command.empty()) return Failed(Error{ENOENT, "no program given", ""});
  if (command.find('/') != std::string::npos) {
    if (is_file(command)) return checked(command);
    const bool exists = access(command.c_str(), F_OK) == 0;
    return Failed(
        Error{exists ? EACCES : ENOENT, command + (exists ? ": not a program" : ": no such file"), ""});
  }
  std::istringstream directories(search_path);
  std::string directory, refused;
  while (std::getline(directories, directory, ':')) {
    const std::string candidate = (directory.empty() ? "." : directory) + "/" + command;
    if (!is_file(candidate)) continue;
    if (access(candidate.c_str(), X_OK) == 0) return absolute(candidate);
    if (refused.empty()) refused = candidate;
  }
  if (!refused.empty()) return checked(refused);
  return Failed(Error{ENOENT, command + ": not found in PATH", "give its path"});
}

Result<Program> inspect_program(const std::string& path, const std::string& search_path, bool intercepted) {
  return inspect(path, search_path, intercepted, 0);
}

std::string sanitizer_of(const std::string& executable) {
  const UniqueFd file(open(executable.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  return file ? policy::read_elf(read_at, file.get()).sanitizer : "";
}

std::optional<int> version_suffix(const std::string& name, const std::string& prefix) {
  if (!name.starts_with(prefix) || name.size() == prefix.size() || name.size() > prefix.size() + 4)
    return std::nullopt;
  const std::string digits = name.substr(prefix.size());
  if (digits.find_first_not_of("0123456789") != std::string::npos) return std::nullopt;
  return std::stoi(digits);
}

std::string shell_quoted(const std::string& text) {
  std::string out = "'";
  for (const char c : text) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

}  // namespace inpod
