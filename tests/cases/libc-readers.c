// libc's own readers of a file that is given to them.
// @pod printf 'tmpfs /of-the-pod tmpfs rw 0 0\n' > /etc/pod-mounts
// @right key 1
// @right missing -1
// @right /of-the-pod on tmpfs
#include <mntent.h>
#include <stdio.h>
#include <sys/ipc.h>
#include <sys/stat.h>

int main(void) {
  struct stat file;
  if (stat("/etc/pod-mounts", &file) != 0) return 1;
  key_t right = (file.st_ino & 0xffff) | (file.st_dev & 0xff) << 16 | 7u << 24;
  printf("key %d\n", ftok("/etc/pod-mounts", 7) == right);
  printf("missing %d\n", ftok("/etc/no-such-file", 7));
  FILE* mounts = setmntent("/etc/pod-mounts", "r");
  struct mntent* one = mounts ? getmntent(mounts) : NULL;
  printf("%s on %s\n", one ? one->mnt_dir : "none", one ? one->mnt_type : "none");
  if (mounts) endmntent(mounts);
}
