// Programs that a debuggee starts: can the layer be loaded into them? What can't (static, musl, set-user-ID
// programs, and Go, which makes system calls of its own) sees this machine and not the pod, and the user must
// know.
//
// The files are this machine's: programs are local by rule. Nothing allocates; safe after vfork and in signal
// handlers.
#pragma once

#include "core/core.hpp"

namespace inpod::children {

/// Notes once (Core::note_once) that the program is one of those. As execveat(2): an empty path means dirfd
/// itself. True: it is one.
bool note(Core& core, int dirfd, const char* path);
/// The same for a name to be looked up in `search_path`, as execvp(3) does.
bool note_found(Core& core, const char* file, const char* search_path);

}  // namespace inpod::children
