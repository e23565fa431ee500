// A plug-in that is loaded with RTLD_DEEPBIND, and found by the RUNPATH of the library that loads it.
// @build mkdir -p a/inner; gcc -w -O1 -DPLUGIN -shared -fPIC -o a/inner/libplugin.so $SRC
// @build gcc -w -O1 -DLOADER -shared -fPIC -o a/libloader.so $SRC -Wl,-rpath,'$ORIGIN/inner'
// @build gcc -w -O1 -o $OUT $SRC -La -lloader -Wl,-rpath,'$ORIGIN/a'
// @right RTLD_NOW: web-5d8f
// @right RTLD_DEEPBIND: web-5d8f
// @right dlmopen, the program's namespace: web-5d8f
// @right not found from the program
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#ifdef PLUGIN

int load(char* into, int size) {
  int fd = open("/etc/hostname", O_RDONLY);
  int length = read(fd, into, size - 1);
  into[length < 0 ? 0 : length] = 0;
  return close(fd);
}

#elif defined LOADER

void use(const char* how, int flags) {
  void* plugin = flags < 0 ? dlmopen(LM_ID_BASE, "libplugin.so", RTLD_NOW | RTLD_DEEPBIND)
                           : dlopen("libplugin.so", flags);
  int (*load)(char*, int) = plugin ? dlsym(plugin, "load") : NULL;
  char text[200] = "none\n";
  if (load) load(text, sizeof text);
  printf("%s: %s", how, load ? text : dlerror());
  if (plugin) dlclose(plugin);
}

#else

void use(const char* how, int flags);

int main(void) {
  use("RTLD_NOW", RTLD_NOW);
  use("RTLD_DEEPBIND", RTLD_NOW | RTLD_DEEPBIND);
  use("dlmopen, the program's namespace", -1);
  printf("%s from the program\n", dlopen("libplugin.so", RTLD_NOW) ? "found" : "not found");
}
#endif
