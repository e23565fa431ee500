// What the adapters debug in tests: works on a number, shows its environment and arguments, ends with a code
// of its own. MODE (environment): "" ends at once; "wait" runs until it is killed, for at most a minute;
// "block" calls a function of the layer that blocks until the file GATE is there.
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <thread>

extern "C" int layer_entered(int) __attribute__((weak));
extern "C" int layer_blocks(const char*) __attribute__((weak));

static volatile int early = 0;
static void begin_early(int, char**, char**) {
  early = 1;  // EARLY
}
/// Runs before any constructor of a shared library, the layer's included (System V ABI).
__attribute__((section(".preinit_array"), used)) static void (*const before_all)(int, char**,
                                                                                 char**) = begin_early;

static int block(const char* gate) {
  int result = layer_blocks ? layer_blocks(gate) : 0;  // BLOCK
  result += early;
  return result;
}

static int work(int number) {
  int result = number * 3;
  result += 1;                                    // BREAK
  if (layer_entered) result += layer_entered(0);  // STEP
  return result;
}

int main(int argc, char** argv) {
  for (int i = 1; i < argc; ++i) printf("argument %d [%s]\n", i, argv[i]);
  for (const char* name :
       {"POD_VALUE", "POD_LINES", "POD_QUOTES", "LOCAL_VALUE", "REQUEST_VALUE", "UNSET_ME", "PATH"})
    printf("%s=[%s]\n", name, getenv(name) ? getenv(name) : "(unset)");
  if (const char* path = getenv("PID_FILE")) {
    if (FILE* file = fopen(path, "w")) {
      fprintf(file, "%d\n", static_cast<int>(getpid()));
      fclose(file);
    }
  }
  printf("worked %d\n", work(argc));
  fflush(stdout);
  const char* mode = getenv("MODE");
  if (mode && strcmp(mode, "wait") == 0)
    for (int i = 0; i < 600; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(100));
  if (mode && strcmp(mode, "block") == 0) printf("blocked %d\n", block(getenv("GATE")));
  return 7;
}
