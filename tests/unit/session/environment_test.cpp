// What a debuggee's environment is made of.
#include "session/environment.hpp"

#include <algorithm>

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

TEST_CASE("the layer's variables are there, the user's preload behind ours") {
  const auto environment = build({}, "/usr/lib/libasan.so");
  CHECK(environment.set.at("LD_PRELOAD") == "/lib/libinpod.so:/usr/lib/libasan.so");
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

TEST_CASE("including everything still leaves the loader's variables out") {
  EnvironmentConfig config;
  config.include = {"*"};
  const auto environment = build(config);
  CHECK(environment.set.count("LD_LIBRARY_PATH") == 0);
  CHECK(environment.set.at("INPOD_SOCKET") == "/run/s/relay");
  CHECK(environment.set.at("HOME") == "/root");
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
