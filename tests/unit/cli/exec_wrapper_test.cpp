// The exec-wrapper that a user gives to gdb beside ours.
#include "cli/exec_wrapper.hpp"

#include "catch.hpp"

using namespace inpod;
using cli::read_exec_wrapper;

TEST_CASE("env's assignments and removals are taken over") {
  const auto changes = read_exec_wrapper({"/usr/bin/env", "-u", "A", "-uB", "--unset=C", "--unset", "D",
                                          "X=1", "LD_PRELOAD=/mine.so", "EMPTY=", "Y=a=b -- c"});
  REQUIRE(changes);
  CHECK(changes->unset == std::vector<std::string>{"A", "B", "C", "D"});
  CHECK(changes->set == std::map<std::string, std::string>{
                            {"X", "1"}, {"LD_PRELOAD", "/mine.so"}, {"EMPTY", ""}, {"Y", "a=b -- c"}});
}

TEST_CASE("no wrapper, and env alone, change nothing") {
  for (const std::vector<std::string>& words : {std::vector<std::string>{}, {"env"}}) {
    const auto changes = read_exec_wrapper(words);
    REQUIRE(changes);
    CHECK((changes->set.empty() && changes->unset.empty()));
  }
}

TEST_CASE("any other wrapper is refused by its name, and so is what env would do beside") {
  for (const std::vector<std::string>& words : {std::vector<std::string>{"nice", "-n", "5"},
                                                {"env", "-i", "X=1"},
                                                {"env", "-C", "/tmp"},
                                                {"env", "-u"},
                                                {"env", "X=1", "nice"},
                                                {"env", "=1"},
                                                {"env", "X=1", "-u", "Y"}}) {
    const auto changes = read_exec_wrapper(words);
    REQUIRE_FALSE(changes);
    CHECK(changes.error().text.find("exec-wrapper \"" + words[0]) != std::string::npos);
    CHECK(changes.error().remedy.find("NAME=VALUE") != std::string::npos);
  }
}
