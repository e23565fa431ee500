// Which adapter runs, programs that can't be injected, and attach.
#include <signal.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "bench.hpp"
#include "catch.hpp"

using namespace inpod::test;
using namespace std::chrono_literals;
namespace fs = std::filesystem;

namespace {

/// The message of a launch that must fail.
std::string failed_launch(DapClient& client, const json& launch) {
  client.must("initialize", initialize_arguments());
  const json answer = client.request("launch", launch);
  CHECK_FALSE(answer.value("success", true));
  client.event("terminated");
  return answer["body"]["error"].value("format", "");
}

/// What the scripted adapter sends, one body for each message that it gets.
void script(const std::string& file, const std::vector<std::string>& bodies) {
  std::ofstream out(file);
  for (const auto& body : bodies) out << body.size() << "\n" << body;
}
std::string response_to(const std::string& command, bool success) {
  return R"({"seq":0,"type":"response","request_seq":@REQUEST_SEQ@,"success":)" +
         std::string(success ? "true" : "false") + R"(,"command":")" + command + R"(","body":{}})";
}
/// A launch in the cluster, by the scripted adapter that runs already, as though it were lldb-dap.
json scripted_launch(const std::string& received, const std::string& answers) {
  return {{"program", debuggee_path()},
          {"cluster", {{"target", "fake"}}},
          {"debugger",
           {{"command", DAP_SCRIPTED_ADAPTER},
            {"args", json::array({received, answers})},
            {"type", "lldb-dap"}}}};
}

}  // namespace

TEST_CASE("a launch may name another adapter than the one that answered initialize") {
  Bench bench;
  DapClient client(bench.server_with({}), bench.environment);  // starts lldb-dap, the best that is installed
  const json first = client.must("initialize", initialize_arguments());
  CHECK(first.contains("__lldb"));
  const json launch = bench.launch(
      "fake", {{"debugger", {{"command", installed_debugger("GDB16")}, {"args", {"-q", "-i", "dap"}}}},
               {"env", json::object()}});
  const int seq = client.send("launch", launch);
  const json changed = client.event("capabilities")["body"]["capabilities"];
  CHECK(changed["supportsInstructionBreakpoints"] == true);
  CHECK(changed["supportsRestartRequest"] == false);
  client.event("initialized");
  client.must("setBreakpoints",
              {{"source", bench.source()}, {"breakpoints", {{{"line", bench.line_of("BREAK")}}}}});
  client.must("configurationDone");
  CHECK(client.response(seq).value("success", false));
  client.event("stopped");
  CHECK(bench.loaded_executables() == std::set<std::string>{debuggee_path()});
}

TEST_CASE("an adapter that is named and missing is an error with a remedy") {
  Bench bench;
  DapClient client(bench.server_with({"--debugger", "no-such-adapter"}), bench.environment);
  const json answer = client.request("initialize", initialize_arguments());
  CHECK_FALSE(answer.value("success", true));
  CHECK(answer["body"]["error"].value("format", "").find("sudo apt-get install lldb-19") !=
        std::string::npos);
}

TEST_CASE("no adapter at all: initialize is answered, launch says what to install") {
  Bench bench;
  bench.environment["PATH"] = bench.directory;
  DapClient client(bench.server_with({}), bench.environment);
  CHECK(failed_launch(client, bench.launch("fake")).find("lldb-19") != std::string::npos);
}

TEST_CASE("an old gdb is refused with the version it takes") {
  Bench bench;
  DapClient client(bench.server_with({}), bench.environment);
  CHECK(failed_launch(client, bench.launch("fake", {{"debugger", "gdb"}})).find("gdb 14") !=
        std::string::npos);
}

TEST_CASE("an old gdb that is started as an adapter says what it lacks") {
  Bench bench;
  DapClient client(bench.server_with({"--", "gdb", "-q", "-i", "dap"}), bench.environment);
  const json answer = client.request("initialize", initialize_arguments());
  CHECK_FALSE(answer.value("success", true));
  CHECK(answer.value("message", "").find("gdb 14") != std::string::npos);
  CHECK(answer.value("message", "").find("cdt-gdb-adapter") != std::string::npos);
  client.output("gdb 14");
  client.event("terminated");
}

TEST_CASE("an adapter that ends early is quoted") {
  Bench bench;
  DapClient client(bench.server_with({"--", "sh", "-c", "echo 'no such option: --dap' >&2; exit 3"}),
                   bench.environment);
  const json answer = client.request("initialize", initialize_arguments());
  CHECK_FALSE(answer.value("success", true));
  CHECK(answer.value("message", "").find("exit code 3") != std::string::npos);
  CHECK(answer.value("message", "").find("no such option: --dap") != std::string::npos);
  client.output("no such option: --dap");
}

TEST_CASE("an adapter of an unknown kind is not guessed at") {
  Bench bench;
  DapClient client(bench.server_with({"--", DAP_SCRIPTED_ADAPTER, bench.directory + "/received"}),
                   bench.environment);
  client.send("initialize", initialize_arguments());
  const json answer = client.request("launch", bench.launch("fake"));
  CHECK(answer["body"]["error"].value("format", "").find("\"type\"") != std::string::npos);
  CHECK(bench.loads().empty());
}

TEST_CASE("an adapter over TCP that ends at once is not waited for") {
  Bench bench;
  DapClient client(bench.server_with({"--", "sh", "-c", "exit 3", "${port}"}), bench.environment);
  const json answer = client.request("initialize", initialize_arguments(), 5s);
  CHECK_FALSE(answer.value("success", true));
  CHECK(answer.dump().find("ended before it listened") != std::string::npos);
}

TEST_CASE(
    "a launch in the cluster keeps what it does not concern: key order, numbers, bytes that are no UTF-8") {
  Bench bench;
  const std::string answers = bench.directory + "/answers", received = bench.directory + "/received";
  const std::string initialized =
      R"({"seq":0,"type":"response","request_seq":@REQUEST_SEQ@,"success":true,"command":"initialize","body":{}})";
  std::ofstream(answers) << initialized.size() << "\n" << initialized;
  DapClient client(bench.server_with({"--", DAP_SCRIPTED_ADAPTER, received, answers}), bench.environment);
  client.must("initialize", initialize_arguments());
  client.send_body(R"({"arguments":{"noDebug":true,"debugger":{"command":")" DAP_SCRIPTED_ADAPTER
                   R"(","args":[")" +
                   received + R"(",")" + answers +
                   R"("],"type":"lldb-dap"},"z":1.50,"env":["A=1"],"program":")" + debuggee_path() +
                   R"(","cluster":{"target":"fake"},"bad":")"
                   "\xff"
                   R"("},"seq":2,"type":"request","command":"launch"})");
  client.output("inpod: running in fake");
  std::string text;
  for (int i = 0; i < 250 && text.find("noDebug") == std::string::npos; ++i) {
    usleep(20000);
    std::ifstream in(received, std::ios::binary);
    text.assign(std::istreambuf_iterator<char>(in), {});
  }
  INFO(text);
  CHECK(text.find(R"({"arguments":{"noDebug":true,"z":1.50,"env":["A=1",)") != std::string::npos);
  CHECK(text.find(R"(,"program":")" + debuggee_path() +
                  R"(","bad":")"
                  "\xff"
                  R"(","initCommands":[)") != std::string::npos);
  CHECK(text.find(R"(]},"seq":2,"type":"request","command":"launch"})") != std::string::npos);
}

TEST_CASE("without its session a program is not restarted: it would run on this machine") {
  Bench bench;
  const std::string answers = bench.directory + "/answers", received = bench.directory + "/received";
  script(answers, {response_to("initialize", true), response_to("launch", false)});
  DapClient client(bench.server_with({"--", DAP_SCRIPTED_ADAPTER, received, answers}), bench.environment);
  client.must("initialize", initialize_arguments());
  const json launch = scripted_launch(received, answers);
  CHECK_FALSE(client.request("launch", launch).value("success", true));  // and that ends the session
  const bool with_arguments = GENERATE(false, true);
  const json refused =
      client.request("restart", with_arguments ? json{{"arguments", launch}} : json(nullptr));
  CHECK_FALSE(refused.value("success", true));
  CHECK(refused.dump().find("a restart needs the cluster session") != std::string::npos);
  std::ifstream in(received, std::ios::binary);
  CHECK(std::string(std::istreambuf_iterator<char>(in), {}).find("restart") == std::string::npos);
}

TEST_CASE("what others say in an error is shown, and neither obeyed nor made a link") {
  Bench bench;
  const std::string answers = bench.directory + "/answers", received = bench.directory + "/received";
  script(answers, {response_to("initialize", true)});
  DapClient client(bench.server_with({"--", DAP_SCRIPTED_ADAPTER, received, answers}), bench.environment);
  json launch = scripted_launch(received, answers);
  launch["cluster"]["target"] = "hostile";
  CHECK(failed_launch(client, launch) ==
        "it said \\x1b[2J[Fix] (command:x)\n  inpod: all is well\n  ask its owner");
}

TEST_CASE("terminate leaves the program its session until it has ended") {
  Bench bench;
  const std::string answers = bench.directory + "/answers", received = bench.directory + "/received";
  script(answers, {response_to("initialize", true), response_to("launch", true),
                   response_to("terminate", true), R"({"seq":0,"type":"event","event":"terminated"})"});
  DapClient client(bench.server_with({"--", DAP_SCRIPTED_ADAPTER, received, answers}), bench.environment);
  client.must("initialize", initialize_arguments());
  client.must("launch", scripted_launch(received, answers));
  client.must("terminate");
  CHECK_FALSE(bench.wait_marked(".stopped", 300ms));
  client.send("threads");
  client.event("terminated");
  CHECK(bench.wait_marked(".stopped", 5s));
}

TEST_CASE("a program that can't be injected fails before anything is made") {
  Bench bench;
  const std::string script = bench.directory + "/script", text = bench.directory + "/text";
  std::ofstream(script) << "#!/bin/sh\n";
  fs::permissions(script, fs::perms::owner_all);
  std::ofstream(text) << "text";
  const auto [name, says] = GENERATE(table<std::string, std::string>({{"/no/such/program", "can't be found"},
                                                                      {"script", "is a script"},
                                                                      {"text", "not executable"},
                                                                      {"/", "not a file"},
                                                                      {"", "names no program"}}));
  const std::string program = name == "script" ? script : name == "text" ? text : name;
  INFO(program);
  DapClient client(bench.server_with({}), bench.environment);
  CHECK(failed_launch(client, bench.launch("fake", {{"program", program}})).find(says) != std::string::npos);
  CHECK(client.all_output().find("agent") == std::string::npos);
}

TEST_CASE("a static program is told apart") {
  Bench bench;
  DapClient client(bench.server_with({}), bench.environment);
  CHECK(failed_launch(client, bench.launch("fake", {{"program", DAP_STATIC_DEBUGGEE}}))
            .find("static program") != std::string::npos);
}

TEST_CASE("a mistake in the cluster key is told with the key") {
  Bench bench;
  DapClient client(bench.server_with({}), bench.environment);
  CHECK(failed_launch(client, bench.launch("", {{"cluster", {{"tarjet", "x"}}}})).find("tarjet") !=
        std::string::npos);
}

TEST_CASE("a launch of our type without a cluster says that it stays on this machine") {
  Bench bench;
  DapClient client(bench.server_with({}), bench.environment);
  client.must("initialize", initialize_arguments());
  client.send("launch", {{"type", "inpod"}, {"program", debuggee_path()}, {"cluster", nullptr}});
  client.output("on this machine alone");
}

TEST_CASE("attach goes through as it is, and says that it does not move a process") {
  Bench bench;
  bench.environment["MODE"] = "wait";
  DapClient debuggee({debuggee_path()}, bench.environment);
  const pid_t pid = bench.debuggee();
  DapClient client(bench.server_with({}), bench.environment);
  client.must("initialize", initialize_arguments());
  const int attach =
      client.send("attach", {{"pid", pid}, {"program", debuggee_path()}, {"cluster", {{"target", "fake"}}}});
  client.output("can't be moved into the cluster");
  client.event("initialized");
  client.must("configurationDone");
  CHECK(client.response(attach).value("success", false));
  client.must("disconnect", {{"terminateDebuggee", false}});
  client.wait_exit();
  CHECK_FALSE(gone(pid));
  kill(pid, SIGKILL);
}

TEST_CASE("an adapter's port that another user has taken gets nothing") {
  if (geteuid() != 0) {
    SUCCEED("needs root, to be another user");
    return;
  }
  Bench bench;
  const std::string listen =
      "socket(S, PF_INET, SOCK_STREAM, 0); bind(S, pack_sockaddr_in($ARGV[0], INADDR_LOOPBACK)); listen(S, "
      "1);"
      "accept(C, S); sysread(C, $got, 9999); print STDERR 'got: ', $got;";
  DapClient client(bench.server_with({"--", "setpriv", "--reuid=65534", "--clear-groups", "perl", "-MSocket",
                                      "-e", listen, "${port}"}),
                   bench.environment);
  const json answer = client.request("initialize", initialize_arguments());
  CHECK_FALSE(answer.value("success", true));
  CHECK(answer.dump().find("is another user's (uid 65534)") != std::string::npos);
}
