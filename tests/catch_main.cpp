#define CATCH_CONFIG_RUNNER
#include "catch.hpp"

#include <csignal>

int main(int argc, char** argv) {
  signal(SIGPIPE, SIG_IGN);
  return Catch::Session().run(argc, argv);
}
