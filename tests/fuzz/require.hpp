// fuzz_require: stops the fuzz target when something that must always hold does not.
#pragma once

#include <cstdio>
#include <cstdlib>

#define fuzz_require(condition)                                                           \
  do {                                                                                    \
    if (!(condition)) {                                                                   \
      std::fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #condition); \
      std::abort();                                                                       \
    }                                                                                     \
  } while (0)
