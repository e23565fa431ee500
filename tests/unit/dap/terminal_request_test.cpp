// What of a debuggee's environment goes through a terminal.
#include "dap/terminal_request.hpp"

#include "catch.hpp"

using namespace inpod::dap;
using nlohmann::json;

namespace {

const std::vector<std::string> starter{"/usr/bin/inpod", "exec-environment", "/proc/1/fd/3", "--"};
const DebuggeeEnvironment debuggee{
    {{"LD_PRELOAD", "/l"}}, {{"TOKEN", "secret"}, {"HOSTILE", "\x03\ntouch /tmp/marker\n"}}, {"GONE"}, {}};

}  // namespace

TEST_CASE("no variable of the program goes through the terminal, the adapter's own do") {
  const json given{
      {"kind", "integrated"},
      {"args", {"lldb-dap", "--launch-target", "/p"}},
      {"env", {{"LD_PRELOAD", "/l"}, {"TOKEN", "secret"}, {"HOSTILE", "\x03"}, {"ADAPTER", "1"}}}};
  auto arguments = *RawObject::parse(given.dump());
  REQUIRE(keep_out_of_terminal(arguments, debuggee, starter));
  CHECK(json::parse(arguments.text()) == json{{"kind", "integrated"},
                                              {"args",
                                               {"/usr/bin/inpod", "exec-environment", "/proc/1/fd/3", "--",
                                                "lldb-dap", "--launch-target", "/p"}},
                                              {"env", {{"ADAPTER", "1"}}}});
}

TEST_CASE("a variable is unset by a command, not by a null that clients read in ways of their own") {
  const json given{{"args", {"lldb-dap"}}, {"env", {{"TOKEN", "x"}, {"GONE", nullptr}, {"OTHER", nullptr}}}};
  auto arguments = *RawObject::parse(given.dump());
  REQUIRE(keep_out_of_terminal(arguments, debuggee, starter));
  CHECK(json::parse(arguments.text()) == json{{"args",
                                               {"/usr/bin/env", "-u", "OTHER", "/usr/bin/inpod",
                                                "exec-environment", "/proc/1/fd/3", "--", "lldb-dap"}},
                                              {"env", json::object()}});
  auto alone = *RawObject::parse(R"({"args":["x"],"env":{"GONE":null,"A":"1"}})");
  REQUIRE(keep_out_of_terminal(alone, debuggee, starter));
  CHECK(json::parse(alone.text()) ==
        json{{"args", {"/usr/bin/env", "-u", "GONE", "x"}}, {"env", {{"A", "1"}}}});
}

TEST_CASE("a request for a terminal alone stays as it is") {
  for (const char* text : {R"({"args":["codelldb-launch"],"env":{"ADAPTER":"1"}})", R"({"args":["x"]})"}) {
    auto arguments = *RawObject::parse(text);
    CHECK_FALSE(keep_out_of_terminal(arguments, debuggee, starter));
    CHECK(arguments.text() == text);
  }
}
