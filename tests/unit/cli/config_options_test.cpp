// From a command line to a Config.
#include "cli/config_options.hpp"

#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "catch.hpp"
#include "config/keys.hpp"

using namespace inpod;

namespace {

/// Parses as `inpod run` does, in an empty directory.
Result<Config> parse(std::vector<std::string> arguments) {
  char name[] = "/tmp/inpod-options-XXXXXX";
  REQUIRE(mkdtemp(name) != nullptr);
  const auto before = std::filesystem::current_path();
  std::filesystem::current_path(name);
  CLI::App app;
  cli::ConfigOptions options;
  options.add_session(app);
  Result<Config> result = fail("usage");
  try {
    std::reverse(arguments.begin(), arguments.end());
    app.parse(arguments);
    result = options.load();
  } catch (const CLI::ParseError& error) {
    result = fail("usage: " + std::string(error.what()));
  }
  std::filesystem::current_path(before);
  std::filesystem::remove_all(name);
  return result;
}

}  // namespace

TEST_CASE("a flag of one value takes one word: a forgotten -- is not taken for a target") {
  const auto config = parse({"-t", "pod/a", "cat"});
  REQUIRE_FALSE(config);
  CHECK(config.error().text.find("cat") != std::string::npos);
  CHECK(parse({"-t", "pod/a", "-t", "pod/b"})->target == "pod/b");
}

TEST_CASE("short flags and the flag of every type of key") {
  const auto config = parse({"-t",
                             "pod/a",
                             "-n",
                             "shop",
                             "--context",
                             "prod",
                             "--steal",
                             "-e",
                             "A=1",
                             "-e",
                             "B=x y=z",
                             "--agent-lease-seconds",
                             "9",
                             "--no-hostname",
                             "--files-read",
                             "/a/**",
                             "--files-read",
                             "/b",
                             "--incoming-ports",
                             "80",
                             "--incoming-map",
                             "3000=80",
                             "--outgoing-udp=false",
                             "--agent-labels",
                             "team=shop"});
  REQUIRE(config);
  CHECK(config->target == "pod/a");
  CHECK(config->namespace_ == "shop");
  CHECK(config->context == "prod");
  CHECK(config->incoming.mode == protocol::IncomingMode::steal);
  CHECK(config->environment.set == std::map<std::string, std::string>{{"A", "1"}, {"B", "x y=z"}});
  CHECK(config->agent.lease_seconds == 9);
  CHECK_FALSE(config->hostname);
  CHECK(config->files.read == std::vector<std::string>{"/a/**", "/b"});
  CHECK(config->incoming.ports == std::vector<std::uint16_t>{80});
  CHECK(config->incoming.map.at(3000) == 80);
  CHECK_FALSE(config->outgoing.udp);
  CHECK(config->agent.labels.at("team") == "shop");
}

TEST_CASE("every key has a flag") {
  CLI::App app;
  cli::ConfigOptions options;
  options.add_session(app);
  for (const auto& key : config::keys()) {
    std::string flag = "--" + key.name;
    std::replace_if(
        flag.begin() + 2, flag.end(), [](char c) { return c == '.' || c == '_'; }, '-');
    INFO(flag);
    CHECK(app.get_option_no_throw(flag) != nullptr);
  }
}

TEST_CASE("bad flags are refused with the key's own error") {
  CHECK(parse({"--agent-lease-seconds", "soon"}).error().text.find("a whole number from 0 to 86400") !=
        std::string::npos);
  CHECK(parse({"--incoming-mode", "stael"}).error().remedy == "did you mean \"steal\"?");
  CHECK(parse({"-e", "NOVALUE"}).error().to_string() ==
        "-e, --env, --environment-set: expected NAME=VALUE, got \"NOVALUE\"\n  for example -e NAME=value");
  for (const char* bad : {"3000:80", "http=80", "3000=http", "3000=0"}) {
    INFO(bad);
    CHECK(parse({"--incoming-map", bad}).error().to_string() ==
          "--incoming-map: expected PROGRAM_PORT=POD_PORT (each 1 to 65535), got \"" + std::string(bad) +
              "\"\n  for example --incoming-map 3000=80");
  }
  CHECK(parse({"--steal", "--mirror"}).error().text.rfind("usage", 0) == 0);
  CHECK(parse({"-f", "/no/such/config.yaml"}).error().code == ENOENT);
}

TEST_CASE("a target must be there where one is needed") {
  CLI::App app;
  cli::ConfigOptions options;
  options.add_session(app);
  app.parse(std::vector<std::string>{});
  CHECK(options.load_with_target().error().text == "no target given");
}
