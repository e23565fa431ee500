// Programs that a debuggee starts: can the layer act in them (policy/elf.hpp judges), and what has to be
// preloaded before it? Where it can't act (static, musl, Go, set-user-ID programs), they see this machine and
// not the pod, and the user must know.
//
// The files are this machine's: programs are local by rule. Nothing allocates; safe after vfork and in signal
// handlers.
#pragma once

#include "core/core.hpp"
#include "core/text.hpp"
#include "policy/elf.hpp"

namespace inpod::children {

struct Judgement {
  policy::ElfFacts facts;     ///< of the program, or of the interpreter that its #! line leads to
  bool gains_rights = false;  ///< when it starts: the loader ignores LD_PRELOAD then (ld.so(8))
  FixedText<1024> found;      ///< where a name was found in a search path
};

/// As execveat(2): an empty path means dirfd itself.
Judgement judge(int dirfd, const char* path);
/// The same for a name to be looked up in `search_path`, as execvp(3) does.
Judgement judge_found(const char* file, const char* search_path);

/// Notes once (Core::note_once) that the layer can't act in the program. `environment`: what it will get.
/// Whether that is so.
bool note(Core& core, const char* name, const Judgement& judgement, char* const* environment);

}  // namespace inpod::children
