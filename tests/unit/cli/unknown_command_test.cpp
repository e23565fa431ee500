// A command that does not exist is named, with the one that was probably meant.
#include "cli/unknown_command.hpp"

#include "catch.hpp"

using namespace inpod;

namespace {

struct Commands {
  Commands() {
    app.add_option("--log-file", file);
    app.add_flag("-v,--verbose", verbose);
    auto* run = app.add_subcommand("run", "");
    run->add_option("-t,--target", target);
    run->add_flag("--color,!--no-color", verbose);
    run->prefix_command();
    auto* session = app.add_subcommand("session", "");
    session->add_subcommand("list", "");
    session->add_subcommand("stop", "");
  }
  std::optional<Error> check(const std::vector<std::string>& arguments) const {
    return cli::unknown_command(app, arguments);
  }

  CLI::App app;
  std::string file, target;
  bool verbose = false;
};

}  // namespace

TEST_CASE("a wrong command is named, with a near one") {
  const Commands commands;
  const auto wrong = commands.check({"ruun", "x"});
  REQUIRE(wrong);
  CHECK(wrong->text == "no such command \"ruun\"; did you mean \"run\"?");
  CHECK(wrong->remedy == "`inpod --help` lists the commands");
  const auto below = commands.check({"-v", "session", "lst"});
  REQUIRE(below);
  CHECK(below->text == "no such command \"session lst\"; did you mean \"session list\"?");
  CHECK(below->remedy == "`inpod session --help` lists the commands");
  CHECK(commands.check({"zzzzzzz"})->text == "no such command \"zzzzzzz\"");
  CHECK(commands.check({"--log-file", "run", "ruun"})->text.find("\"ruun\"") != std::string::npos);
}

TEST_CASE("a wrong flag is named, with a near one") {
  const Commands commands;
  const auto wrong = commands.check({"run", "--taget=pod/a", "--", "x"});
  REQUIRE(wrong);
  CHECK(wrong->text == "no such flag \"--taget\"; did you mean \"--target\"?");
  CHECK(wrong->remedy == "`inpod run --help` lists the flags");
  CHECK(commands.check({"session", "list", "x", "--log-fil", "y"})->text ==
        "no such flag \"--log-fil\"; did you mean \"--log-file\"?");
  CHECK(commands.check({"session", "list", "--zzzzzzzzzz"})->text == "no such flag \"--zzzzzzzzzz\"");
  CHECK_FALSE(commands.check({"run", "-t", "--taget", "ls"}));  // its value
  CHECK_FALSE(
      commands.check({"run", "--no-color", "--help", "--log-file", "x", "--target=y", "ls", "--all"}));
}

TEST_CASE("what is no command's name is left alone") {
  const Commands commands;
  CHECK_FALSE(commands.check({}));
  CHECK_FALSE(commands.check({"--help"}));
  CHECK_FALSE(commands.check({"run", "-t", "pod/a", "ruun"}));
  CHECK_FALSE(commands.check({"--log-file", "x", "run", "prog"}));
  CHECK_FALSE(commands.check({"--log-file=x", "session", "stop", "3f2a91c0"}));
  CHECK_FALSE(commands.check({"session"}));  // CLI11's own error
}
