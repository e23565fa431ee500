// The one judge of programs: what an ELF file (elf(5)) says of itself, and whether libinpod.so can act in it.
// The launcher asks it before it starts a program, the layer before the program starts others, and about the
// program that it finds itself in.
//
// Pure: bytes come from a function that is given. Reads headers, notes, section names and the dynamic
// section; every number in the file is taken as hostile. Nothing allocates, no C++ runtime; any thread, and
// signal handlers where the given function is safe there.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace inpod::policy {

/// Reads at most `size` bytes at `offset`; gives how many there were.
using ReadAt = std::size_t (*)(int file, void* into, std::size_t size, std::uint64_t offset);

enum class ProgramKind {
  glibc,         ///< the layer acts in it
  no_elf,        ///< neither of the others; it may be a script
  damaged,       ///< its headers contradict each other
  foreign,       ///< 32 bits, or another machine's
  go,            ///< holds Go code, whose system calls go past libc, dynamic (cgo) or not
  no_loader,     ///< static
  musl,          ///< its loader is musl's
  other_loader,  ///< its loader is neither glibc's nor musl's
};

struct ElfFacts {
  ProgramKind kind = ProgramKind::no_elf;
  char loader[256] = "";  ///< PT_INTERP
  /// The DT_NEEDED entry of a sanitizer's runtime that has to come before all other libraries; empty: none.
  /// In LD_PRELOAD it is looked for as the program's own need is (ld.so(8): by its RPATH, RUNPATH, cache).
  char sanitizer[64] = "";
};

ElfFacts read_elf(ReadAt read, int file);

/// What the user calls such a program ("a Go program"); null for those that the layer acts in, and for
/// what the kernel or the loader will refuse by itself.
const char* limit_of(ProgramKind kind);

/// Whether a library is the runtime of a sanitizer that replaces functions of libc (gcc's and clang's ASan,
/// HWASan, LSan, TSan): it must come first, and says so itself. By its name or path.
bool is_sanitizer(std::string_view library);

}  // namespace inpod::policy
