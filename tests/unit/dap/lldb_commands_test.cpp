// Environments in lldb's command language. That lldb reads them so is tested with real ones
// (integration.run.debuggers).
#include "dap/lldb_commands.hpp"

#include "catch.hpp"

using inpod::dap::lldb_environment;
using Lines = std::vector<std::string>;

TEST_CASE("each layer of lldb's quoting is met") {
  const auto settings =
      lldb_environment({{"A", "`date`"}, {"B", "it's"}, {"C", ""}, {"D", "\\`"}}, {"GONE", "O'DD"}, false);
  CHECK(settings.commands == Lines{R"(settings append target.unset-env-vars '"GONE"')",
                                   R"(settings append target.unset-env-vars '"O'\''DD"')",
                                   R"(settings append target.env-vars 'A="\`date\`"')",
                                   R"(settings append target.env-vars 'B="it'\''s"')",
                                   R"(settings append target.env-vars 'C=""')",
                                   R"(settings append target.env-vars 'D="\\`"')"});
  CHECK(settings.left_out.empty());
  CHECK(lldb_environment({{"A", "1"}, {"B", "2"}}, {}, false).text() ==
        "settings append target.env-vars 'A=\"1\"'\nsettings append target.env-vars 'B=\"2\"'\n");
}

TEST_CASE("a line break goes through Python, or the variable is left out by name") {
  const auto with = lldb_environment({{"A", "\n"}, {"B", "2"}}, {}, true);
  CHECK(with.left_out.empty());
  REQUIRE(with.commands.size() == 2);
  CHECK(with.commands[0] ==
        "script "
        "lldb.debugger.HandleCommand(bytes.fromhex('73657474696e677320617070656e64207461726765742e656e762d"
        "766172732027413d220a2227').decode())");
  CHECK(with.commands[1] == "settings append target.env-vars 'B=\"2\"'");
  const auto without = lldb_environment({{"A", "\n"}, {"B", "2"}}, {"U\nV"}, false);
  CHECK(without.left_out == Lines{"U\nV", "A"});
  CHECK(without.commands == Lines{with.commands[1]});
}

TEST_CASE("a name that lldb would read as an index is left out") {
  const auto settings = lldb_environment({{"[A]", "1"}, {"B[", "2"}}, {}, true);
  CHECK(settings.left_out == Lines{"[A]"});
  CHECK(settings.commands == Lines{"settings append target.env-vars 'B[=\"2\"'"});
}
