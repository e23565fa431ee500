// Functions of libc that read a file by its name: ftok, setmntent, gethostent.
#include <netdb.h>
#include <stdio.h>
#include <sys/ipc.h>
#include <sys/stat.h>

#include "layer.hpp"

using namespace inpod;
using namespace inpod::layer;

HOOK(key_t, ftok, (const char* path, int project)) {
  if (!active() || !path || !files::is_remote(core, AT_FDCWD, path, true))
    return original(ftok)(path, project);
  struct stat file;
  if (stat(path, &file) != 0) return -1;
  // As libc: 8 bits of the project, 8 of the device, 16 of the inode.
  return static_cast<key_t>((static_cast<unsigned>(project) & 0xff) << 24 |
                            (static_cast<unsigned>(file.st_dev) & 0xff) << 16 |
                            (static_cast<unsigned>(file.st_ino) & 0xffff));
}

/// getmntent reads the stream by functions that work on any.
HOOK(FILE*, setmntent, (const char* path, const char* mode)) {
  if (!active() || !path || !files::is_remote(core, AT_FDCWD, path, true))
    return original(setmntent)(path, mode);
  return fopen(path, mode);
}

namespace {

/// Whether the list of hosts is the pod's: then libc, which would read this machine's, is not asked.
bool refuses_hosts() {
  if (!active() || !files::is_remote(core, AT_FDCWD, "/etc/hosts", true)) return false;
  core.note_once(
      "gethostent",
      "the pod's list of hosts can't be read by it; the program gets an empty one. Ask for names, or "
      "read /etc/hosts");
  h_errno = NO_RECOVERY;
  errno = ENOSYS;
  return true;
}

}  // namespace

HOOK(hostent*, gethostent, ()) {
  return refuses_hosts() ? nullptr : original(gethostent)();
}

HOOK(int, gethostent_r, (hostent * into, char* buffer, size_t size, hostent** found, int* failure)) {
  if (!refuses_hosts()) return original(gethostent_r)(into, buffer, size, found, failure);
  *found = nullptr;
  *failure = NO_RECOVERY;
  return ENOSYS;
}
