// A time zone by a file's name is read within libc: the user is told that it is this machine's.
// @only-outside
// @right asked
// @stderr /etc/pod-zone.*TZ.*not from the pod
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

int main(int count, char** arguments) {
  if (count > 1) {
    tzset();
    return puts("asked") < 0;
  }
  setenv("TZ", ":/etc/pod-zone", 1);
  execl(arguments[0], arguments[0], "zoned", (char*)NULL);
}
