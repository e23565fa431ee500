// `inpod dap` against the real cluster, with each real debugger: a breakpoint in the handler is hit by a
// request from another pod, variables hold what the pod's file and environment say, and the pod-side client
// gets the program's answer.
#include "catch.hpp"
#include "cluster.hpp"
#include "debugging.hpp"

using namespace inpod::test;

namespace {

json cluster_attributes() {
  return {{"target", "deployment/web"},
          {"namespace", Shop::instance().name_space()},
          {"incoming", {{"mode", "steal"}}}};
}

// initialize, launch, breakpoint, configurationDone: in the order a real editor sends them.
void launch(DapClient& client, const json& cluster = cluster_attributes()) {
  client.must("initialize", {{"clientID", "test"},
                             {"adapterID", "inpod"},
                             {"linesStartAt1", true},
                             {"columnsStartAt1", true},
                             {"pathFormat", "path"},
                             {"supportsProgressReporting", true}});
  const int launch = client.send(
      "launch", {{"program", binaries + "/inpod-test-service"}, {"args", {"8080"}}, {"cluster", cluster}});
  client.event("initialized", seconds(60));
  set_breakpoint(client);
  client.must("configurationDone", nullptr, seconds(60));
  const json answer = client.response(launch, seconds(60));
  INFO(answer.dump());
  REQUIRE(answer.value("success", false));
}

std::map<std::string, std::string> locals(DapClient& client, int thread) {
  std::map<std::string, std::string> result;
  const json frames = client.must("stackTrace", {{"threadId", thread}})["stackFrames"];
  CHECK(frames.at(0).value("name", "").find("handle") != std::string::npos);
  const json scopes = client.must("scopes", {{"frameId", frames.at(0)["id"]}});
  for (const auto& scope : scopes.at("scopes")) {
    if (scope.value("name", "").find("egister") != std::string::npos ||
        scope.value("name", "").find("lobal") != std::string::npos)
      continue;
    const json variables = client.must("variables", {{"variablesReference", scope["variablesReference"]}});
    for (const auto& variable : variables.at("variables"))
      result[variable.value("name", "")] = variable.value("value", "");
  }
  return result;
}

void stops_on_a_request(const std::vector<std::string>& adapter) {
  Developer developer;
  auto& shop = Shop::instance();
  DapClient client(developer.dap_command(adapter));
  launch(client);
  // The subscription follows listen(2); until then the pod answers. Each request is sent by another pod.
  Process request(
      {"kubectl", "-n", shop.name_space(), "exec", "client", "--", "sh", "-c",
       "for i in $(seq 300); do curl -sS -m 30 http://web/cart | grep 'by c++' && break; sleep 0.2; done"});
  const json stopped = client.event("stopped", seconds(60));
  const int thread = stopped["body"]["threadId"];
  const auto values = locals(client, thread);
  REQUIRE(values.count("color"));
  CHECK(values.at("color").find("teal") != std::string::npos);
  REQUIRE(values.count("greeting"));
  const json frame = client.must("stackTrace", {{"threadId", thread}})["stackFrames"][0];
  CHECK(evaluate(client, frame, "path.c_str()").find("/cart") != std::string::npos);
  CHECK(evaluate(client, frame, "greeting.c_str()").find("from the pod") != std::string::npos);
  CHECK(shop.ready());  // the health checks go to the pod while the program stands
  client.must("continue", {{"threadId", thread}});
  const auto answer = request.wait(seconds(30));
  CHECK(answer.out == "by c++ /cart teal greeting: grüß dich from the pod\n");
  client.request("disconnect", {{"terminateDebuggee", true}});
  client.wait_exit();
  CHECK(shop.answered_by_pod(seconds(10)));
  CHECK(shop.restarts() == 0);
}

std::string bare_pod_ip() {
  return kubectl(
             {"-n", Shop::instance().name_space(), "get", "pod", "bare", "-o", "jsonpath={.status.podIP}"})
      .out;
}

}  // namespace

TEST_CASE("lldb-dap 19 stops on a request from another pod") {
  stops_on_a_request({debugger("LLDB_DAP_19")});
}

TEST_CASE("lldb-vscode 14 stops on a request from another pod") {
  stops_on_a_request({debugger("LLDB_VSCODE_14")});
}

TEST_CASE("gdb 16 stops on a request from another pod") {
  stops_on_a_request({debugger("GDB16"), "-i", "dap"});
}

TEST_CASE("cdt-gdb-adapter with gdb 13 stops on a request from another pod") {
  stops_on_a_request({debugger("CDT_GDB_ADAPTER")});
}

TEST_CASE("a program is debugged in a pod whose image has no shell") {
  Shop::instance().make_bare_pod();
  Developer developer;
  DapClient client(developer.dap_command({debugger("LLDB_DAP_19")}));
  json cluster = cluster_attributes();
  cluster["target"] = "pod/bare";
  launch(client, cluster);
  Process request({"kubectl", "-n", Shop::instance().name_space(), "exec", "client", "--", "sh", "-c",
                   "for i in $(seq 300); do curl -sS -m 30 http://" + bare_pod_ip() +
                       ":8080/cart | grep 'by c++' && break; sleep 0.2; done"});
  const json stopped = client.event("stopped", seconds(60));
  const int thread = stopped["body"]["threadId"];
  const json frame = client.must("stackTrace", {{"threadId", thread}})["stackFrames"][0];
  CHECK(evaluate(client, frame, "path.c_str()").find("/cart") != std::string::npos);
  client.must("continue", {{"threadId", thread}});
  CHECK_THAT(request.wait(seconds(30)).out, Catch::StartsWith("by c++ /cart"));
  client.request("disconnect", {{"terminateDebuggee", true}});
  client.wait_exit();
}
