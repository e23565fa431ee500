// dap-drive: what an editor does at the press of its debug button, from a command line: starts a DAP server,
// launches a program with a breakpoint, shows where it stopped with stack and variables, goes on to the end.
//
// `dap-drive --help` lists the flags. Exit code: the program's own, or 125 when the session failed.
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iostream>

#include "support/dap_client.hpp"

using inpod::test::DapClient;
using inpod::test::DapError;
using inpod::test::json;
using std::chrono::milliseconds;

namespace {

constexpr const char* usage =
    "usage: dap-drive --program P [--source F --line N] [--cluster JSON] [--debugger X] [--arg A]… [--times "
    "N] [--seconds N]\n"
    "                 [--then CMD] [--until CMD] -- SERVER…\n"
    "Launches P through the DAP server SERVER as an editor would, shows where it stops, and goes on to its "
    "end.\n"
    "  --source F --line N  where to stop\n"
    "  --times N            how often to stop before the breakpoint goes (1)\n"
    "  --cluster JSON       launch.json's \"cluster\"\n"
    "  --debugger X         launch.json's \"debugger\"\n"
    "  --arg A              an argument of P; once for each\n"
    "  --then CMD           a shell command started once P runs, such as a request that makes it stop\n"
    "  --until CMD          a shell command tried again and again after the last stop; when it succeeds, P "
    "is ended\n"
    "  --seconds N          the time for all of it (120)\n"
    "Example: dap-drive --program ./web --source web.cpp --line 12 --cluster '{\"target\": "
    "\"deployment/web\"}' -- inpod dap\n"
    "Exit code: the program's own, or 125 when the session failed.\n";

struct Options {
  std::string program, source, cluster, debugger, then, until;
  int line = 0, times = 1;
  std::vector<std::string> arguments, server;
  milliseconds bound{120000};
};

Options parse(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string flag = argv[i];
    if (flag == "--") {
      options.server.assign(argv + i + 1, argv + argc);
      break;
    }
    if (i + 1 >= argc) throw DapError(flag + " needs a value");
    const std::string value = argv[++i];
    if (flag == "--program")
      options.program = value;
    else if (flag == "--source")
      options.source = value;
    else if (flag == "--line")
      options.line = std::stoi(value);
    else if (flag == "--cluster")
      options.cluster = value;
    else if (flag == "--debugger")
      options.debugger = value;
    else if (flag == "--arg")
      options.arguments.push_back(value);
    else if (flag == "--times")
      options.times = std::stoi(value);
    else if (flag == "--seconds")
      options.bound = std::chrono::seconds(std::stoi(value));
    else if (flag == "--then")
      options.then = value;
    else if (flag == "--until")
      options.until = value;
    else
      throw DapError("unknown flag " + flag);
  }
  if (options.program.empty() || options.server.empty())
    throw DapError("--program P and -- SERVER… are needed; dap-drive --help says more");
  return options;
}

/// Prints output events as they stand, once each.
class Printer {
 public:
  explicit Printer(const DapClient& client) : client_(client) {}
  void flush() {
    for (; printed_ < client_.messages().size(); ++printed_) {
      const json& message = client_.messages()[printed_];
      const std::string name = message.value("event", "");
      const json body = message.value("body", json::object());
      if (name == "output") print_output(body);
      if (name == "progressStart" || name == "progressUpdate")
        std::cout << "  … " << body.value("message", "") << "\n";
      if (name == "inpod/activity") activity_ = body;
    }
    std::cout.flush();
  }
  bool saw_request() const {
    for (const auto& port : activity_.value("incoming", json::array()))
      if (port.value("requests", 0) > 0) return true;
    return false;
  }
  /// What the session did, in two lines.
  void show_activity() const {
    if (!activity_.is_object()) return;
    const json files = activity_.value("files", json::object());
    std::cout << "  read from the pod: " << files.value("items", json::array()).dump() << "\n";
    for (const auto& port : activity_.value("incoming", json::array()))
      std::cout << "  port " << port.value("port", 0) << ", " << port.value("mode", "") << ": "
                << port.value("requests", 0) << " request(s) came here\n";
  }

 private:
  static void print_output(const json& body) {
    const std::string text = body.value("output", ""), category = body.value("category", "console");
    if (category == "telemetry") return;
    std::cout << (category == "stdout" ? "  │ " : "  · ") << text << (text.ends_with('\n') ? "" : "\n");
  }
  const DapClient& client_;
  std::size_t printed_ = 0;
  json activity_ = json::object();
};

void show_stop(DapClient& client, const json& stopped) {
  const int thread = stopped["body"].value("threadId", 1);
  std::cout << "■ stopped: " << stopped["body"].value("reason", "") << "\n";
  const json frames = client.must("stackTrace", {{"threadId", thread}, {"startFrame", 0}, {"levels", 6}})
                          .value("stackFrames", json::array());
  int depth = 0;
  for (const auto& frame : frames) {
    const std::string path = frame.contains("source") ? frame["source"].value("path", "") : "";
    std::cout << "    #" << depth++ << " " << frame.value("name", "?");
    if (!path.empty()) std::cout << "  " << path.substr(path.rfind('/') + 1) << ":" << frame.value("line", 0);
    std::cout << "\n";
  }
  if (frames.empty()) return;
  for (const auto& scope :
       client.must("scopes", {{"frameId", frames[0]["id"]}}).value("scopes", json::array())) {
    if (scope.value("expensive", false) || scope.value("name", "").find("egister") != std::string::npos ||
        scope.value("name", "") == "Globals")
      continue;
    std::cout << "    " << scope.value("name", "") << ":\n";
    for (const auto& variable :
         client.must("variables", {{"variablesReference", scope["variablesReference"]}})
             .value("variables", json::array()))
      std::cout << "      " << variable.value("name", "") << " = " << variable.value("value", "") << "\n";
  }
}

json launch_arguments(const Options& options) {
  json launch{{"type", "inpod"}, {"request", "launch"}, {"name", "dap-drive"}, {"program", options.program}};
  if (!options.arguments.empty()) launch["args"] = options.arguments;
  if (!options.cluster.empty()) launch["cluster"] = json::parse(options.cluster);
  if (!options.debugger.empty())
    launch["debugger"] =
        options.debugger.starts_with('{') ? json::parse(options.debugger) : json(options.debugger);
  return launch;
}

pid_t start_shell(const std::string& command) {
  pid_t pid = -1;
  const char* argv[] = {"sh", "-c", command.c_str(), nullptr};
  if (posix_spawnp(&pid, "sh", nullptr, nullptr, const_cast<char**>(argv), environ) != 0)
    throw DapError("cannot start " + command);
  return pid;
}

int drive(const Options& options) {
  DapClient client(options.server);
  Printer printer(client);
  client.must("initialize", {{"clientID", "dap-drive"},
                             {"adapterID", "inpod"},
                             {"linesStartAt1", true},
                             {"columnsStartAt1", true},
                             {"pathFormat", "path"},
                             {"supportsProgressReporting", true}});
  const int launch = client.send("launch", launch_arguments(options));
  // gdb answers launch only after configurationDone; a failed launch brings no `initialized`.
  const auto until = std::chrono::steady_clock::now() + options.bound;
  while (!client.try_event("initialized", milliseconds(200))) {
    printer.flush();
    for (const auto& message : client.messages())
      if (message.value("type", "") == "response" && message.value("request_seq", 0) == launch &&
          !message.value("success", false))
        throw DapError(message.contains("body") && message["body"].contains("error")
                           ? message["body"]["error"].value("format", "")
                           : message.value("message", "the launch failed"));
    if (std::chrono::steady_clock::now() > until) throw DapError("the launch takes too long");
  }
  const json source{{"path", options.source}};
  if (options.line > 0) {
    const json set =
        client.must("setBreakpoints", {{"source", source}, {"breakpoints", {{{"line", options.line}}}}});
    std::cout << "● breakpoint at " << options.source.substr(options.source.rfind('/') + 1) << ":"
              << options.line << "\n";
  }
  client.must("configurationDone");
  const json launched = client.response(launch, options.bound);
  printer.flush();
  if (!launched.value("success", false)) throw DapError(launched.value("message", "the launch failed"));
  const pid_t then = options.then.empty() ? -1 : start_shell(options.then);
  int stops = 0;
  while (!client.try_event("terminated", milliseconds(100))) {
    printer.flush();
    if (std::chrono::steady_clock::now() > until) throw DapError("the program takes too long");
    if (stops >= options.times && !options.until.empty() && std::system(options.until.c_str()) == 0) break;
    const auto stopped = client.try_event("stopped", milliseconds(100));
    if (!stopped) continue;
    show_stop(client, *stopped);
    if (++stops == options.times && options.line > 0)
      client.must("setBreakpoints", {{"source", source}, {"breakpoints", json::array()}});
    client.must("continue", {{"threadId", (*stopped)["body"].value("threadId", 1)}});
    std::cout << "▶ continued\n";
  }
  // What came last is told some moments later.
  const auto told = std::chrono::steady_clock::now() + std::chrono::seconds(3);
  while (!options.until.empty() && !printer.saw_request() && std::chrono::steady_clock::now() < told &&
         !client.try_event("terminated", milliseconds(100)))
    printer.flush();
  printer.flush();
  printer.show_activity();
  const auto exited = client.try_event("exited", milliseconds(200));
  const int code = exited ? (*exited)["body"].value("exitCode", 0) : 0;
  if (exited) std::cout << "■ the program ended with exit code " << code << "\n";
  client.request("disconnect", {{"terminateDebuggee", true}});
  client.wait_exit();
  if (then > 0) waitpid(then, nullptr, 0);
  return code;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc > 1 && (std::strcmp(argv[1], "--help") == 0 || std::strcmp(argv[1], "-h") == 0)) {
    std::cout << usage;
    return 0;
  }
  try {
    return drive(parse(argc, argv));
  } catch (const std::exception& error) {
    std::cerr << "dap-drive: " << error.what() << "\n";
    return 125;
  }
}
