// What libinpod.so exports and needs: the hooks, all of them named in docs/hooks.md, and no symbol newer than
// glibc 2.28.
#include <filesystem>
#include <fstream>
#include <regex>
#include <set>
#include <sstream>

#include "catch.hpp"
#include "support/process.hpp"

using namespace inpod::test;

namespace {

using Names = std::set<std::string>;

std::string output_of(std::vector<std::string> command) {
  const auto outcome = run(std::move(command));
  INFO(outcome.err);
  REQUIRE(outcome.status == 0);
  return outcome.out;
}

Names exported() {
  std::istringstream lines(output_of({"nm", "-D", "--defined-only", INPOD_LAYER}));
  Names names;
  for (std::string address, kind, name; lines >> address >> kind >> name;) {
    INFO(name);
    CHECK((kind == "T" || kind == "W"));
    names.insert(name);
  }
  return names;
}

Names in_sources() {
  Names names;
  const std::regex hook(R"(^HOOK(?:_ALIAS)?\((.*)$)");
  for (const auto& file : std::filesystem::directory_iterator(INPOD_SOURCES "/layer/hooks")) {
    std::ifstream text(file.path());
    for (std::string line; std::getline(text, line);) {
      std::smatch found;
      if (!std::regex_match(line, found, hook)) continue;
      const bool alias = line.rfind("HOOK_ALIAS", 0) == 0;
      std::string rest = found[1];
      if (!alias) rest = rest.substr(rest.find(',') + 1);
      rest = rest.substr(rest.find_first_not_of(' '));
      names.insert(rest.substr(0, rest.find_first_of(",) ")));
    }
  }
  return names;
}

/// Every name in backquotes in the page's list of what passes by.
Names in_docs_as_passing() {
  std::ifstream text(INPOD_SOURCES "/docs/hooks.md");
  REQUIRE(text);
  Names names;
  const std::regex quoted("`(\\w+)`");
  std::string line;
  while (std::getline(text, line) && line != "## What passes by") {
  }
  while (std::getline(text, line))
    for (std::sregex_iterator at(line.begin(), line.end(), quoted), end; at != end; ++at)
      names.insert((*at)[1]);
  return names;
}

/// Every name in backquotes in the first column of the page's tables.
Names in_docs() {
  std::ifstream text(INPOD_SOURCES "/docs/hooks.md");
  REQUIRE(text);
  Names names;
  const std::regex quoted("`(\\w+)`");
  for (std::string line; std::getline(text, line);) {
    if (line.rfind("| `", 0) != 0) continue;
    const std::string column = line.substr(1, line.find('|', 1) - 1);
    for (std::sregex_iterator at(column.begin(), column.end(), quoted), end; at != end; ++at) {
      INFO("named twice: " << (*at)[1]);
      CHECK(names.insert((*at)[1]).second);
    }
  }
  return names;
}

std::string difference(const Names& a, const Names& b) {
  std::string text;
  for (const auto& name : a)
    if (!b.contains(name)) text += name + " ";
  return text;
}

}  // namespace

TEST_CASE("exported are the hooks, and each is in docs/hooks.md") {
  const Names library = exported(), sources = in_sources(), docs = in_docs();
  CHECK(library.size() > 200);
  CHECK(difference(library, sources) == "");
  CHECK(difference(sources, library) == "");
  CHECK(difference(library, docs) == "");
  CHECK(difference(docs, library) == "");
  const Names passing = in_docs_as_passing();
  CHECK(passing.contains("wordexp"));
  for (const auto& name : passing) {
    INFO(name);
    CHECK_FALSE(library.contains(name));
  }
}

TEST_CASE("debuggers find no function of the layer's own, so a breakpoint on the program's `start` is one") {
  CHECK(output_of({"readelf", "-SW", INPOD_LAYER}).find(".symtab") == std::string::npos);
  CHECK(output_of({"readelf", "-SW", INPOD_LAYER_SYMBOLS}).find(".symtab") != std::string::npos);
}

TEST_CASE("the layer needs libc and libdl alone, and nothing newer than glibc 2.28") {
  const auto dynamic = output_of({"readelf", "-dW", INPOD_LAYER});
  const std::regex needed(R"(\(NEEDED\).*\[(.*)\])");
  Names libraries;
  for (std::sregex_iterator at(dynamic.begin(), dynamic.end(), needed), end; at != end; ++at)
    libraries.insert((*at)[1]);
  CHECK(difference(libraries, {"libc.so.6", "libdl.so.2"}) == "");
  CHECK(libraries.contains("libc.so.6"));
  const auto symbols = output_of({"readelf", "--dyn-syms", "-W", INPOD_LAYER});
  const std::regex version(R"((\w+)@+GLIBC_(\d+)\.(\d+))");
  int count = 0;
  for (std::sregex_iterator at(symbols.begin(), symbols.end(), version), end; at != end; ++at, ++count) {
    INFO((*at)[0]);
    CHECK(std::stoi((*at)[2]) == 2);
    CHECK(std::stoi((*at)[3]) <= 28);
  }
  CHECK(count > 10);
}
