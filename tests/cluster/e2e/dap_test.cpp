// `inpod dap` against the real cluster, with each real debugger: a breakpoint in the handler is hit by a request from
// another pod, variables hold what the pod's file and environment say, and the pod-side client gets the program's answer.
#include <cstdlib>
#include <fstream>
#include <sstream>

#include "catch.hpp"
#include "cluster.hpp"
#include "support/dap_client.hpp"

using namespace inpod::test;

namespace {

// The adapters that tests/support/debuggers/install has brought, by the names it printed (a ctest fixture runs it first).
std::map<std::string, std::string> debuggers() {
  std::map<std::string, std::string> result;
  const char* paths = getenv("DAP_DEBUGGERS");
  std::istringstream lines(read_file(paths ? paths : ""));
  for (std::string line; std::getline(lines, line);)
    if (const auto equals = line.find('='); equals != std::string::npos) result[line.substr(0, equals)] = line.substr(equals + 1);
  return result;
}

// `inpod dap` as the developer (DapClient starts what it is given as root).
std::vector<std::string> dap_command(const Developer& developer, const std::vector<std::string>& adapter) {
  const auto options = developer.options();
  std::vector<std::string> command{"setpriv", "--reuid", std::to_string(options.uid), "--regid", std::to_string(options.uid),
                                   "--clear-groups", "env", "-C", options.directory};
  for (const auto& [name, value] : options.environment) command.push_back(name + "=" + value);
  command.insert(command.end(), {binaries + "/inpod", "dap", "--"});
  command.insert(command.end(), adapter.begin(), adapter.end());
  return command;
}

int breakpoint_line() {
  std::ifstream file(sources + "/tests/debuggees/servers/service.cpp");
  int number = 1;
  for (std::string line; std::getline(file, line); ++number)
    if (line.find("// breakpoint") != std::string::npos) return number;
  throw std::runtime_error("no breakpoint line");
}

json cluster_attributes() {
  return {{"target", "deployment/web"}, {"namespace", Shop::instance().name_space()}, {"incoming", {{"mode", "steal"}}}};
}

// initialize, launch, breakpoint, configurationDone: in the order a real editor sends them.
void launch(DapClient& client) {
  client.must("initialize", {{"clientID", "test"}, {"adapterID", "inpod"}, {"linesStartAt1", true}, {"columnsStartAt1", true},
                             {"pathFormat", "path"}, {"supportsProgressReporting", true}});
  const int launch = client.send("launch", {{"program", binaries + "/inpod-test-service"}, {"args", {"8080"}}, {"cluster", cluster_attributes()}});
  client.event("initialized", seconds(60));
  client.must("setBreakpoints", {{"source", {{"path", sources + "/tests/debuggees/servers/service.cpp"}}},
                                 {"breakpoints", {{{"line", breakpoint_line()}}}}}, seconds(60));
  client.must("configurationDone", nullptr, seconds(60));
  const json answer = client.response(launch, seconds(60));
  INFO(answer.dump());
  REQUIRE(answer.value("success", false));
}

std::map<std::string, std::string> locals(DapClient& client, int thread) {
  std::map<std::string, std::string> result;
  const json frames = client.must("stackTrace", {{"threadId", thread}})["stackFrames"];
  CHECK(frames.at(0).value("name", "").find("handle") != std::string::npos);
  for (const auto& scope : client.must("scopes", {{"frameId", frames.at(0)["id"]}})["scopes"]) {
    if (scope.value("name", "").find("egister") != std::string::npos || scope.value("name", "").find("lobal") != std::string::npos) continue;
    for (const auto& variable : client.must("variables", {{"variablesReference", scope["variablesReference"]}})["variables"])
      result[variable.value("name", "")] = variable.value("value", "") ;
  }
  return result;
}

void stops_on_a_request(const std::vector<std::string>& adapter) {
  Developer developer;
  auto& shop = Shop::instance();
  DapClient client(dap_command(developer, adapter));
  launch(client);
  // The subscription follows listen(2); until then the pod answers. Each request is sent by another pod.
  Process request({"kubectl", "-n", shop.name_space(), "exec", "client", "--", "sh", "-c",
                   "while true; do curl -sS -m 30 http://web/cart | grep 'by c++' && break; sleep 0.2; done"});
  const json stopped = client.event("stopped", seconds(60));
  const int thread = stopped["body"]["threadId"];
  const auto values = locals(client, thread);
  REQUIRE(values.count("color"));
  CHECK(values.at("color").find("teal") != std::string::npos);
  REQUIRE(values.count("greeting"));
  const json path = client.must("evaluate", {{"expression", "path.c_str()"}, {"context", "watch"},
                                             {"frameId", client.must("stackTrace", {{"threadId", thread}})["stackFrames"][0]["id"]}});
  CHECK(path.value("result", "").find("/cart") != std::string::npos);
  CHECK(shop.ready());  // the health checks go to the pod while the program stands
  client.must("continue", {{"threadId", thread}});
  const auto answer = request.wait(seconds(30));
  CHECK(answer.out == "by c++ /cart teal greeting: grüß dich from the pod\n");
  client.request("disconnect", {{"terminateDebuggee", true}});
  client.wait_exit();
  CHECK(shop.answered_by_pod(seconds(10)));
  CHECK(shop.restarts() == 0);
}

}  // namespace

TEST_CASE("lldb-dap 19 stops on a request from another pod") {
  REQUIRE(debuggers().count("LLDB_DAP_19"));
  stops_on_a_request({debuggers().at("LLDB_DAP_19")});
}

TEST_CASE("lldb-vscode 14 stops on a request from another pod") {
  REQUIRE(debuggers().count("LLDB_VSCODE_14"));
  stops_on_a_request({debuggers().at("LLDB_VSCODE_14")});
}

TEST_CASE("gdb 16 stops on a request from another pod") {
  REQUIRE(debuggers().count("GDB16"));
  stops_on_a_request({debuggers().at("GDB16"), "-i", "dap"});
}

TEST_CASE("cdt-gdb-adapter with gdb 13 stops on a request from another pod") {
  REQUIRE(debuggers().count("CDT_GDB_ADAPTER"));
  stops_on_a_request({debuggers().at("CDT_GDB_ADAPTER")});
}

TEST_CASE("a launch whose session fails says why, and launches nothing") {
  Developer developer;
  DapClient client(dap_command(developer, {debuggers().at("LLDB_DAP_19")}));
  client.must("initialize", {{"adapterID", "inpod"}});
  auto cluster = cluster_attributes();
  cluster["target"] = "deployment/wbe";
  const json answer = client.response(client.send("launch", {{"program", binaries + "/inpod-test-service"}, {"args", {"8080"}}, {"cluster", cluster}}), seconds(60));
  CHECK_FALSE(answer.value("success", true));
  CHECK(answer.dump().find("wbe") != std::string::npos);
  CHECK(answer.dump().find("web") != std::string::npos);
  client.event("terminated", seconds(20));
  client.request("disconnect");
  client.wait_exit();
}
