// Globs: what each wildcard crosses, and that no pattern takes long.
#include "core/glob.hpp"

#include <chrono>
#include <string>

#include "catch.hpp"

using inpod::glob_literal_length;
using inpod::glob_match;
using inpod::glob_valid;

TEST_CASE("a glob matches whole paths") {
  CHECK(glob_match("/etc/hosts", "/etc/hosts"));
  CHECK_FALSE(glob_match("/etc/hosts", "/etc/hosts2"));
  CHECK_FALSE(glob_match("/etc/hosts", "/etc/host"));
  CHECK_FALSE(glob_match("etc/hosts", "/etc/hosts"));
  CHECK_FALSE(glob_match("/etc/hosts", ""));
}

TEST_CASE("a star stays within its segment") {
  CHECK(glob_match("/etc/*.conf", "/etc/resolv.conf"));
  CHECK(glob_match("/etc/*", "/etc/"));
  CHECK_FALSE(glob_match("/etc/*.conf", "/etc/app/resolv.conf"));
  CHECK(glob_match("/a/*/c", "/a/b/c"));
  CHECK_FALSE(glob_match("/a/*/c", "/a/b/b/c"));
  CHECK(glob_match("/*a*b*", "/xxaxxbxx"));
  CHECK_FALSE(glob_match("/*a*b*", "/xxbxxaxx"));
}

TEST_CASE("two stars cross segments") {
  CHECK(glob_match("/etc/**", "/etc/app/x/y"));
  CHECK(glob_match("/etc/**", "/etc"));
  CHECK(glob_match("/etc/**", "/etc/"));
  CHECK_FALSE(glob_match("/etc/**", "/etcetera"));
  CHECK(glob_match("/**", "/"));
  CHECK(glob_match("/**", "/anything/at/all"));
  CHECK(glob_match("/a/**/z", "/a/z"));
  CHECK(glob_match("/a/**/z", "/a/b/c/z"));
  CHECK_FALSE(glob_match("/a/**/z", "/a/bz"));
  CHECK(glob_match("/**/*.so", "/usr/lib/x.so"));
  CHECK(glob_match("/**/*.so", "/x.so"));
  CHECK_FALSE(glob_match("/**/*.so", "/usr/lib/x.so.1"));
  CHECK(glob_match("**/node_modules/**", "/srv/app/node_modules/x/index.js"));
  CHECK(glob_match("/a/**b", "/a/x/yb"));
}

TEST_CASE("a star is tried again after two stars have moved on") {
  CHECK(glob_match("/**/a*/b", "/x/ac/d/ae/b"));
  CHECK(glob_match("/**/x/*/y", "/x/1/z/x/2/y"));
  CHECK_FALSE(glob_match("/**/x/*/y", "/x/1/2/y"));
}

TEST_CASE("question marks, brackets and backslashes") {
  CHECK(glob_match("/tmp/?", "/tmp/a"));
  CHECK_FALSE(glob_match("/tmp?a", "/tmp/a"));
  CHECK(glob_match("/x[0-9]", "/x7"));
  CHECK_FALSE(glob_match("/x[!0-9]", "/x7"));
  CHECK(glob_match("/x[^a]", "/xb"));
  CHECK(glob_match("/x[]-]", "/x]"));
  CHECK(glob_match("/x[a-]", "/x-"));
  CHECK_FALSE(glob_match("/x[!a]y", "/x/y"));
  CHECK(glob_match("/a\\*b", "/a*b"));
  CHECK_FALSE(glob_match("/a\\*b", "/axb"));
}

TEST_CASE("patterns that no one can have meant are refused") {
  CHECK(glob_valid("/a/**"));
  CHECK_FALSE(glob_valid(""));
  CHECK_FALSE(glob_valid("/a["));
  CHECK_FALSE(glob_valid("/a\\"));
  CHECK_FALSE(glob_valid("/a/***"));
}

TEST_CASE("the literal start of a glob is what each match starts with") {
  CHECK(glob_literal_length("/etc/hosts") == 10);
  CHECK(glob_literal_length("/etc/*.conf") == 5);
  CHECK(glob_literal_length("/etc/**") == 4);  // "/etc" itself matches
  CHECK(glob_literal_length("/**/x") == 1);
  CHECK(glob_literal_length("/**") == 0);
  for (const std::string pattern : {"/etc/**", "/etc/*.conf", "/a/**/z", "/x[0-9]y"})
    for (const std::string text : {"/etc", "/etc/x.conf", "/a/z", "/a/b/z", "/x7y"})
      if (glob_match(pattern, text))
        CHECK(text.compare(0, glob_literal_length(pattern), pattern, 0, glob_literal_length(pattern)) == 0);
}

TEST_CASE("hostile patterns end soon") {
  const std::string text(4000, 'a');
  const auto begin = std::chrono::steady_clock::now();
  std::string stars;
  for (int i = 0; i < 30; ++i) stars += "*a";
  CHECK_FALSE(glob_match(stars + "b", text));
  stars.clear();
  for (int i = 0; i < 30; ++i) stars += "**a";
  CHECK_FALSE(glob_match(stars + "b", text));
  CHECK(std::chrono::steady_clock::now() - begin < std::chrono::seconds(2));
}
