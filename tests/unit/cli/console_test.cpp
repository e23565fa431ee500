// What the commands print of others' words.
#include "cli/console.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <cstdio>

#include "catch.hpp"
#include "protocol/unique_fd.hpp"

using namespace inpod;
using namespace inpod::cli;

namespace {

/// What `work` prints on `stream`.
template <class Work>
std::string printed(FILE* stream, Work work) {
  const UniqueFd file(memfd_create("printed", MFD_CLOEXEC)), saved(dup(fileno(stream)));
  fflush(stream);
  REQUIRE(dup2(file.get(), fileno(stream)) >= 0);
  work();
  fflush(stream);
  REQUIRE(dup2(saved.get(), fileno(stream)) >= 0);
  std::string text(static_cast<std::size_t>(lseek(file.get(), 0, SEEK_END)), '\0');
  REQUIRE(pread(file.get(), text.data(), text.size(), 0) == static_cast<ssize_t>(text.size()));
  return text;
}

}  // namespace

TEST_CASE("errors keep their form, and others' words in them forge none") {
  CHECK(printed(stderr, [] {
          report({0, "no pod named wéb", "`inpod targets` lists\nwhat there is"});
        }) == "inpod: no pod named wéb\n  `inpod targets` lists\n  what there is\n");
  CHECK(printed(stderr, [] {
          report({0, "it said: \x1b]0;x\x07\rinpod: done\ninpod: all is well\u202e", ""});
        }) == "inpod: it said: \\x1b]0;x\\x07\\x0dinpod: done\n  inpod: all is well\\u202e\n");
  CHECK(printed(stderr, [] { say(std::string(1 << 20, 'x')); }).size() < 5000);
  CHECK(printed(stderr, [] { ProgressLine(true).show("a\x1b[2J"); }) == "inpod: a\\x1b[2J\n");
}

TEST_CASE("a table's row is one line") {
  CHECK(printed(stdout, [] {
          print_row({{"shop", 6}, {"deployment/web", 4}, {"1/1"}});
        }) == "shop    deployment/web  1/1\n");
  CHECK(printed(stdout, [] { print_row({{"a\nb\x1b[1m", 4}, {"\x9b"}}); }) == "a\\nb\\x1b[1m  \\x9b\n");
}

TEST_CASE("a line of JSON is ASCII, so that a terminal shows it as it is") {
  const std::string text = "\x1b[2J\x7f\u009b\u202eü\xff";
  const auto line = json_line({{"text", text}});
  CHECK(line == "{\"text\":\"\\u001b[2J\\u007f\\u009b\\u202e\\u00fc\\ufffd\"}\n");
}
