// What a debuggee's environment is made of.
#include "session/environment.hpp"

#include <algorithm>
#include <cstdlib>

#include "catch.hpp"

using namespace inpod;

namespace {

const std::vector<std::string> pod = {
    "PATH=/pod/bin", "HOME=/root", "HOSTNAME=web-0",     "DB=postgres://db",   "DB_TOKEN=s",
    "EMPTY=",        "LC_ALL=C",   "LD_LIBRARY_PATH=/x", "XDG_DATA_HOME=/x",   "EQUALS=a=b",
    "=odd",          "no equals",  "UMLAUT=grüß dich",   "INPOD_SOCKET=/evil", "GDBHISTFILE=x"};

LaunchEnvironment build(const EnvironmentConfig& config, const std::string& preload = "") {
  return build_environment(config, pod, "/lib/libinpod.so", "/run/s/relay", "/usr/bin/app", preload);
}

bool unsets(const LaunchEnvironment& environment, const std::string& name) {
  return std::count(environment.unset.begin(), environment.unset.end(), name) == 1;
}

}  // namespace

TEST_CASE("the pod's variables come, those of a machine stay here") {
  const auto environment = build({});
  CHECK(environment.set.at("DB") == "postgres://db");
  CHECK(environment.set.at("EMPTY") == "");
  CHECK(environment.set.at("EQUALS") == "a=b");
  CHECK(environment.set.at("UMLAUT") == "grüß dich");
  CHECK(environment.set.at("HOSTNAME") == "web-0");
  for (const char* name :
       {"PATH", "HOME", "LC_ALL", "LD_LIBRARY_PATH", "XDG_DATA_HOME", "GDBHISTFILE", "", "no equals"}) {
    INFO(name);
    CHECK(environment.set.count(name) == 0);
  }
}

TEST_CASE("without a layer there is nothing of it") {
  const auto environment =
      build_environment({}, pod, "", "/run/s/relay", "/usr/bin/app", "/usr/lib/libasan.so");
  CHECK(environment.set.at("DB") == "postgres://db");
  CHECK(environment.set.at("LD_PRELOAD") == "/usr/lib/libasan.so");
  for (const auto& [name, value] : environment.set) CHECK_FALSE(name.starts_with("INPOD_"));
  CHECK(build_environment({}, pod, "", "/run/s/relay", "/usr/bin/app", "").set.count("LD_PRELOAD") == 0);
}

TEST_CASE("the layer's variables are there, the user's preload behind ours, but for a sanitizer's runtime") {
  CHECK(build({}, "/usr/lib/libasan.so").set.at("LD_PRELOAD") == "/usr/lib/libasan.so:/lib/libinpod.so");
  const auto environment = build({}, "/usr/lib/mine.so");
  CHECK(environment.set.at("LD_PRELOAD") == "/lib/libinpod.so:/usr/lib/mine.so");
  CHECK(environment.set.at("INPOD_SOCKET") == "/run/s/relay");
  CHECK(environment.set.at("INPOD_PROGRAM") == "/usr/bin/app");
  CHECK(environment.layer == "/lib/libinpod.so");
  CHECK(environment.socket == "/run/s/relay");
  CHECK(unsets(environment, "INPOD_ACTIVE"));
  CHECK(build({}).set.at("LD_PRELOAD") == "/lib/libinpod.so");
}

TEST_CASE("include, exclude, set and unset") {
  EnvironmentConfig config;
  config.include = {"DB*", "PATH"};
  config.exclude = {"*_TOKEN"};
  config.set = {{"LOG", "debug"}, {"LD_PRELOAD", "/mine.so"}, {"INPOD_SOCKET", "/wrong"}};
  config.unset = {"HTTP_PROXY", "LOG"};
  const auto environment = build(config, "/usr/lib/libasan.so");
  CHECK(environment.set.at("DB") == "postgres://db");
  CHECK(environment.set.at("PATH") == "/pod/bin");  // asked for by name
  CHECK(environment.set.count("DB_TOKEN") == 0);
  CHECK(environment.set.count("EMPTY") == 0);
  CHECK(environment.set.at("LOG") == "debug");  // set wins over unset
  CHECK_FALSE(unsets(environment, "LOG"));
  CHECK(unsets(environment, "HTTP_PROXY"));
  CHECK(environment.set.at("LD_PRELOAD") == "/lib/libinpod.so:/mine.so");
  CHECK(environment.set.at("INPOD_SOCKET") == "/run/s/relay");
}

TEST_CASE("a glob brings ordinary variables alone, a name in full any but the loader's and inpod's") {
  EnvironmentConfig config;
  config.include = {"*", "HOME", "LD_LIBRARY_PATH", "INPOD_SOCKET"};
  const auto environment = build(config);
  CHECK(environment.set.at("DB") == "postgres://db");
  CHECK(environment.set.at("HOME") == "/root");
  CHECK(environment.set.count("PATH") == 0);
  CHECK(environment.set.count("LD_LIBRARY_PATH") == 0);
  CHECK(environment.set.at("INPOD_SOCKET") == "/run/s/relay");
}

TEST_CASE("what makes programs run or read something is left out unless it is named in full") {
  const std::vector<std::string> hostile{"BASH_ENV=/e", "JAVA_TOOL_OPTIONS=-agentpath:/a", "OK=1"};
  const auto left_out = [&](const EnvironmentConfig& config) {
    return build_environment(config, hostile, "/l", "/s", "/p", "").left_out;
  };
  EnvironmentConfig config;
  CHECK(left_out(config) == std::vector<std::string>{"BASH_ENV", "JAVA_TOOL_OPTIONS"});
  config.include = {"*"};
  CHECK(left_out(config) == std::vector<std::string>{"BASH_ENV", "JAVA_TOOL_OPTIONS"});
  config.include = {"*", "JAVA_TOOL_OPTIONS"};
  CHECK(left_out(config) == std::vector<std::string>{"BASH_ENV"});
  const auto named = build_environment(config, hostile, "/l", "/s", "/p", "");
  CHECK(named.set.at("JAVA_TOOL_OPTIONS") == "-agentpath:/a");
  CHECK(named.set.at("OK") == "1");
  config.exclude = {"BASH*"};
  CHECK(left_out(config).empty());
  config.include = {"OK"};
  CHECK(left_out(config).empty());  // nobody asked for it
}

TEST_CASE("names and values that a program can't have are left out, whatever is included") {
  EnvironmentConfig config;
  config.include = {"*", "BASH_FUNC_ls%%", "A B"};
  const std::string long_entry =
      "LONG=" + std::string(128 * 1024 - 6, 'x');  // execve(2) takes one byte more with its end
  const auto environment =
      build_environment(config,
                        {"BASH_FUNC_ls%%=() { :; }", "A B=1", "1A=1", "A\nB=1", "\xc3\xbc=1", "=1", "none",
                         "app.mode-x=1", long_entry, "LONGER=" + std::string(128 * 1024, 'x')},
                        "/l", "/s", "/p", "");
  CHECK(environment.unusable ==
        std::vector<std::string>{"BASH_FUNC_ls%%", "A B", "1A", "A\nB", "\xc3\xbc", "", "none", "LONGER"});
  CHECK(environment.set.at("app.mode-x") == "1");
  CHECK(environment.set.at("LONG").size() == long_entry.size() - 5);
}

TEST_CASE("a value with a NUL in it, which would be two variables where NULs end them, is left out") {
  using namespace std::string_literals;
  const auto environment =
      build_environment({}, {"A=1\0LD_PRELOAD=/evil.so"s, "B=1\0PATH"s, "C=1"}, "/l", "/s", "/p", "");
  CHECK(environment.unusable == std::vector<std::string>{"A", "B"});
  CHECK(environment.set.count("A") + environment.set.count("B") == 0);
  CHECK(environment.set.at("C") == "1");
}

TEST_CASE("of two variables with one name the first counts") {
  const auto environment = build_environment({}, {"A=1", "A=2"}, "/l", "/s", "/p", "");
  CHECK(environment.set.at("A") == "1");
}

TEST_CASE("the note counts what was left out and says how to have it, on one printable line") {
  LaunchEnvironment environment;
  CHECK_FALSE(left_out_note(environment, {}));
  environment.left_out = {"BASH_ENV"};
  CHECK(
      left_out_note(environment, {}) ==
      "the pod's environment: 1 variable that makes programs run or read something was left out (BASH_ENV); "
      "to have one, name it in full in environment.include: [\"*\", BASH_ENV]");
  EnvironmentConfig config;
  config.include = {"*"};
  environment.left_out.assign(10000, "PERL5OPT");
  environment.unusable = {"BASH_FUNC_ls%%", "\x1b]0;\n" + std::string(100000, 'x')};
  const auto note = left_out_note(environment, config);
  REQUIRE(note);
  CHECK(note->starts_with(
      "the pod's environment: 10000 variables that make programs run or read something were "
      "left out (PERL5OPT, "));
  CHECK(note->find(
            "…); to have one, name it in full in environment.include; 2 variables with an unusable name or "
            "length left out (BASH_FUNC_ls%%, ?]0;?xxx") != std::string::npos);
  CHECK(note->size() < 500);
}

TEST_CASE("what the layer needs can't be unset, only what else was to be preloaded") {
  EnvironmentConfig config;
  config.unset = {"LD_PRELOAD", "INPOD_SOCKET", "INPOD_PROGRAM"};
  const auto environment = build(config, "/usr/lib/libasan.so");
  CHECK(environment.set.at("LD_PRELOAD") == "/lib/libinpod.so");
  CHECK(environment.set.at("INPOD_SOCKET") == "/run/s/relay");
  CHECK(environment.unset == std::vector<std::string>{"INPOD_ACTIVE"});
}

TEST_CASE("unset takes the pod's variable away too") {
  EnvironmentConfig config;
  config.unset = {"DB"};
  const auto environment = build(config);
  CHECK(environment.set.count("DB") == 0);
  CHECK(unsets(environment, "DB"));
}

TEST_CASE("merged: the environment is ours, changed") {
  setenv("INPOD_TEST_KEEP", "1", 1);
  setenv("INPOD_TEST_CHANGE", "1", 1);
  setenv("INPOD_TEST_DROP", "1", 1);
  const auto merged = merged_environment({{"INPOD_TEST_CHANGE", "2=ü"}, {"INPOD_TEST_NEW", ""}},
                                         {"INPOD_TEST_DROP", "INPOD_TEST_NEVER"});
  const auto count = [&](const std::string& entry) {
    return std::count(merged.begin(), merged.end(), entry);
  };
  CHECK(count("INPOD_TEST_KEEP=1") == 1);
  CHECK(count("INPOD_TEST_CHANGE=2=ü") == 1);
  CHECK(count("INPOD_TEST_CHANGE=1") == 0);
  CHECK(count("INPOD_TEST_NEW=") == 1);
  CHECK(count("INPOD_TEST_DROP=1") == 0);
}
