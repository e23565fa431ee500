// Programs with gcc's sanitizers: their runtime must come before the layer, in what they start as well, and
// in nothing else. Files and names are the pod's, and nothing is reported.
// @build g++ -std=c++20 -g -fsanitize=address,undefined -o $OUT $SRC
// @build g++ -std=c++20 -g -fsanitize=thread -o tsan $SRC
// @build g++ -std=c++20 -g -fsanitize=leak -o lsan $SRC
// @build g++ -std=c++20 -g -fsanitize=undefined -o ubsan $SRC
// @build g++ -std=c++20 -g -o plain $SRC
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>
#include <thread>

static void use() {
  std::string name;
  std::ifstream file("/etc/hostname");
  std::getline(file, name);
  char own[100] = "";
  std::thread([&own] { gethostname(own, sizeof own); }).join();
  const bool mapped = mmap(nullptr, 1 << 20, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED;
  printf("%s %s %d\n", name.c_str(), own, mapped);
  fflush(stdout);
}

static void start(const char* program) {
  printf("%s: ", program);
  fflush(stdout);
  if (fork() == 0) {
    execl(program, program, "child", static_cast<char*>(nullptr));
    _exit(1);
  }
  int status = 0;
  wait(&status);
  if (status != 0) printf("status %x\n", status);
}

int main(int count, char**) {
  use();
  if (count > 1) return 0;
  for (const char* program : {"./program", "./tsan", "./lsan", "./ubsan", "./plain"}) start(program);
  // Neither the shell nor what it starts has a runtime of a sanitizer.
  fflush(stdout);
  system("cat /etc/hostname; ./program child; grep -c asan /proc/self/maps; true");
}
