// A command that does not exist is named, with the one that was probably meant.
#include "cli/unknown_command.hpp"

#include "catch.hpp"

using namespace inpod;

namespace {

struct Commands {
  Commands() {
    app.add_option("--log-file", file);
    app.add_flag("-v,--verbose", verbose);
    app.add_subcommand("run", "")->add_option("-t,--target", target);
    auto* session = app.add_subcommand("session", "");
    session->add_subcommand("list", "");
    session->add_subcommand("stop", "");
  }
  std::optional<Error> check(const std::vector<std::string>& arguments) const { return cli::unknown_command(app, arguments); }

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

TEST_CASE("what is no command's name is left alone") {
  const Commands commands;
  CHECK_FALSE(commands.check({}));
  CHECK_FALSE(commands.check({"--help"}));
  CHECK_FALSE(commands.check({"run", "-t", "pod/a", "ruun"}));
  CHECK_FALSE(commands.check({"--log-file", "x", "run", "prog"}));
  CHECK_FALSE(commands.check({"--log-file=x", "session", "stop", "3f2a91c0"}));
  CHECK_FALSE(commands.check({"session"}));  // CLI11's own error
}
