// Judging ELF files: see elf.hpp. A file without section headers (sstrip) still has its notes, and one linked
// with "-buildid=" has no note but its sections: either tells Go.
#include "policy/elf.hpp"

#include <elf.h>

#include <cstring>

namespace inpod::policy {
namespace {

#if defined(__x86_64__)
constexpr std::uint16_t this_machine = EM_X86_64;
#elif defined(__aarch64__)
constexpr std::uint16_t this_machine = EM_AARCH64;
#endif

constexpr std::size_t most_segments = 1024;
constexpr std::size_t most_notes = 64 << 10;  // bytes of one segment
constexpr std::size_t most_needed = 4096;     // entries of the dynamic section
constexpr std::string_view go_section = ".go.buildinfo";

/// The file as a place to read structs from.
class Source {
 public:
  Source(ReadAt read, int file) : read_(read), file_(file) {}
  template <class Entry>
  bool get(Entry& entry, std::uint64_t offset) const {
    return read_(file_, &entry, sizeof entry, offset) == sizeof entry;
  }
  /// Entry number `at` of a table; false behind the end of the file.
  template <class Entry>
  bool get(Entry& entry, std::uint64_t table, std::uint64_t at) const {
    return get(entry, table + at * sizeof entry);
  }
  /// A string of at most Size - 1 bytes, always terminated. False: there is none.
  template <std::size_t Size>
  bool text(char (&into)[Size], std::uint64_t offset) const {
    const std::size_t got = read_(file_, into, Size - 1, offset);
    into[got] = 0;
    return got != 0;
  }

 private:
  ReadAt read_;
  int file_;
};

std::uint64_t aligned(std::uint32_t size) {
  return (std::uint64_t{size} + 3) & ~std::uint64_t{3};
}

/// The note that Go's linker leaves: owner "Go", type 4.
bool has_go_note(const Source& file, const Elf64_Phdr& segment) {
  const std::uint64_t size = segment.p_filesz < most_notes ? segment.p_filesz : most_notes;
  Elf64_Nhdr note;
  for (std::uint64_t at = 0; at + sizeof note <= size && file.get(note, segment.p_offset + at);) {
    char owner[4];
    at += sizeof note;
    if (note.n_type == 4 && note.n_namesz == sizeof owner && file.get(owner, segment.p_offset + at) &&
        memcmp(owner, "Go\0", sizeof owner) == 0)
      return true;
    at += aligned(note.n_namesz) + aligned(note.n_descsz);
  }
  return false;
}

bool has_go_section(const Source& file, const Elf64_Ehdr& header) {
  Elf64_Shdr names, section;
  if (header.e_shentsize != sizeof section || header.e_shstrndx >= header.e_shnum ||
      !file.get(names, header.e_shoff, header.e_shstrndx))
    return false;
  for (std::size_t i = 0; i < header.e_shnum && file.get(section, header.e_shoff, i); ++i) {
    char name[go_section.size() + 1];
    if (section.sh_name < names.sh_size && file.get(name, names.sh_offset + section.sh_name) &&
        memcmp(name, go_section.data(), sizeof name) == 0)
      return true;
  }
  return false;
}

bool is_loadable(const Elf64_Phdr& segment, std::uint64_t address) {
  return segment.p_type == PT_LOAD && address >= segment.p_vaddr &&
         address - segment.p_vaddr < segment.p_filesz;
}

/// Where in the file the bytes are that stand at `address` in memory; false: nowhere.
bool find_offset(const Source& file, const Elf64_Ehdr& header, std::uint64_t address, std::uint64_t& offset) {
  Elf64_Phdr segment;
  for (std::size_t i = 0; i < header.e_phnum && file.get(segment, header.e_phoff, i); ++i) {
    if (!is_loadable(segment, address)) continue;
    offset = segment.p_offset + (address - segment.p_vaddr);
    return true;
  }
  return false;
}

void find_sanitizer(const Source& file, const Elf64_Ehdr& header, const Elf64_Phdr& dynamic,
                    char (&name)[64]) {
  Elf64_Dyn entry;
  const auto each = [&](auto use) {
    for (std::size_t i = 0; i < most_needed && i < dynamic.p_filesz / sizeof entry; ++i)
      if (!file.get(entry, dynamic.p_offset, i) || entry.d_tag == DT_NULL || !use()) return;
  };
  std::uint64_t strings = 0;
  bool found = false;
  each([&] {
    if (entry.d_tag == DT_STRTAB) found = find_offset(file, header, entry.d_un.d_ptr, strings);
    return !found;
  });
  if (!found) return;
  each([&] {
    if (entry.d_tag != DT_NEEDED) return true;
    if (file.text(name, strings + entry.d_un.d_val) && is_sanitizer(name)) return false;
    name[0] = 0;
    return true;
  });
}

bool begins(std::string_view text, std::string_view start) {
  return text.size() >= start.size() && memcmp(text.data(), start.data(), start.size()) == 0;
}

std::string_view file_name(std::string_view path) {
  for (std::size_t i = path.size(); i > 0; --i)
    if (path[i - 1] == '/') return {path.data() + i, path.size() - i};
  return path;
}

ProgramKind kind_of_loader(const char* path) {
  if (*path == 0) return ProgramKind::no_loader;
  const std::string_view name = file_name(path);
  if (begins(name, "ld-musl")) return ProgramKind::musl;
  return begins(name, "ld-linux") || begins(name, "ld-2.") ? ProgramKind::glibc : ProgramKind::other_loader;
}

}  // namespace

ElfFacts read_elf(ReadAt read, int file) {
  ElfFacts facts;
  const Source source(read, file);
  Elf64_Ehdr header{};
  const std::size_t size = read(file, &header, sizeof header, 0);
  if (size < 20 || memcmp(header.e_ident, ELFMAG, SELFMAG) != 0) return facts;
  facts.kind = ProgramKind::foreign;
  if (header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_machine != this_machine) return facts;
  facts.kind = ProgramKind::damaged;
  if (size < sizeof header || header.e_phentsize != sizeof(Elf64_Phdr) || header.e_phnum > most_segments)
    return facts;
  bool go = false;
  Elf64_Phdr segment;
  for (std::size_t i = 0; i < header.e_phnum && source.get(segment, header.e_phoff, i); ++i) {
    if (segment.p_type == PT_NOTE) go = go || has_go_note(source, segment);
    if (segment.p_type == PT_DYNAMIC) find_sanitizer(source, header, segment, facts.sanitizer);
    if (segment.p_type == PT_INTERP && facts.loader[0] == 0) source.text(facts.loader, segment.p_offset);
  }
  // Before the loader: a Go program is dynamic with cgo and static without, and neither is what stands in the
  // way.
  facts.kind = go || has_go_section(source, header) ? ProgramKind::go : kind_of_loader(facts.loader);
  return facts;
}

const char* limit_of(ProgramKind kind) {
  switch (kind) {
    case ProgramKind::foreign:
      return "a program for another kind of machine";
    case ProgramKind::go:
      return "a Go program";
    case ProgramKind::no_loader:
      return "a static program";
    case ProgramKind::musl:
      return "a musl program";
    case ProgramKind::other_loader:
      return "a program with a loader that is not glibc's";
    case ProgramKind::glibc:
    case ProgramKind::no_elf:
    case ProgramKind::damaged:
      break;
  }
  return nullptr;
}

bool is_sanitizer(std::string_view library) {
  std::string_view name = file_name(library);
  for (const std::string_view start : {"libclang_rt.", "lib"}) {
    if (!begins(name, start)) continue;
    name.remove_prefix(start.size());
    break;
  }
  for (const std::string_view one : {"asan", "hwasan", "lsan", "tsan"})
    if (begins(name, one) && name.size() > one.size() &&
        (name[one.size()] == '.' || name[one.size()] == '-' || name[one.size()] == '_'))
      return true;
  return false;
}

}  // namespace inpod::policy
