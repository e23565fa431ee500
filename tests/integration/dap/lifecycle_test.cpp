// How a conversation ends, and goes on: restart, disconnect, cancel, and the death of either side. Nothing
// may stay behind.
#include <signal.h>

#include <filesystem>
#include <fstream>

#include "bench.hpp"
#include "catch.hpp"

using namespace inpod::test;
using namespace std::chrono_literals;

namespace {

/// The pid of the debuggee.
pid_t start_waiting(DapClient& client, Bench& bench) {
  REQUIRE(start_debugging(client, bench, bench.launch("fake"), ""));
  return bench.debuggee();
}

/// With a debuggee that runs until it is killed.
struct WaitingBench : Bench {
  WaitingBench() { environment["MODE"] = "wait"; }
};

}  // namespace

TEST_CASE("restart keeps the session and injects again", "[adapter]") {
  Bench bench;
  if (!bench.adapter.restarts) {
    SUCCEED(bench.adapter.key + " offers no restart: clients stop and start instead");
    return;
  }
  DapClient client(bench.server(), bench.environment);
  const json launch = bench.launch("fake");
  REQUIRE(start_debugging(client, bench, launch, "BREAK"));
  client.event("stopped");
  json other = launch;
  other["program"] = "/bin/cat";
  const json refused = client.request("restart", {{"arguments", other}});
  CHECK_FALSE(refused.value("success", true));
  CHECK(refused.dump().find("a restart can't change the program") != std::string::npos);
  const bool with_arguments = GENERATE(false, true);
  client.must("restart", with_arguments ? json{{"arguments", launch}} : json(nullptr));
  const json again = client.event("stopped");
  CHECK(stack_of(client, again)[0].value("name", "").find("work") != std::string::npos);
  CHECK_FALSE(bench.marked(".stopped"));
  CHECK(bench.loads().size() == 2);
  CHECK(bench.loaded_executables() == std::set<std::string>{debuggee_path()});
  resume(client, again);
  client.event("terminated");
}

TEST_CASE("requests to the session are its own affair, while the program stands too", "[adapter]") {
  Bench bench;
  DapClient client(bench.server(), bench.environment);
  REQUIRE(start_debugging(client, bench, bench.launch("fake"), "BREAK"));
  const json stop = client.event("stopped");
  const json body = client.must("inpod/incoming", {{"port", 80}, {"mode", "steal"}});
  CHECK(body.at("request") == "incoming");
  CHECK(body.at("arguments").at("mode") == "steal");
  const json refused = client.request("inpod/refuse");
  CHECK(refused.at("success") == false);
  CHECK(refused.at("message") == "the session said no");
  CHECK(refused.at("body").at("error").at("showUser") == false);
  CHECK_FALSE(stack_of(client, stop).empty());  // the debugger has heard nothing of it
  resume(client, stop);
  client.event("terminated");
  CHECK(client.request("inpod/session").at("success") == false);
  client.must("disconnect");
  CHECK(client.wait_exit() == 0);
}

TEST_CASE("disconnect ends debuggee, adapter and session", "[adapter]") {
  WaitingBench bench;
  DapClient client(bench.server(), bench.environment);
  const pid_t debuggee = start_waiting(client, bench);
  const auto adapters = children_of(client.pid());
  REQUIRE(adapters.size() == 1);
  client.must("disconnect", {{"terminateDebuggee", true}});
  CHECK(client.wait_exit() == 0);
  CHECK(wait_gone(debuggee, 3s));
  CHECK(gone(adapters[0]));
  CHECK(bench.marked(".stopped"));
}

TEST_CASE("the client's end is everybody's", "[adapter]") {
  WaitingBench bench;
  DapClient client(bench.server(), bench.environment);
  const pid_t debuggee = start_waiting(client, bench);
  const auto adapters = children_of(client.pid());
  client.close_input();
  CHECK(client.wait_exit() == 0);
  CHECK(wait_gone(debuggee, 3s));
  CHECK(gone(adapters.at(0)));
  CHECK(bench.marked(".stopped"));
}

TEST_CASE("SIGTERM ends everything", "[adapter]") {
  WaitingBench bench;
  DapClient client(bench.server(), bench.environment);
  const pid_t debuggee = start_waiting(client, bench);
  kill(client.pid(), SIGTERM);
  client.wait_exit();
  CHECK(wait_gone(debuggee, 3s));
  CHECK(bench.marked(".stopped"));
}

TEST_CASE("SIGKILL leaves neither adapter nor debuggee", "[adapter]") {
  WaitingBench bench;
  DapClient client(bench.server(), bench.environment);
  const pid_t debuggee = start_waiting(client, bench);
  const auto adapters = children_of(client.pid());
  kill(client.pid(), SIGKILL);
  client.wait_exit();
  CHECK(wait_gone(adapters.at(0), 5s));
  CHECK(wait_gone(debuggee, 5s));
}

TEST_CASE("the adapter's death is told and ends debuggee and session", "[adapter]") {
  WaitingBench bench;
  DapClient client(bench.server(), bench.environment);
  const pid_t debuggee = start_waiting(client, bench);
  const auto adapters = children_of(client.pid());
  REQUIRE(adapters.size() == 1);
  kill(adapters[0], SIGKILL);
  client.output("ended unexpectedly: signal 9");
  client.event("terminated");
  CHECK(wait_gone(debuggee, 5s));
  CHECK(bench.wait_marked(".stopped", 5s));
  CHECK_FALSE(client.request("threads").value("success", true));
  client.must("disconnect");
  CHECK(WEXITSTATUS(client.wait_exit()) == 1);
}

TEST_CASE("a program that is killed while it stands ends the conversation", "[adapter]") {
  Bench bench;
  DapClient client(bench.server(), bench.environment);
  REQUIRE(start_debugging(client, bench, bench.launch("fake"), "BREAK"));
  client.event("stopped");
  kill(bench.debuggee(), SIGKILL);
  client.event("terminated");
  CHECK(bench.wait_marked(".stopped", 5s));
  client.must("disconnect");
  CHECK(client.wait_exit() == 0);
  int ends = 0;
  for (const auto& message : client.messages()) ends += message.value("event", "") == "terminated";
  CHECK(ends == 1);
}

TEST_CASE("what an adapter says on its way out is not the program's output", "[adapter]") {
  WaitingBench bench;
  const std::string& real = bench.adapter.command[0];
  const std::string adapter = bench.directory + real.substr(real.rfind('/'));  // it is known by its name
  std::ofstream(adapter) << "#!/bin/sh\n\"$@\"\necho CRASH DUMP >&2\n";
  std::filesystem::permissions(adapter, std::filesystem::perms::owner_all);
  std::vector<std::string> arguments{"--", adapter};
  arguments.insert(arguments.end(), bench.adapter.command.begin(), bench.adapter.command.end());
  auto server = bench.server_with(arguments);
  const std::string errors = bench.directory + "/errors";
  server.insert(server.begin(), {"sh", "-c", "exec \"$@\" 2>'" + errors + "'", "sh"});
  DapClient client(server, bench.environment);
  start_waiting(client, bench);
  client.must("disconnect", {{"terminateDebuggee", true}});
  CHECK(client.wait_exit() == 0);
  std::ifstream in(errors);
  CHECK(std::string(std::istreambuf_iterator<char>(in), {}).find("CRASH DUMP") == std::string::npos);
  CHECK(client.all_output().find("PLEASE submit a bug report") == std::string::npos);  // lldb-dap 19's own
}

TEST_CASE("cancelling a slow start fails the launch and leaves nothing", "[adapter]") {
  Bench bench;
  DapClient client(bench.server(), bench.environment);
  client.must("initialize", initialize_arguments());
  const int launch = client.send("launch", bench.launch("slow"));
  const json progress = client.event("progressStart")["body"];
  CHECK(progress["cancellable"] == true);
  CHECK(progress["requestId"] == launch);
  const bool by_progress = GENERATE(true, false);
  client.must("cancel",
              by_progress ? json{{"progressId", progress["progressId"]}} : json{{"requestId", launch}});
  const json answer = client.response(launch, 3s);
  CHECK_FALSE(answer.value("success", true));
  CHECK(answer.value("message", "") == "cancelled");
  client.event("progressEnd", 1s);
  client.event("terminated", 1s);
  CHECK(bench.wait_marked(".cancelled", 3s));
  client.must("disconnect");
  CHECK(client.wait_exit(5s) == 0);
  CHECK(bench.loads().empty());
}

TEST_CASE("a start that does not hear the cancel is undone when it is there", "[adapter]") {
  Bench bench;
  DapClient client(bench.server(), bench.environment);
  client.must("initialize", initialize_arguments());
  const int launch = client.send("launch", bench.launch("deaf"));
  client.event("progressStart");
  client.must("disconnect");
  CHECK_FALSE(client.response(launch).value("success", true));
  CHECK(client.wait_exit(10s) == 0);
  CHECK(bench.marked(".taken_back"));
  CHECK(bench.marked(".stopped"));
  CHECK(bench.loads().empty());
}

TEST_CASE("a request that waits for the launch can be cancelled by itself", "[adapter]") {
  Bench bench;
  DapClient client(bench.server(), bench.environment);
  client.must("initialize", initialize_arguments());
  const int launch = client.send("launch", bench.launch("deaf"));
  client.event("progressStart");
  const int held = client.send("threads");
  client.must("cancel", {{"requestId", held}}, 1s);
  CHECK(client.response(held, 1s).value("message", "") == "cancelled");
  client.send("configurationDone");
  CHECK(client.response(launch).value("success", false));
}

TEST_CASE("runInTerminal goes through, and the program in the terminal is in the cluster", "[adapter]") {
  Bench bench;
  if (!bench.adapter.runs_in_terminal) {
    SUCCEED(bench.adapter.key + " sends no runInTerminal");
    return;
  }
  DapClient client(bench.server(), bench.environment);
  std::optional<DapClient> terminal;  // any process will do as one
  json seen;
  client.on_reverse("runInTerminal", [&](const json& arguments) {
    seen = arguments;
    std::vector<std::string> command{"env"};
    for (const auto& [name, value] : arguments["env"].items()) {
      if (value.is_null()) {
        command.push_back("-u");
        command.push_back(name);
      }
    }
    for (const auto& [name, value] : arguments["env"].items())
      if (value.is_string()) command.push_back(name + "=" + value.get<std::string>());
    for (const auto& word : arguments["args"]) command.push_back(word);
    auto environment = bench.environment;
    // lldb-vscode of a private root finds its libraries so; a terminal of the real one needs nothing.
    const auto& program = bench.adapter.command[0];
    if (bench.adapter.key == "LLDB_VSCODE_14")
      environment["LD_LIBRARY_PATH"] = program.substr(0, program.rfind('/')) + "/lib";
    terminal.emplace(command, environment);
    return json{{"processId", terminal->pid()}};
  });
  REQUIRE(start_debugging(client, bench, bench.launch("fake", {{"runInTerminal", true}}), "BREAK"));
  client.event("stopped");
  CHECK(seen["env"] == json::object());  // clients type it into a shell
  CHECK(seen.dump().find("of the pod") == std::string::npos);
  const std::string environment = process_file(bench.debuggee(), "environ");
  CHECK(environment.find("POD_VALUE=of the pod") != std::string::npos);
  CHECK(environment.find("UNSET_ME") == std::string::npos);
  // The launcher of lldb has it loaded too; the real layer stays passive there, its program being another.
  CHECK(bench.loaded_executables().contains(debuggee_path()));
  CHECK(bench.loaded_executables().size() <= 2);
}
