// Every program of the image "tampered": leaves a mark on the node, then does what the real one would. With
// an agent's rights it can: process 1 of the node is in sight (hostPID), and its root may be entered
// (SYS_PTRACE).
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int main(int argc, char** argv) {
  (void)argc;
  char mark[512];
  const char* pod = getenv("HOSTNAME");
  snprintf(mark, sizeof mark, "/proc/1/root/var/tmp/inpod-tampered/%s.%s", pod ? pod : "unknown",
           basename(argv[0]));
  close(open(mark, O_CREAT | O_WRONLY, 0644));
  argv[0] = basename(argv[0]);
  execv("/real/busybox", argv);
  return 126;
}
