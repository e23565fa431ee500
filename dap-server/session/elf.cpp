// Reading ELF headers; elf(5). A file without section headers (sstrip) still has its notes, and one linked
// with
// "-buildid=" has no note but its sections: either tells Go.
#include "session/elf.hpp"

#include <elf.h>
#include <unistd.h>

#include <algorithm>
#include <string_view>
#include <vector>

namespace inpod {
namespace {

constexpr std::size_t max_entries =
    1024;  // program headers; section headers are capped by their type's 65535
constexpr std::size_t max_text = 64 << 10;  // notes, or all section names

#if defined(__x86_64__)
constexpr std::uint16_t this_machine = EM_X86_64;
#elif defined(__aarch64__)
constexpr std::uint16_t this_machine = EM_AARCH64;
#endif

Result<std::string> read_at(int file, std::uint64_t offset, std::size_t length) {
  std::string bytes(length, '\0');
  const ssize_t got = pread(file, bytes.data(), length, static_cast<off_t>(offset));
  if (got < 0) return fail_errno("cannot read it");
  bytes.resize(static_cast<std::size_t>(got));
  return bytes;
}

/// As many whole entries of the table as the file has.
template <class Entry>
Result<std::vector<Entry>> read_table(int file, std::uint64_t offset, std::size_t count) {
  TRY_ASSIGN(bytes, read_at(file, offset, count * sizeof(Entry)));
  std::vector<Entry> entries(bytes.size() / sizeof(Entry));
  if (!entries.empty()) memcpy(entries.data(), bytes.data(), entries.size() * sizeof(Entry));
  return entries;
}

/// The note that Go's linker leaves: owner "Go", type 4.
bool holds_go_note(std::string_view notes) {
  while (notes.size() >= sizeof(Elf64_Nhdr)) {
    Elf64_Nhdr note;
    memcpy(&note, notes.data(), sizeof note);
    notes.remove_prefix(sizeof note);
    const auto aligned = [](std::uint32_t size) { return (std::size_t{size} + 3) & ~std::size_t{3}; };
    if (notes.size() < aligned(note.n_namesz)) return false;
    if (note.n_type == 4 && note.n_namesz == 4 && notes.substr(0, 4) == std::string_view("Go\0\0", 4))
      return true;
    notes.remove_prefix(aligned(note.n_namesz));
    notes.remove_prefix(std::min(notes.size(), aligned(note.n_descsz)));
  }
  return false;
}

Result<bool> has_go_section(int file, const Elf64_Ehdr& header) {
  if (header.e_shentsize != sizeof(Elf64_Shdr)) return false;
  TRY_ASSIGN(sections, read_table<Elf64_Shdr>(file, header.e_shoff, header.e_shnum));
  if (header.e_shstrndx >= sections.size()) return false;
  const auto& table = sections[header.e_shstrndx];
  TRY_ASSIGN(names, read_at(file, table.sh_offset, std::min<std::uint64_t>(table.sh_size, max_text)));
  return std::any_of(sections.begin(), sections.end(), [&](const Elf64_Shdr& section) {
    return section.sh_name < names.size() &&
           std::string_view(names.c_str() + section.sh_name) == ".go.buildinfo";
  });
}

}  // namespace

Result<ElfFacts> read_elf(int file) {
  TRY_ASSIGN(head, read_at(file, 0, sizeof(Elf64_Ehdr)));
  if (head.size() < 20 || head.compare(0, 4, ELFMAG) != 0) {
    return Failed(Error{ENOEXEC, "neither an ELF program nor a script with a #! line", ""});
  }
  Elf64_Ehdr header{};
  memcpy(&header, head.data(), head.size());
  ElfFacts facts;
  facts.native = header.e_ident[EI_CLASS] == ELFCLASS64 && header.e_machine == this_machine;
  if (!facts.native) return facts;
  if (head.size() < sizeof header) return fail("it is cut off");
  if (header.e_phentsize != sizeof(Elf64_Phdr) || header.e_phnum > max_entries)
    return fail("its ELF header is damaged");
  TRY_ASSIGN(segments, read_table<Elf64_Phdr>(file, header.e_phoff, header.e_phnum));
  for (const auto& segment : segments) {
    if (segment.p_type == PT_INTERP && facts.interpreter.empty()) {
      TRY_ASSIGN(name, read_at(file, segment.p_offset, std::min<std::uint64_t>(segment.p_filesz, 4096)));
      facts.interpreter = name.c_str();
    } else if (segment.p_type == PT_NOTE) {
      TRY_ASSIGN(notes, read_at(file, segment.p_offset, std::min<std::uint64_t>(segment.p_filesz, max_text)));
      facts.go = facts.go || holds_go_note(notes);
    }
  }
  if (!facts.go) {
    TRY_ASSIGN(section, has_go_section(file, header));
    facts.go = section;
  }
  return facts;
}

}  // namespace inpod
