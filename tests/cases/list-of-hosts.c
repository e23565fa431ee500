// gethostent reads /etc/hosts within libc: never this machine's.
// @only-outside
// @right none
// @stderr gethostent.*empty
#include <netdb.h>
#include <stdio.h>

int main(void) {
  struct hostent* host = gethostent();
  puts(host ? host->h_name : "none");
}
