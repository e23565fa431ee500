// chroot and pivot_root. With another root the program would reach neither the pod's directories, which the
// kernel here hasn't got, nor inpod, whose socket has a name. So both are refused, with a note.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>

#include "core/raw.hpp"
#include "layer.hpp"

using namespace inpod;
using namespace inpod::layer;

namespace {

/// -EPERM, or what is wrong with the path.
int refuse(const char* path) {
  relay::Stat there;
  long value = files::stat(core, AT_FDCWD, path, true, there);
  if (value == not_ours) {
    struct stat here;
    value = raw::stat_at(AT_FDCWD, path, &here, 0);
    there.mode = here.st_mode;
  }
  if (value != 0) return result<int>(value);
  if (!S_ISDIR(there.mode)) return result<int>(-ENOTDIR);
  core.note_once(
      path,
      "can't become the program's root directory (chroot, pivot_root): it would no longer reach the "
      "pod; start the program so that it keeps its root");
  return result<int>(-EPERM);
}

bool is_kept(const char* path) {
  return !active() || !path || strcmp(path, "/") == 0;
}

}  // namespace

HOOK(int, chroot, (const char* path)) {
  return is_kept(path) ? original(chroot)(path) : refuse(path);
}

HOOK(int, pivot_root, (const char* root, const char* old)) {
  return is_kept(root) ? original(pivot_root)(root, old) : refuse(root);
}
