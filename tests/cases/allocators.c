// Programs with an allocator of their own: tcmalloc defines mmap by syscall(), jemalloc reads a link while it
// starts.
// @build gcc -w -O1 -o tcmalloc $SRC -Wl,--no-as-needed -l:libtcmalloc.so.4
// @build gcc -w -O1 -o minimal $SRC -Wl,--no-as-needed -l:libtcmalloc_minimal.so.4
// @build gcc -w -O1 -o jemalloc $SRC -Wl,--no-as-needed -l:libjemalloc.so.2
// @build gcc -w -O1 -o $OUT $SRC
// @right tcmalloc: web-5d8f
// @right minimal: web-5d8f
// @right jemalloc: web-5d8f
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static int use(const char* name) {
  char line[100] = "none\n";
  for (int i = 0; i < 1000; ++i) free(malloc(100 + i * 10000));
  FILE* file = fopen("/etc/hostname", "r");
  if (file) fgets(line, sizeof line, file);
  printf("%s: %s", name, line);
  return 0;
}

int main(int count, char** arguments) {
  if (count > 1) return use(arguments[1]);
  char* names[] = {"tcmalloc", "minimal", "jemalloc"};
  for (int i = 0; i < 3; ++i) {
    if (fork() == 0) execl(names[i], names[i], names[i], (char*)NULL);
    int status = 0;
    wait(&status);
    if (status != 0) printf("%s: status %x\n", names[i], status);
    fflush(stdout);
  }
}
