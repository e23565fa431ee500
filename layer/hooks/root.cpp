// chroot and pivot_root. The kernel can't make a directory of the pod the root here. In a directory of this
// machine the program is at home: what is below its new root is this machine's, whatever the rules say of the
// names that it has there.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>

#include "layer.hpp"

using namespace inpod;
using namespace inpod::layer;

namespace {

/// not_ours: the kernel may do it.
long refusal(const char* path) {
  relay::Stat there;
  const long value = files::stat(core, AT_FDCWD, path, true, there);
  if (value != 0) return value;
  if (!S_ISDIR(there.mode)) return -ENOTDIR;
  core.note_once(path,
                 "this directory is the pod's and can't become the program's root (chroot) here; start the "
                 "program without changing its root, or with a directory of files.local");
  return -EPERM;
}

int moved(const char* path, int done) {
  if (done != 0) return done;
  core.files_are_local.store(true);
  core.note_once(path,
                 "is the program's new root (chroot), a directory of this machine: from now on its files are "
                 "this machine's, and programs that it starts there may run outside the pod");
  return done;
}

}  // namespace

HOOK(int, chroot, (const char* path)) {
  if (!active() || !path || strcmp(path, "/") == 0) return original(chroot)(path);
  const long refused = refusal(path);
  return refused == not_ours ? moved(path, original(chroot)(path)) : result<int>(refused);
}

HOOK(int, pivot_root, (const char* root, const char* old)) {
  if (!active()) return original(pivot_root)(root, old);
  const long refused = refusal(root);
  return refused == not_ours ? moved(root, original(pivot_root)(root, old)) : result<int>(refused);
}
