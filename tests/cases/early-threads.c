// Threads that a library's constructor starts call before the layer's own constructor has run: one opens, one
// allocates meanwhile, one forks, and one has the dynamic linker's lock.
// @build gcc -w -O1 -DPLUGIN -shared -fPIC -o plugin.so $SRC
// @build gcc -w -O1 -DLIBRARY -shared -fPIC -pthread -o libearly.so $SRC -ldl
// @build gcc -w -O1 -o $OUT $SRC -L. -learly -Wl,-rpath,'$ORIGIN'
// @right 100 of 100 are the pod's
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static int is_pods(int fd) {
  char text[64] = "";
  return read(fd, text, sizeof text - 1) > 0 && strcmp(text, "web-5d8f\n") == 0;
}

#ifdef PLUGIN

int opened;

__attribute__((constructor)) static void start(void) {
  opened = is_pods(open("/etc/hostname", O_RDONLY));
}

#elif defined LIBRARY

int right_ones;
static pthread_barrier_t gate;

static int by_open(void) {
  return is_pods(open("/etc/hostname", O_RDONLY));
}

static int by_stream(void) {
  FILE* stream = fopen("/etc/hostname", "r");
  char text[64] = "";
  return stream && fgets(text, sizeof text, stream) && strcmp(text, "web-5d8f\n") == 0;
}

static int by_child(void) {
  pid_t child = fork();
  if (child == 0) _exit(by_open() ? 3 : 4);
  int status = 0;
  waitpid(child, &status, 0);
  return WEXITSTATUS(status) == 3;
}

static int by_plugin(void) {
  char path[4096], *slash;
  path[readlink("/proc/self/exe", path, sizeof path - 20)] = 0;
  slash = strrchr(path, '/');
  strcpy(slash ? slash : path, "/plugin.so");
  void* plugin = dlopen(path, RTLD_NOW);
  int* opened = plugin ? dlsym(plugin, "opened") : NULL;
  return opened && *opened;
}

static void* work(void* way) {
  pthread_barrier_wait(&gate);
  if (((int (*)(void))way)()) __sync_fetch_and_add(&right_ones, 1);
  return NULL;
}

__attribute__((constructor)) static void start(void) {
  int (*const ways[])(void) = {by_open, by_stream, by_child, by_plugin};
  pthread_t threads[4];
  pthread_barrier_init(&gate, NULL, 4);
  for (int i = 0; i < 4; ++i) pthread_create(&threads[i], NULL, work, ways[i]);
  for (int i = 0; i < 4; ++i) pthread_join(threads[i], NULL);
}

#else

extern int right_ones;

int main(int count, char** arguments) {
  if (count > 1) return right_ones;
  int all = 0;
  for (int run = 0; run < 25; ++run) {
    pid_t child = fork();
    if (child == 0) execl(arguments[0], arguments[0], "once", (char*)NULL);
    int status = 0;
    waitpid(child, &status, 0);
    all += WEXITSTATUS(status);
  }
  printf("%d of 100 are the pod's\n", all);
}
#endif
