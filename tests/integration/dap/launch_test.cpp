// A launch in the cluster through each real adapter: breakpoints, environment, arguments, and that the layer
// gets into the target alone. Also what happens when there is no session, and when it can't be had.
#include <algorithm>
#include <filesystem>
#include <fstream>

#include "bench.hpp"
#include "catch.hpp"

using namespace inpod::test;
using namespace std::chrono_literals;

TEST_CASE("a launch in the cluster stops at a breakpoint and runs to its end", "[adapter]") {
  Bench bench;
  DapClient client(bench.server(), bench.environment);
  REQUIRE(start_debugging(client, bench, bench.launch("fake"), "BREAK"));
  const json stopped = client.event("stopped");
  const json frames = stack_of(client, stopped);
  CHECK(frames[0].value("name", "").find("work") != std::string::npos);
  CHECK(frames[0].value("line", 0) == bench.line_of("BREAK"));
  CHECK(frames[1].value("name", "").find("main") != std::string::npos);
  const auto locals = locals_of(client, stopped);
  CHECK(locals.at("number") == "3");
  CHECK(locals.at("result") == "9");
  client.output("inpod: running in fake (pod web-1, container app), mirror");
  CHECK(client.event("inpod/session")["body"]["state"] == "running");
  resume(client, stopped);
  if (bench.adapter.tells_exit) CHECK(client.event("exited")["body"]["exitCode"] == 7);
  client.event("terminated");
  CHECK(bench.wait_marked(".stopped", 5s));
  client.must("disconnect");
  CHECK(client.wait_exit() == 0);
  CHECK(bench.loads().size() == 1);
  CHECK(bench.loaded_executables() == std::set<std::string>{debuggee_path()});
}

TEST_CASE("the debuggee gets the pod's environment on top of the machine's, and its own arguments",
          "[adapter]") {
  Bench bench;
  DapClient client(bench.server(), bench.environment);
  REQUIRE(start_debugging(client, bench, bench.launch("fake"), ""));
  client.event("terminated");
  client.output("worked ");  // the program's last word: gdb's reader of its output may be behind
  const std::string output = client.all_output();
  INFO(output);
  std::string flat;  // a pseudo-terminal brings carriage returns
  for (const char c : output)
    if (c != '\r') flat += c;
  CHECK(flat.find("argument 1 [one]") != std::string::npos);
  CHECK(flat.find("argument 2 [two words]") != std::string::npos);
  CHECK(flat.find("POD_VALUE=[of the pod]") != std::string::npos);
  CHECK(flat.find("POD_LINES=[one\n\"two\" \\ $three 'four']") != std::string::npos);
  CHECK(flat.find("POD_QUOTES=[`date` 'a' \"b\" \\ $HOME %s]") != std::string::npos);
  CHECK(flat.find("LOCAL_VALUE=[of this machine]") != std::string::npos);
  CHECK(flat.find("REQUEST_VALUE=[of the request]") != std::string::npos);
  CHECK(flat.find("UNSET_ME=[(unset)]") != std::string::npos);
  CHECK(flat.find("PATH=[/") != std::string::npos);
  CHECK(flat.find("of several lines): BINARY\n") != std::string::npos);
  CHECK(bench.loaded_executables() == std::set<std::string>{debuggee_path()});
}

TEST_CASE("no debugger, shell or command line gets a variable of the pod", "[adapter]") {
  Bench bench;
  const std::string shell = bench.directory + "/shell", log = bench.directory + "/shell.log";
  // No exec of its own: gdb counts them until the program is there.
  std::ofstream(shell) << "#!/bin/bash\ncat /proc/$$/environ /proc/$$/cmdline >>'" << log
                       << "'\neval \"$2\"\n";
  std::filesystem::permissions(shell, std::filesystem::perms::owner_all);
  bench.environment["SHELL"] = shell;
  DapClient client(bench.server(), bench.environment);
  REQUIRE(start_debugging(client, bench, bench.launch("fake"), "BREAK"));
  client.event("stopped");
  const pid_t debuggee = bench.debuggee();
  CHECK(process_file(debuggee, "environ").find("POD_VALUE=of the pod") != std::string::npos);
  for (const pid_t pid : family_of(client.pid())) {
    INFO(pid << " " << process_file(pid, "comm"));
    CHECK(process_file(pid, "cmdline").find("of the pod") == std::string::npos);
    if (pid != debuggee) CHECK(process_file(pid, "environ").find("of the pod") == std::string::npos);
  }
  CHECK_FALSE(bench.marked(".ran"));
  std::ifstream in(log);
  const std::string seen(std::istreambuf_iterator<char>(in), {});
  CHECK(seen.empty() == bench.adapter.lldb);  // which starts programs without a shell
  for (const char* pods : {"of the pod", "POD_", "BASH_FUNC", "LD_PRELOAD", "INPOD_"})
    CHECK(seen.find(pods) == std::string::npos);
}

TEST_CASE("with noDebug a launch in the cluster runs through its breakpoints", "[adapter]") {
  Bench bench;
  DapClient client(bench.server(), bench.environment);
  client.must("initialize", initialize_arguments());
  const int launch = client.send("launch", bench.launch("fake", {{"noDebug", true},
                                                                 {"stopOnEntry", true},
                                                                 {"stopAtBeginningOfMainSubprogram", true}}));
  client.event("initialized");
  const json lines =
      client.must("setBreakpoints",
                  {{"source", bench.source()},
                   {"breakpoints", {{{"line", bench.line_of("BREAK")}}, {{"line", bench.line_of("STEP")}}}}});
  REQUIRE(lines["breakpoints"].size() == 2);
  CHECK(lines["breakpoints"][0]["verified"] == false);
  CHECK(lines["breakpoints"][1]["line"] == bench.line_of("STEP"));
  CHECK(lines["breakpoints"][0].value("message", "").find("noDebug") != std::string::npos);
  CHECK(client.must("setFunctionBreakpoints",
                    {{"breakpoints", {{{"name", "main"}}}}})["breakpoints"][0]["verified"] == false);
  client.must("setExceptionBreakpoints", {{"filters", {"throw", "cpp_throw"}}});
  client.must("configurationDone");
  CHECK(client.response(launch).value("success", false));
  client.event("terminated", 20s);
  for (const auto& message : client.messages()) CHECK(message.value("event", "") != "stopped");
  CHECK(bench.loaded_executables() == std::set<std::string>{debuggee_path()});
  client.must("disconnect");
  CHECK(client.wait_exit() == 0);
}

TEST_CASE("without a cluster key nothing of inpod is there", "[adapter]") {
  Bench bench;
  DapClient client(bench.server(), bench.environment);
  REQUIRE(start_debugging(client, bench, bench.launch(""), "BREAK"));
  const json stopped = client.event("stopped");
  CHECK(locals_of(client, stopped).at("result") == "9");
  resume(client, stopped);
  client.event("terminated");
  client.must("disconnect");
  client.close_input();  // which some adapters wait for
  CHECK(client.wait_exit() == 0);
  CHECK(bench.loads().empty());
  for (const auto& body : client.bodies()) CHECK(body.find("inpod/") == std::string::npos);
}

TEST_CASE("stepping in does not end up in the layer", "[adapter]") {
  Bench bench;
  DapClient client(bench.server(), bench.environment);
  REQUIRE(start_debugging(client, bench, bench.launch("fake"), "STEP"));
  const json stopped = client.event("stopped");
  client.must("stepIn", {{"threadId", stopped["body"]["threadId"]}});
  const json stepped = client.event("stopped");
  const json frames = stack_of(client, stepped);
  CHECK(frames[0].value("name", "").find("layer_entered") == std::string::npos);
  CHECK(frames[0].value("name", "").find("work") != std::string::npos);
}

TEST_CASE("a nested configuration is unwrapped", "[adapter]") {
  Bench bench;
  DapClient client(bench.server(), bench.environment);
  json inner = bench.launch("");
  inner["type"] = "anything";
  REQUIRE(
      start_debugging(client, bench, {{"cluster", {{"target", "fake"}}}, {"configuration", inner}}, "BREAK"));
  client.event("stopped");
  CHECK(bench.loads().size() == 1);
}

TEST_CASE("everything sent after launch waits for the session and keeps its order", "[adapter]") {
  Bench bench;
  DapClient client(bench.server(), bench.environment);
  client.must("initialize", initialize_arguments());
  const int launch = client.send("launch", bench.launch("deaf"));
  client.event("progressStart");
  std::vector<int> sent;
  sent.push_back(client.send(
      "setBreakpoints", {{"source", bench.source()}, {"breakpoints", {{{"line", bench.line_of("BREAK")}}}}}));
  sent.push_back(client.send("setFunctionBreakpoints", {{"breakpoints", json::array()}}));
  sent.push_back(client.send("configurationDone"));
  sent.push_back(client.send("threads"));
  CHECK_FALSE(client.try_event("stopped", 500ms));
  CHECK(client.response(launch).value("success", false));
  client.event("stopped");
  for (const int seq : sent) client.response(seq);
  std::vector<int> answered;
  for (const auto& message : client.messages())
    if (message.value("type", "") == "response" && message["request_seq"] > launch)
      answered.push_back(message["request_seq"]);
  std::sort(answered.begin(), answered.end());  // an adapter may answer later what takes it longer
  CHECK(answered == sent);
}

TEST_CASE("a session that can't be had fails the launch, and nothing runs", "[adapter]") {
  Bench bench;
  DapClient client(bench.server(), bench.environment);
  client.must("initialize", initialize_arguments());
  const int launch = client.send("launch", bench.launch("refused"));
  const int held = client.send("configurationDone");
  const json answer = client.response(launch);
  CHECK_FALSE(answer.value("success", true));
  CHECK(answer.value("message", "").find("the cluster said no") != std::string::npos);
  CHECK(answer["body"]["error"]["format"] == "the cluster said no\n  ask its owner");
  CHECK(answer["body"]["error"]["showUser"] == true);
  CHECK_FALSE(client.response(held).value("success", true));
  client.event("terminated");
  client.must("disconnect");
  CHECK(client.wait_exit() == 0);
  CHECK(bench.loads().empty());
  CHECK_FALSE(std::filesystem::exists(bench.pid_file()));
}

TEST_CASE("the config file is named; one that needs a yes fails the launch", "[adapter]") {
  Bench bench;
  bench.environment["XDG_STATE_HOME"] = bench.directory + "/state";
  const std::string project = bench.directory + "/project", file = project + "/.inpod/config.yaml";
  std::filesystem::create_directories(project + "/.inpod");
  const auto write = [&](const char* text) { std::ofstream(file) << text; };
  write("hostname: false\nincoming: {mode: steal}\n");
  {
    DapClient client(bench.server(), bench.environment);
    client.must("initialize", initialize_arguments());
    const json answer = client.response(client.send("launch", bench.launch("fake", {{"cwd", project}})));
    CHECK_FALSE(answer.value("success", true));
    CHECK(answer.value("message", "")
              .find(file + " sets keys that need your yes first: incoming.mode: \"steal\"") !=
          std::string::npos);
    client.event("terminated");
    client.must("disconnect");
    CHECK(client.wait_exit() == 0);
    CHECK(bench.loads().empty());
  }
  write("hostname: false\n");
  DapClient client(bench.server(), bench.environment);
  REQUIRE(start_debugging(client, bench, bench.launch("fake", {{"cwd", project}}), ""));
  client.output("inpod: config file " + file + " sets hostname");
  client.event("terminated");
  client.must("disconnect");
  CHECK(client.wait_exit() == 0);
}

TEST_CASE("a program that launchCommands launch gets the pod's environment and the layer", "[adapter]") {
  Bench bench;
  if (!bench.adapter.lldb) {
    SUCCEED("only lldb-dap has launchCommands");
    return;
  }
  DapClient client(bench.server(), bench.environment);
  const json commands{"target create " + debuggee_path(), "process launch --stop-at-entry"};
  REQUIRE(start_debugging(client, bench, bench.launch("fake", {{"launchCommands", commands}}), ""));
  client.event("terminated");
  client.output("worked ");
  const std::string output = client.all_output();
  INFO(output);
  CHECK(output.find("POD_VALUE=[of the pod]") != std::string::npos);
  CHECK(output.find("REQUEST_VALUE=[of the request]") != std::string::npos);
  CHECK(output.find("POD_QUOTES=[`date` 'a' \"b\" \\ $HOME %s]") != std::string::npos);
  CHECK(output.find("UNSET_ME=[(unset)]") != std::string::npos);
  CHECK(output.find("of several lines): BINARY, POD_LINES") != std::string::npos);
  CHECK(output.find("settings append target.env-vars") == std::string::npos);
  CHECK(bench.loaded_executables() == std::set<std::string>{debuggee_path()});
}

TEST_CASE("a program that commands launch before the launch is injected, too", "[adapter]") {
  Bench bench;
  if (!bench.adapter.lldb) {
    SUCCEED("lldb-dap's commands");
    return;
  }
  DapClient client(bench.server(), bench.environment);
  client.must("initialize", initialize_arguments());
  client.send("launch", bench.launch("fake", {{"preRunCommands", {"process launch"}}}));
  CHECK(bench.wait_loaded(20s));
  CHECK(bench.loaded_executables() == std::set<std::string>{debuggee_path()});
}

TEST_CASE("a layer that does not load stops the program", "[adapter]") {
  Bench bench;
  bench.environment["MODE"] = "wait";
  DapClient client(bench.server(), bench.environment);
  REQUIRE(start_debugging(client, bench, bench.launch("nolayer"), ""));
  client.output("the program was stopped: the program was started, but the loader did not load the layer",
                25s);
  // cdt does not tell the process; it may have been too short to write its number.
  if (!bench.adapter.cdt)
    CHECK(wait_gone(client.event("process")["body"]["systemProcessId"], 5s));
  else if (bench.wait_for_file(bench.pid_file(), 0ms))
    CHECK(wait_gone(bench.debuggee(), 5s));
  client.event("terminated");
  CHECK(bench.wait_marked(".stopped", 5s));
}

TEST_CASE("a program may stand before the layer's constructor as long as it likes", "[adapter]") {
  Bench bench;
  DapClient client(bench.server(), bench.environment);
  REQUIRE(start_debugging(client, bench, bench.launch("fake"), "EARLY"));
  const json stopped = client.event("stopped");
  CHECK(stack_of(client, stopped)[0].value("line", 0) == bench.line_of("EARLY"));
  CHECK_FALSE(client.try_event("terminated", 3s));  // three times what it may take at a stop
  CHECK(bench.loads().empty());
  resume(client, stopped);
  client.event("terminated");
  CHECK(bench.loads().size() == 1);
  CHECK(client.all_output().find("was stopped") == std::string::npos);
  CHECK(client.all_output().find("never loaded") == std::string::npos);
}

TEST_CASE("a step out of a call that blocks in the layer ends in the program", "[adapter]") {
  Bench bench;
  if (bench.adapter.key == "LLDB_VSCODE_14") {
    SUCCEED("it tells no addresses of frames");
    return;
  }
  const std::string gate = bench.directory + "/gate";
  bench.environment["MODE"] = "block";
  bench.environment["GATE"] = gate;
  DapClient client(bench.server(), bench.environment);
  REQUIRE(start_debugging(client, bench, bench.launch("fake"), ""));
  const int thread = bench.adapter.lldb ? bench.debuggee() : 1;
  REQUIRE(bench.wait_for_file(gate + ".inside", 20s));
  client.must("pause", {{"threadId", thread}});
  const json frames = stack_of(client, client.event("stopped"));
  INFO(frames.dump());
  std::size_t layers = 0;
  while (layers < frames.size() && frames[layers].value("presentationHint", "") == "subtle") ++layers;
  CHECK(layers >= 2);
  REQUIRE(layers < frames.size());
  CHECK(frames[layers].value("line", 0) == bench.line_of("BLOCK"));
  std::ofstream(gate) << "open\n";
  const std::string step = GENERATE("next", "stepOut", "stepIn");
  client.must(step, {{"threadId", thread}});
  const json stopped = client.event("stopped");
  const json after = stack_of(client, stopped);
  INFO(after.dump());
  CHECK(after[0].value("name", "").find("block") != std::string::npos);
  CHECK(after[0].value("line", 0) >= bench.line_of("BLOCK"));
  CHECK_FALSE(client.try_event("stopped", 300ms));
  resume(client, stopped);
  client.event("terminated");
}

TEST_CASE("a launch is answered before a hasty client gives it up", "[adapter]") {
  Bench bench;
  DapClient client(bench.server(), bench.environment);
  json hello = initialize_arguments();
  hello["clientID"] = "hasty";
  client.must("initialize", hello);
  const bool fails = GENERATE(false, true);
  const int launch = client.send("launch", bench.launch(fails ? "late" : "deaf"));
  CHECK(client.response(launch).value("success", false));
  CHECK(client.all_output().find("running in") == std::string::npos);
  if (fails) {
    client.event("terminated");
    client.output("inpod: the launch failed: the cluster said no");
    CHECK(bench.loads().empty());
  } else {
    client.event("initialized");
    client.must("setBreakpoints",
                {{"source", bench.source()}, {"breakpoints", {{{"line", bench.line_of("BREAK")}}}}});
    client.must("configurationDone");
    resume(client, client.event("stopped"));
    client.event("terminated");
  }
  client.must("disconnect");
  CHECK(client.wait_exit() == 0);
  int answers = 0;
  for (const auto& message : client.messages())
    answers += message.value("type", "") == "response" && message["request_seq"] == launch;
  CHECK(answers == 1);
}

TEST_CASE("true, and Lua's empty table, mean the cluster of the config file", "[adapter]") {
  Bench bench;
  const std::string project = bench.directory + "/project";
  std::filesystem::create_directories(project + "/.inpod");
  std::ofstream(project + "/.inpod/config.yaml") << "target: fake\n";
  DapClient client(bench.server(), bench.environment);
  const json cluster = GENERATE(json(true), json(json::value_t::array));
  REQUIRE(start_debugging(client, bench, bench.launch("", {{"cwd", project}, {"cluster", cluster}}), ""));
  client.output("inpod: running in fake");
  client.event("terminated");
  CHECK(bench.loads().size() == 1);
}

TEST_CASE("stopping at the entry is no missing layer", "[adapter]") {
  Bench bench;
  if (!bench.adapter.lldb) {
    SUCCEED("only lldb stops before the layer's constructor");
    return;
  }
  DapClient client(bench.server(), bench.environment);
  REQUIRE(start_debugging(client, bench, bench.launch("fake", {{"stopOnEntry", true}}), ""));
  const json entry = client.event("stopped");
  const json arguments{{"threadId", entry["body"]["threadId"]}, {"granularity", "instruction"}};
  client.must("stepIn", arguments);
  const json stopped = client.event("stopped");
  CHECK_FALSE(client.try_event("terminated", 10s));
  resume(client, stopped);
  client.event("terminated");
  CHECK(bench.loads().size() == 1);
}
