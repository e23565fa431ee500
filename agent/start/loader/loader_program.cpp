// The assembler puts the file INPOD_LOADER into the read-only data.
#include "start/loader/loader_program.hpp"

asm(".section .rodata\n"
    ".globl inpod_loader_begin, inpod_loader_end\n"
    ".hidden inpod_loader_begin, inpod_loader_end\n"
    "inpod_loader_begin:\n"
    ".incbin \"" INPOD_LOADER
    "\"\n"
    "inpod_loader_end:\n"
    ".previous\n");

extern "C" __attribute__((visibility("hidden"))) const char inpod_loader_begin[], inpod_loader_end[];

namespace inpod::agent {

std::string_view loader_program() {
  return {inpod_loader_begin, static_cast<std::size_t>(inpod_loader_end - inpod_loader_begin)};
}

}  // namespace inpod::agent
