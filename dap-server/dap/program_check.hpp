// Whether the layer can be preloaded into a program, told before anything is made in the cluster: it must be there, be
// executable, and be an ELF file of this machine that glibc's dynamic linker loads. (elf(5), ld.so(8))
//
// Blocking file I/O of a few kilobytes; any thread.
#pragma once

#include <string>

#include "protocol/result.hpp"

namespace inpod::dap {

/// The program's absolute path with links resolved. `program` may be relative to our working directory or to `directory`.
/// Errors name the remedy.
Result<std::string> check_program(const std::string& program, const std::string& directory);

}  // namespace inpod::dap
