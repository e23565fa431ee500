// CLion's DAP route on the real cluster. The client does what CLion is documented to do: it starts the
// configured debugger on stdio, fills the macros of the launch parameters in ($Executable$, $Arguments$,
// $WorkingDir$, and $Environment$ as an object or $EnvironmentArray$ as an array), and sends the result as
// the arguments of `launch`. The parameters are those of docs/clion.md, read from that page.
#include "catch.hpp"
#include "cluster.hpp"
#include "debugging.hpp"

using namespace inpod::test;

namespace {

// The JSON block of the page that holds `macro`.
std::string documented(const std::string& macro) {
  const std::string page = read_file(sources + "/docs/clion.md");
  for (std::size_t at = page.find("```json\n"); at != std::string::npos;
       at = page.find("```json\n", at + 1)) {
    const std::size_t begin = at + 8, end = page.find("```", begin);
    const std::string block = page.substr(begin, end - begin);
    if (block.find("\"" + macro + "\"") != std::string::npos) return block;
  }
  throw std::runtime_error("docs/clion.md has no parameters with " + macro);
}

void replace(std::string& text, const std::string& what, const std::string& with) {
  for (std::size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + with.size()))
    text.replace(at, what.size(), with);
}

// How the editor fills the macros in: with values in the place of the strings, or with text inside them.
// CLion's help does not say.
enum class Filled { values, text };

json launch_parameters(const std::string& macro, Filled filled, const std::string& directory) {
  std::string text = documented(macro);
  replace(text, "$Executable$", binaries + "/inpod-test-service");
  replace(text, "$WorkingDir$", directory);
  const bool values = filled == Filled::values;
  const std::string mark = values ? "\"" : "";
  replace(text, mark + "$Arguments$" + mark, values ? R"(["8080"])" : "8080");
  replace(text, mark + "$EnvironmentArray$" + mark, values ? R"(["MINE=from CLion"])" : "MINE=from CLion");
  replace(text, mark + "$Environment$" + mark, values ? R"({"MINE": "from CLion"})" : "MINE=from CLion");
  json parameters = json::parse(text);
  parameters["cluster"]["target"] = "deployment/web";
  parameters["cluster"]["namespace"] = Shop::instance().name_space();
  return parameters;
}

/// The debuggee's pid, as its layer told it.
int debuggee(DapClient& client) {
  for (;;)
    if (const json body = client.event("inpod/session")["body"]; body.value("event", "") == "process")
      return body["pid"];
}

void stops_on_a_request(const std::vector<std::string>& adapter, const std::string& macro,
                        Filled filled = Filled::values) {
  Developer developer;
  auto& shop = Shop::instance();
  DapClient client(developer.dap_command(adapter));
  client.must("initialize", {{"clientID", "CLion"},
                             {"clientName", "CLion"},
                             {"adapterID", "inpod"},
                             {"linesStartAt1", true},
                             {"columnsStartAt1", true},
                             {"pathFormat", "path"},
                             {"supportsRunInTerminalRequest", true}});
  const int launch = client.send("launch", launch_parameters(macro, filled, developer.home()));
  client.event("initialized", seconds(90));
  set_breakpoint(client);
  client.must("configurationDone", json::object(), seconds(60));
  const json answer = client.response(launch, seconds(60));
  INFO(answer.dump());
  REQUIRE(answer.value("success", false));
  Process request(
      {"kubectl", "-n", shop.name_space(), "exec", "client", "--", "sh", "-c",
       "for i in $(seq 300); do curl -sS -m 30 http://web/clion | grep 'by c++' && break; sleep 0.2; done"});
  const json stopped = client.event("stopped", seconds(90));
  const int thread = stopped["body"]["threadId"];
  const json frame =
      client.must("stackTrace", {{"threadId", thread}, {"startFrame", 0}, {"levels", 20}})["stackFrames"].at(
          0);
  CHECK(evaluate(client, frame, "color").find("teal") != std::string::npos);
  CHECK(read_file("/proc/" + std::to_string(debuggee(client)) + "/environ").find("MINE=from CLion") !=
        std::string::npos);
  CHECK(shop.ready());
  client.must("continue", {{"threadId", thread}});
  CHECK(request.wait(seconds(30)).out.find("by c++ /clion teal") == 0);
  client.request("disconnect", {{"terminateDebuggee", true}});
  client.wait_exit();
  CHECK(shop.answered_by_pod(seconds(10)));
}

}  // namespace

TEST_CASE("$Environment$ with lldb-dap 19, which itself knows arrays only") {
  stops_on_a_request({debugger("LLDB_DAP_19")}, "$Environment$");
}

TEST_CASE("$EnvironmentArray$ with lldb-dap 19") {
  stops_on_a_request({debugger("LLDB_DAP_19")}, "$EnvironmentArray$");
}

TEST_CASE("macros filled in as text, with lldb-dap 19") {
  stops_on_a_request({debugger("LLDB_DAP_19")}, "$Environment$", Filled::text);
}

TEST_CASE("$EnvironmentArray$ with gdb 16, which itself knows objects only") {
  stops_on_a_request({debugger("GDB16"), "-i", "dap"}, "$EnvironmentArray$");
}

TEST_CASE("$Environment$ with cdt-gdb-adapter, which itself calls it environment") {
  stops_on_a_request({debugger("CDT_GDB_ADAPTER")}, "$Environment$");
}
