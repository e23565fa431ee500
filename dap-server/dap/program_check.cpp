// See program_check.hpp. Reads the headers of the machine's own ELF class only.
#include "dap/program_check.hpp"

#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <vector>

#include "protocol/unique_fd.hpp"

namespace inpod::dap {
namespace {

using Header = ElfW(Ehdr);
using Segment = ElfW(Phdr);

constexpr std::size_t max_segments = 1024;

bool read_at(int fd, void* into, std::size_t size, std::uint64_t offset) {
  return pread(fd, into, size, static_cast<off_t>(offset)) == static_cast<ssize_t>(size);
}

/// The machine that this very program was built for.
Elf64_Half own_machine() {
  Header header{};
  const UniqueFd self(open("/proc/self/exe", O_RDONLY | O_CLOEXEC));
  return self && read_at(self.get(), &header, sizeof header, 0) ? header.e_machine : 0;
}

/// Path of the dynamic linker, empty when there is none.
Result<std::string> interpreter(int fd, const Header& header) {
  if (header.e_phnum > max_segments || header.e_phentsize != sizeof(Segment)) return fail("its program headers make no sense");
  std::vector<Segment> segments(header.e_phnum);
  if (!read_at(fd, segments.data(), segments.size() * sizeof(Segment), header.e_phoff)) return fail("it is cut short");
  for (const auto& segment : segments) {
    if (segment.p_type != PT_INTERP) continue;
    std::string path(std::min<std::uint64_t>(segment.p_filesz, 4096), '\0');
    if (!read_at(fd, path.data(), path.size(), segment.p_offset)) return fail("it is cut short");
    return std::string(path.c_str());
  }
  return std::string();
}

Result<void> check_elf(int fd) {
  Header header{};
  const char* const only = "inpod runs dynamically linked programs of this machine's kind";
  const ssize_t size = pread(fd, &header, sizeof header, 0);
  if (size >= 2 && memcmp(&header, "#!", 2) == 0) return fail("it is a script", "name its interpreter as program and the script in args");
  if (size < static_cast<ssize_t>(sizeof header) || memcmp(header.e_ident, ELFMAG, SELFMAG) != 0) return fail("it is not an ELF executable", only);
  if (header.e_ident[EI_CLASS] != (sizeof(void*) == 8 ? ELFCLASS64 : ELFCLASS32) || header.e_machine != own_machine())
    return fail("it is built for another kind of machine", only);
  if (header.e_type != ET_EXEC && header.e_type != ET_DYN) return fail("it is an object file or a core dump, not a program", "name the linked program");
  TRY_ASSIGN(linker, interpreter(fd, header));
  if (linker.empty())
    return fail("it is statically linked, so libinpod.so can't be preloaded into it", "link it dynamically with glibc (without -static)");
  if (linker.find("ld-musl") != std::string::npos)
    return fail("it is linked with musl, and libinpod.so needs glibc", "build it for glibc");
  return {};
}

/// Set-user-ID programs ignore LD_PRELOAD (ld.so(8), secure-execution mode).
bool runs_as_another(const struct stat& status) {
  return ((status.st_mode & S_ISUID) && status.st_uid != getuid()) || ((status.st_mode & S_ISGID) && status.st_gid != getgid());
}

}  // namespace

Result<std::string> check_program(const std::string& program, const std::string& directory) {
  if (program.empty()) return fail("the launch request names no program", "set \"program\" to the executable's path");
  namespace fs = std::filesystem;
  std::error_code missing;
  fs::path path = program;
  if (!fs::exists(path, missing) && path.is_relative() && !directory.empty()) path = fs::path(directory) / path;
  const fs::path real = fs::canonical(path, missing);
  if (missing) return fail("the program " + program + " can't be found: " + missing.message(), "build it, or correct \"program\"");
  struct stat status {};
  if (stat(real.c_str(), &status) != 0) return fail_errno("the program " + real.string());
  if (!S_ISREG(status.st_mode)) return fail("the program " + real.string() + " is not a file", "set \"program\" to the executable's path");
  if (access(real.c_str(), X_OK) != 0) return fail("the program " + real.string() + " is not executable", "chmod +x it, or name the executable");
  if (runs_as_another(status))
    return fail("the program " + real.string() + " is set-user-ID or set-group-ID, so libinpod.so can't be preloaded into it", "remove that bit from a copy for debugging");
  const UniqueFd fd(open(real.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return fail_errno("cannot read the program " + real.string());
  if (auto good = check_elf(fd.get()); !good) return Failed(good.error().context("the program " + real.string() + " can't run in the cluster"));
  return real.string();
}

}  // namespace inpod::dap
