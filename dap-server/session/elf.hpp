// What an ELF file says of itself: the machine it is for, its loader, and whether Go's linker made it. Reads
// headers, notes and section names only; every length in the file is taken as hostile. Any thread.
#pragma once

#include <string>

#include "protocol/result.hpp"

namespace inpod {

struct ElfFacts {
  bool native = false;      ///< 64 bits, this machine's kind; nothing else is read otherwise
  std::string interpreter;  ///< PT_INTERP: the loader; empty in a static program
  bool go = false;  ///< Go's build-id note or a .go.buildinfo section: it holds Go code, dynamic or not
};

/// The facts of the open file `file`. Error code ENOEXEC: not an ELF file.
Result<ElfFacts> read_elf(int file);

}  // namespace inpod
