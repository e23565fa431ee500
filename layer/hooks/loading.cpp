// dlopen, dlmopen: a library of the program's must find the hooks.
//
// The dynamic linker looks at the caller's address: its RUNPATH, $ORIGIN and namespace count. So each hook
// ends in a tail call, which leaves the caller's return address where it was (tests/cases/deepbind.c).
#include <dlfcn.h>

#include "layer.hpp"

using namespace inpod;
using namespace inpod::layer;

namespace {

/// With RTLD_DEEPBIND a library would find libc's functions before ours. Without, it finds the program's
/// before its own as well, as any other library does.
int shallow(int flags) {
  return active() ? flags & ~RTLD_DEEPBIND : flags;
}

[[gnu::noinline]] void note_namespace(const char* path) {
  const int saved = errno;
  core.note_once(
      path ? path : "the program",
      "loaded into a namespace of its own (dlmopen), where libc has no hooks: what it does, it does "
      "on this machine, not in the pod");
  errno = saved;
}

}  // namespace

HOOK(void*, dlopen, (const char* path, int flags)) {
  return original(dlopen)(path, shallow(flags));
}

HOOK(void*, dlmopen, (Lmid_t space, const char* path, int flags)) {
  if (space != LM_ID_BASE && active()) note_namespace(path);
  return original(dlmopen)(space, path, space == LM_ID_BASE ? shallow(flags) : flags);
}
