// How each kind of adapter is recognised, and what it is given for the debuggee's environment.
#include "dap/adapters/family.hpp"

#include <unistd.h>

#include <fstream>

#include "catch.hpp"
#include "protocol/utf8.hpp"

using namespace inpod;
using namespace inpod::dap;
using nlohmann::json;

namespace {

const LaunchEnvironment pod{{{"LD_PRELOAD", "/l/libinpod.so:/user.so"},
                             {"INPOD_SOCKET", "/s"},
                             {"INPOD_PROGRAM", "/p"},
                             {"POD", "a\n\"b\""},
                             {"BOTH", "pod"},
                             {"BAD", "\xff"}},
                            {"GONE"},
                            "/l/libinpod.so",
                            "/s"};
const std::vector<std::string> starter{"/it's/inpod", "exec-environment", "/proc/1/fd/3", "--"};
const std::string wrapper = R"(set exec-wrapper '/it'\''s/inpod' 'exec-environment' '/proc/1/fd/3' '--')";
const std::vector<std::string> host{"PATH=/bin", "GONE=x", "HOME=/h", "BOTH=host", "BROKEN=\xff"};

struct Prepared {
  json arguments;
  LaunchPlan plan;
};
Prepared prepare(const AdapterFamily& family, const json& given, const json& capabilities = json::object()) {
  auto arguments = *RawObject::parse(given.dump());
  const auto plan = family.prepare(arguments, {pod, host, capabilities, starter});
  REQUIRE(plan);
  return {json::parse(arguments.text()), *plan};
}

bool has(const json& list, const std::string& item) {
  return std::find(list.begin(), list.end(), item) != list.end();
}

}  // namespace

TEST_CASE("the shapes of an environment") {
  const Variables want{{"A", "1"}, {"B", ""}};
  CHECK(variables_from_json({{"A", "1"}, {"B", ""}}) == want);
  CHECK(variables_from_json({{"A", 1}, {"B", ""}}) == want);
  CHECK(variables_from_json(json::array({"A=1", "B", "=C"})) == want);
  CHECK(variables_from_json(
            json::array({{{"name", "A"}, {"value", "1"}}, {{"name", "B"}}, {{"nam", "C"}}})) == want);
  CHECK(variables_from_json({{"A", nullptr}}) == Variables{{"A", std::nullopt}});
  CHECK(variables_from_json("text").empty());
  CHECK(variables_from_json(nullptr).empty());
}

TEST_CASE("the request wins over the pod, but the layer stays first") {
  const auto merged = debuggee_environment(pod, {{"BOTH", "request"},
                                                 {"GONE", "back"},
                                                 {"POD", std::nullopt},
                                                 {"LD_PRELOAD", "/mine.so"},
                                                 {"INPOD_SOCKET", "/evil"},
                                                 {"BAD", "good"}});
  CHECK(merged.set ==
        std::map<std::string, std::string>{{"BOTH", "request"}, {"GONE", "back"}, {"BAD", "good"}});
  CHECK(merged.unset == std::vector<std::string>{"POD"});
  CHECK(merged.injection.at("LD_PRELOAD") == "/l/libinpod.so:/user.so:/mine.so");
  CHECK(merged.injection.at("INPOD_SOCKET") == "/s");
  CHECK(merged.left_out.empty());
  CHECK(debuggee_environment(pod, {}).left_out == std::vector<std::string>{"BAD"});
}

TEST_CASE("variables under the other name, and in the other shape, reach every adapter") {
  const json as_env{{"env", {{"MINE", "1"}}}}, as_pairs{{"env", {"MINE=1"}}},
      as_environment{{"environment", {{"MINE", "1"}}}};
  for (const json& given : {as_env, as_pairs, as_environment}) {
    INFO(given.dump());
    CHECK(has(prepare(lldb_family(), given).arguments["env"], "MINE=1"));
    CHECK(prepare(gdb_family(), given).plan.debuggee.set.at("MINE") == "1");
    CHECK(prepare(codelldb_family(), given).arguments["env"]["MINE"] == "1");
    CHECK(prepare(cdt_family(), given).plan.debuggee.set.at("MINE") == "1");
  }
  const json both{{"env", {{"MINE", "env"}, {"A", "1"}}},
                  {"environment", {{"MINE", "environment"}, {"B", "2"}}}};
  CHECK(requested_variables(*RawObject::parse(both.dump()), "env") ==
        Variables{{"MINE", "env"}, {"A", "1"}, {"B", "2"}});
  CHECK(requested_variables(*RawObject::parse(both.dump()), "environment") ==
        Variables{{"MINE", "environment"}, {"A", "1"}, {"B", "2"}});
}

TEST_CASE("a layer that can't be passed on is an error, another variable is not") {
  auto broken = pod;
  broken.set["LD_PRELOAD"] = "/l\xff/libinpod.so";
  CHECK(check_injection(debuggee_environment(pod, {}).left_out));
  const auto refused = check_injection(debuggee_environment(broken, {}).left_out);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().text.find("LD_PRELOAD") != std::string::npos);
}

TEST_CASE("UTF-8") {
  for (const char* good : {"", "a", "é", "€", "😀"}) CHECK(is_utf8(good));
  for (const char* bad : {"\xff", "\xc3", "\xc0\x80", "\xed\xa0\x80", "\xf5\x80\x80\x80", "a\x80"})
    CHECK_FALSE(is_utf8(bad));
}

TEST_CASE("lldb-dap gets an array, and commands that are quiet where it can be") {
  const auto [arguments, plan] =
      prepare(lldb_family(), {{"env", {{"BOTH", "request"}}}, {"initCommands", {"mine"}}},
              {{"__lldb", {{"version", "19"}}}});
  CHECK(has(arguments["env"], "LD_PRELOAD=/l/libinpod.so:/user.so"));
  CHECK(has(arguments["env"], "POD=a\n\"b\""));
  CHECK(has(arguments["env"], "BOTH=request"));
  CHECK_FALSE(has(arguments["env"], "BOTH=pod"));
  REQUIRE(arguments["initCommands"].size() == 3);
  CHECK(arguments["initCommands"][0] ==
        "?settings append target.process.thread.step-avoid-libraries libinpod.so");
  CHECK(arguments["initCommands"][1].get<std::string>().starts_with("?command source -s true "));
  CHECK(arguments["initCommands"][2] == "mine");
  CHECK(plan.commands.empty());
  CHECK(plan.debuggee.left_out == std::vector<std::string>{"BAD"});
  CHECK(prepare(lldb_family(), json::object()).arguments["initCommands"][0] ==
        "settings append target.process.thread.step-avoid-libraries libinpod.so");
}

TEST_CASE("what lldb's commands launch finds the environment in lldb's settings, which no command shows") {
  for (const auto* family : {&lldb_family(), &codelldb_family()}) {
    INFO(family->name());
    const auto [arguments, plan] = prepare(*family, {{"initCommands", {"process launch"}}});
    REQUIRE(plan.file);
    const std::string path = "/proc/" + std::to_string(getpid()) + "/fd/" + std::to_string(plan.file->get());
    CHECK(has(arguments["initCommands"], "command source -s true -e false " + path));
    CHECK(arguments["initCommands"].back() == "process launch");
    std::ifstream file(path);
    const std::string commands((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
    CHECK(commands.find("settings append target.env-vars 'LD_PRELOAD=\"/l/libinpod.so:/user.so\"'\n") !=
          std::string::npos);
    CHECK(commands.find("BOTH=\"pod\"") != std::string::npos);
    CHECK(commands.find("settings append target.unset-env-vars '\"GONE\"'\n") != std::string::npos);
  }
}

TEST_CASE("with launchCommands a variable of several lines is left out, and named") {
  CHECK(prepare(lldb_family(), {{"launchCommands", {"process launch"}}}).plan.debuggee.left_out ==
        std::vector<std::string>{"BAD", "POD"});
  CHECK(prepare(lldb_family(), {{"launchCommands", json::array()}}).plan.debuggee.left_out ==
        std::vector<std::string>{"BAD"});
}

TEST_CASE("a launch that the adapter would make past inpod is refused by its attribute") {
  const auto refused = [](const AdapterFamily& family, const json& given, const std::string& attribute) {
    INFO(given.dump());
    const auto possible = family.check({{"adapter"}, ""}, *RawObject::parse(given.dump()));
    REQUIRE_FALSE(possible);
    CHECK(possible.error().text.find('"' + attribute + '"') != std::string::npos);
    CHECK(possible.error().remedy != "");
  };
  refused(cppdbg_family(), {{"MIMode", "lldb"}}, "MIMode");
  refused(cppdbg_family(), {{"miDebuggerServerAddress", "localhost:1234"}}, "miDebuggerServerAddress");
  refused(cppdbg_family(), {{"debugServerPath", "/usr/bin/gdbserver"}}, "debugServerPath");
  refused(cppdbg_family(), {{"pipeTransport", {{"pipeProgram", "ssh"}}}}, "pipeTransport");
  refused(cppdbg_family(), {{"coreDumpPath", "/core"}}, "coreDumpPath");
  const json wrapper{{{"text", "set exec-wrapper env X=1"}}};
  refused(cppdbg_family(), {{"setupCommands", wrapper}}, "setupCommands");
  refused(cppdbg_family(), {{"customLaunchSetupCommands", wrapper}}, "customLaunchSetupCommands");
  refused(cdt_family(), {{"initCommands", {"set startup-with-shell off"}}}, "initCommands");
  refused(cdt_family(), {{"initCommands", {"target extended-remote :1234"}}}, "initCommands");
  refused(cdt_family(), {{"target", {{"server", "gdbserver"}}}}, "target");
  refused(cppdbg_family(), {{"setupCommands", json::array({{{"text", "target remote :1234"}}})}},
          "setupCommands");
  refused(cppdbg_family(), {{"useExtendedRemote", true}}, "useExtendedRemote");
  for (const char* command : {"settings set target.env-vars A=1", "settings clear target.env-vars",
                              "gdb-remote 1234", "process connect connect://localhost:1234",
                              "platform connect connect://there:1", "process attach --pid 1", "attach 1"}) {
    refused(lldb_family(), {{"launchCommands", {"target create /p", command}}}, "launchCommands");
    refused(lldb_family(), {{"initCommands", {command}}}, "initCommands");
    refused(codelldb_family(), {{"preRunCommands", {command}}}, "preRunCommands");
  }
  refused(codelldb_family(), {{"custom", true}}, "custom");
  refused(codelldb_family(), {{"targetCreateCommands", {"target create x"}}}, "targetCreateCommands");
  refused(codelldb_family(), {{"processCreateCommands", {"process launch"}}}, "processCreateCommands");
}

TEST_CASE("cdt's adapter for gdbserver is refused, whatever the launch says") {
  const auto check = [](const char* adapter) {
    return cdt_family().check({{"node", adapter}, ""}, *RawObject::parse(R"({"program":"/p"})"));
  };
  CHECK(check("/cdt-gdb-adapter/dist/debugAdapter.js"));
  for (const char* adapter : {"/cdt-gdb-adapter/dist/debugTargetAdapter.js", "cdtDebugTargetAdapter"}) {
    const auto refused = check(adapter);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().text.find("gdbserver") != std::string::npos);
  }
}

TEST_CASE("an ordinary launch is not refused") {
  const json given{{"program", "/p"},
                   {"custom", false},
                   {"coreDumpPath", ""},
                   {"pipeTransport", json::object()},
                   {"processCreateCommands", json::array()},
                   {"setupCommands", {{{"text", "-enable-pretty-printing"}}}},
                   {"initCommands", {"set print pretty on", "settings append target.env-vars A=1"}},
                   {"launchCommands", {"process launch"}}};
  for (const auto* family :
       {&lldb_family(), &gdb_family(), &cdt_family(), &codelldb_family(), &cppdbg_family()})
    CHECK(family->check({{"adapter"}, ""}, *RawObject::parse(given.dump())));
}

TEST_CASE(
    "neither gdb nor its shell gets a variable of the pod; a wrapper behind them gives the program all") {
  const std::map<std::string, std::string> all{{"BOTH", "request"}, {"POD", "a\n\"b\""}};
  const auto gdb = prepare(gdb_family(), {{"env", {{"BOTH", "request"}}}});
  CHECK(gdb.arguments == json::object());  // gdb passes its own environment on
  CHECK(gdb.plan.commands == std::vector<std::string>{"set startup-with-shell on", wrapper});
  const auto cdt =
      prepare(cdt_family(), {{"environment", {{"BOTH", "request"}}}, {"initCommands", {"mine"}}});
  CHECK(cdt.arguments["environment"] == json{{"BOTH", "request"}});  // the user's own
  CHECK(cdt.arguments["initCommands"] == json{"set startup-with-shell on", wrapper, "mine"});
  const json pair{{"name", "BOTH"}, {"value", "request"}}, mine{{"text", "mine"}};
  const auto cppdbg = prepare(cppdbg_family(),
                              {{"environment", json::array({pair})}, {"setupCommands", json::array({mine})}});
  CHECK(cppdbg.arguments["environment"] == json::array({pair}));
  REQUIRE(cppdbg.arguments["setupCommands"].size() == 3);
  CHECK(cppdbg.arguments["setupCommands"][1]["text"] == wrapper);
  CHECK(cppdbg.arguments["setupCommands"][2] == mine);
  for (const auto& prepared : {gdb, cdt, cppdbg}) {
    CHECK(prepared.arguments.dump().find("POD") == std::string::npos);
    CHECK(prepared.plan.debuggee.set == all);
    CHECK(prepared.plan.debuggee.injection.at("LD_PRELOAD") == "/l/libinpod.so:/user.so");
    CHECK(prepared.plan.debuggee.unset == std::vector<std::string>{"GONE"});
  }
}

TEST_CASE("cdt-gdb-adapter gets args by its own name") {
  CHECK(prepare(cdt_family(), {{"args", {"8080", "two words", "it's", ""}}}).arguments["arguments"] ==
        R"('8080' 'two words' 'it'\''s' '')");
  CHECK(prepare(cdt_family(), {{"args", {"8080"}}, {"arguments", "mine"}}).arguments["arguments"] == "mine");
  CHECK_FALSE(prepare(cdt_family(), json::object()).arguments.contains("arguments"));
}

TEST_CASE("CodeLLDB gets the whole environment and inherits none") {
  const auto [arguments, plan] = prepare(codelldb_family(), json::object());
  CHECK(arguments["env"]["PATH"] == "/bin");
  CHECK(arguments["env"]["LD_PRELOAD"] == "/l/libinpod.so:/user.so");
  CHECK_FALSE(arguments["env"].contains("GONE"));
  CHECK(arguments["initCommands"][0] == "settings set target.inherit-env false");
}

TEST_CASE("families are told by type, by command, by their answer") {
  const auto family = [](std::vector<std::string> argv, const std::string& type = "",
                         const json& capabilities = json()) {
    const auto found = find_family({std::move(argv), type}, capabilities);
    return std::string(found ? (*found)->name() : "?");
  };
  CHECK(family({"/usr/bin/lldb-dap-19"}) == "lldb-dap");
  CHECK(family({"lldb-vscode-14"}) == "lldb-dap");
  CHECK(family({"gdb", "-i", "dap"}) == "gdb");
  CHECK(family({"/x/gdb16", "-i", "dap"}) == "gdb");
  CHECK(family({"x86_64-linux-gnu-gdb"}) == "gdb");
  CHECK(family({"rust-gdb", "-i", "dap"}) == "gdb");
  CHECK(family({"/n/cdt-gdb-adapter"}) == "cdt-gdb-adapter");
  CHECK(family({"node", "/n/cdt-gdb-adapter/dist/debugAdapter.js"}) == "cdt-gdb-adapter");
  CHECK(family({"/e/codelldb"}) == "codelldb");
  CHECK(family({"/e/OpenDebugAD7"}) == "cppdbg");
  CHECK(family({"wrapper"}, "lldb-dap") == "lldb-dap");
  CHECK(family({"wrapper"}, "", {{"$__lldb_version", "22"}}) == "lldb-dap");
  CHECK(family({"wrapper"}, "",
               json::parse(
                   R"({"exceptionBreakpointFilters":[{"filter":"assert","label":"Ada assertions"}]})")) ==
        "gdb");
  CHECK(family({"wrapper"}, "", {{"breakpointModes", json::array()}}) == "cdt-gdb-adapter");
  CHECK(family({"wrapper"}) == "?");
}
