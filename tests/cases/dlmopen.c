// A library in a namespace of its own has a libc of its own, without hooks: the user is told.
// @only-outside
// @right loaded
// @stderr libm\.so\.6.*dlmopen.*not in the pod
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>

int main(void) {
  puts(dlmopen(LM_ID_NEWLM, "libm.so.6", RTLD_NOW) ? "loaded" : "not loaded");
}
