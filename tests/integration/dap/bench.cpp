// See bench.hpp.
#include "bench.hpp"

#include <signal.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

namespace inpod::test {
namespace fs = std::filesystem;

namespace {

std::string read_file(const fs::path& path) {
  std::ifstream in(path);
  return {std::istreambuf_iterator<char>(in), {}};
}

template <class Condition>
bool wait_until(milliseconds bound, Condition condition) {
  const auto until = std::chrono::steady_clock::now() + bound;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > until) return false;
    std::this_thread::sleep_for(milliseconds(20));
  }
  return true;
}

}  // namespace

AdapterUnderTest adapter_under_test() {
  const char* key = getenv("DAP_ADAPTER");
  AdapterUnderTest adapter;
  adapter.key = key ? key : "LLDB_DAP_19";
  const std::string path = installed_debugger(adapter.key);
  if (path.empty())
    throw DapError("the debug adapter " + adapter.key +
                   " is not installed: run tests/support/debuggers/install");
  adapter.command = {path};
  adapter.lldb = adapter.key.starts_with("LLDB");
  adapter.gdb = adapter.key == "GDB16";
  adapter.cdt = adapter.key == "CDT_GDB_ADAPTER";
  if (adapter.gdb) adapter.command = {path, "-q", "-i", "dap"};
  adapter.restarts = adapter.key == "LLDB_DAP_19";
  adapter.runs_in_terminal = adapter.lldb;
  adapter.tells_exit = !adapter.cdt;
  return adapter;
}

std::string debuggee_path() {
  return fs::canonical(DAP_DEBUGGEE).string();
}

Bench::Bench() {
  std::string pattern = fs::temp_directory_path() / "inpod-dap-XXXXXX";
  if (!mkdtemp(pattern.data())) throw DapError("mkdtemp failed");
  directory = pattern;
  // An odd name: quoting on the way to the debuggee is part of the test. (ld.so(8) takes no space in
  // LD_PRELOAD.)
  fs::create_directory(directory + "/a'layer");
  fs::copy(DAP_LAYER, directory + "/a'layer/libinpod.so");
  environment = {{"FAKE_LAYER", directory + "/a'layer/libinpod.so"},
                 {"FAKE_LOG", log()},
                 {"PID_FILE", pid_file()},
                 {"UNSET_ME", "local"},
                 {"LOCAL_VALUE", "of this machine"}};
}

Bench::~Bench() {
  std::error_code ignored;
  fs::remove_all(directory, ignored);
}

std::vector<std::string> Bench::server_with(std::vector<std::string> arguments) const {
  arguments.insert(arguments.begin(), DAP_FAKE_INPOD);
  return arguments;
}

std::vector<std::string> Bench::server() const {
  std::vector<std::string> arguments{"--"};
  arguments.insert(arguments.end(), adapter.command.begin(), adapter.command.end());
  return server_with(arguments);
}

json Bench::launch(const std::string& target, const json& more) const {
  json arguments{{"type", "inpod"}, {"request", "launch"}, {"name", "test"}, {"program", debuggee_path()}};
  if (adapter.cdt) {
    arguments["gdb"] = "gdb";
    arguments["arguments"] = "one 'two words'";
    arguments["environment"] = {{"REQUEST_VALUE", "of the request"}};
  } else {
    arguments["args"] = {"one", "two words"};
    arguments["env"] = {{"REQUEST_VALUE", "of the request"}};
  }
  if (!target.empty()) arguments["cluster"] = {{"target", target}};
  arguments.update(more);
  return arguments;
}

json Bench::source() const {
  return {{"name", "debuggee.cpp"}, {"path", DAP_DEBUGGEE_SOURCE}};
}

int Bench::line_of(const std::string& mark) const {
  std::istringstream lines(read_file(DAP_DEBUGGEE_SOURCE));
  int number = 0;
  for (std::string line; std::getline(lines, line);) {
    ++number;
    if (line.find("// " + mark) != std::string::npos) return number;
  }
  throw DapError("no line marked " + mark);
}

std::vector<std::string> Bench::loads() const {
  std::istringstream lines(read_file(log()));
  std::vector<std::string> out;
  for (std::string line; std::getline(lines, line);) out.push_back(line);
  return out;
}

std::set<std::string> Bench::loaded_executables() const {
  std::set<std::string> out;
  for (const auto& line : loads()) out.insert(line.substr(line.find(' ') + 1));
  return out;
}

bool Bench::wait_loaded(milliseconds bound) const {
  return wait_until(bound, [&] { return !loads().empty(); });
}

bool Bench::wait_for_file(const std::string& path, milliseconds bound) const {
  return wait_until(bound, [&] { return fs::exists(path); });
}

bool Bench::marked(const std::string& suffix) const {
  return fs::exists(log() + suffix);
}
bool Bench::wait_marked(const std::string& suffix, milliseconds bound) const {
  return wait_for_file(log() + suffix, bound);
}

pid_t Bench::debuggee(milliseconds bound) const {
  pid_t pid = -1;
  const bool there =
      wait_until(bound, [&] { return static_cast<bool>(std::istringstream(read_file(pid_file())) >> pid); });
  if (!there) throw DapError("the debuggee has not written its pid");
  return pid;
}

json initialize_arguments() {
  return {{"clientID", "test"},
          {"adapterID", "inpod"},
          {"linesStartAt1", true},
          {"columnsStartAt1", true},
          {"pathFormat", "path"},
          {"supportsRunInTerminalRequest", true},
          {"supportsProgressReporting", true}};
}

bool start_debugging(DapClient& client, const Bench& bench, const json& launch, const std::string& mark) {
  client.must("initialize", initialize_arguments());
  const int seq = client.send("launch", launch);
  client.event("initialized");
  if (!mark.empty())
    client.must("setBreakpoints",
                {{"source", bench.source()}, {"breakpoints", {{{"line", bench.line_of(mark)}}}}});
  client.must("configurationDone");
  return client.response(seq).value("success", false);
}

json stack_of(DapClient& client, const json& stopped) {
  return client.must(
      "stackTrace",
      {{"threadId", stopped["body"]["threadId"]}, {"startFrame", 0}, {"levels", 10}})["stackFrames"];
}

std::map<std::string, std::string> locals_of(DapClient& client, const json& stopped) {
  const json frames = stack_of(client, stopped);
  std::map<std::string, std::string> out;
  const json scopes = client.must("scopes", {{"frameId", frames[0]["id"]}});
  for (const auto& scope : scopes["scopes"]) {
    if (scope.value("name", "").find("egister") != std::string::npos) continue;
    const json variables = client.must("variables", {{"variablesReference", scope["variablesReference"]}});
    for (const auto& variable : variables["variables"])
      out[variable.value("name", "")] = variable.value("value", "");
  }
  return out;
}

void resume(DapClient& client, const json& stopped) {
  client.must("continue", {{"threadId", stopped["body"]["threadId"]}});
}

std::vector<pid_t> children_of(pid_t pid) {
  std::istringstream in(
      read_file("/proc/" + std::to_string(pid) + "/task/" + std::to_string(pid) + "/children"));
  std::vector<pid_t> out;
  for (pid_t child; in >> child;) out.push_back(child);
  return out;
}

std::vector<pid_t> family_of(pid_t pid) {
  std::vector<pid_t> out{pid};
  for (std::size_t at = 0; at < out.size(); ++at)
    for (const pid_t child : children_of(out[at])) out.push_back(child);
  return out;
}

std::string process_file(pid_t pid, const std::string& name) {
  return read_file("/proc/" + std::to_string(pid) + "/" + name);
}

bool gone(pid_t pid) {
  const std::string stat = read_file("/proc/" + std::to_string(pid) + "/stat");
  const auto paren = stat.rfind(')');
  return paren == std::string::npos || stat.substr(paren + 2, 1) == "Z";
}

bool wait_gone(pid_t pid, milliseconds bound) {
  return wait_until(bound, [&] { return gone(pid); });
}

}  // namespace inpod::test
