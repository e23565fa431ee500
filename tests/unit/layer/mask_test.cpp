// The umask that a program is started with.
#include <sys/stat.h>

#include <fstream>
#include <sstream>

#include "catch.hpp"
#include "core/core.hpp"

using inpod::parse_mask;

TEST_CASE("the umask stands in a process's status") {
  unsigned mask = 0;
  CHECK(parse_mask("Name:\tcat\nUmask:\t0027\nState:\tR (running)\n", mask));
  CHECK(mask == 027);
  CHECK(parse_mask("Name:\tUmask:\t0\nUmask:\t0000\nState", mask));
  CHECK(mask == 0);
  for (const char* none :
       {"", "Umask:\t", "Name:\tUmask:\t0022\n", "Umask:\t0092\n", "Name:\tcat\nState:\tR\n"}) {
    INFO(none);
    CHECK_FALSE(parse_mask(none, mask));
  }
}

TEST_CASE("our own umask is what the kernel tells") {
  const mode_t before = ::umask(0137);
  unsigned mask = 0;
  std::stringstream status;
  status << std::ifstream("/proc/self/status").rdbuf();
  ::umask(before);
  CHECK(parse_mask(status.str(), mask));
  CHECK(mask == 0137);
}
