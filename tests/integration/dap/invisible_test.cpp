// One conversation twice, with the bare adapter and through the proxy: without a cluster the client must get
// the same messages, whatever it asks, also past the end.
#include <algorithm>
#include <regex>

#include "bench.hpp"
#include "catch.hpp"

using namespace inpod::test;
using namespace std::chrono_literals;

namespace {

/// What a client got, without what differs from one run of a program to the next.
struct Transcript {
  std::vector<std::string> answers;  ///< in the order of the requests
  std::vector<std::string> events;   ///< those that tell the program's course, in order
  std::vector<std::string> others;   ///< all others, sorted: modules and threads come as they are found
  std::map<std::string, std::string> output;  ///< by category: the pieces differ
};

class Conversation {
 public:
  Conversation(const std::vector<std::string>& command, const Bench& bench)
      : bench_(bench), client_(command, bench.environment) {}

  Transcript hold() {
    launch();
    look();
    resume_to_end();
    ask("disconnect", json::object());
    ask_past_the_end();
    client_.close_input();
    client_.wait_end(10s);
    client_.wait_exit();
    sort_messages();
    return transcript_;
  }

 private:
  void launch() {
    ask("initialize", initialize_arguments());
    json arguments = bench_.launch("");
    arguments.erase("type");  // "inpod" would be answered by advice
    const int seq = client_.send("launch", arguments);
    client_.event("initialized");
    ask("setBreakpoints", {{"source", bench_.source()},
                           {"breakpoints", {{{"line", bench_.line_of("BREAK")}}, {{"line", 100000}}}}});
    ask("setFunctionBreakpoints", {{"breakpoints", json::array()}});
    ask("setExceptionBreakpoints", {{"filters", json::array()}});
    ask("configurationDone", nullptr);
    note(client_.response(seq));
  }

  void look() {
    const json thread = client_.event("stopped")["body"]["threadId"];
    pid_ = process_id();
    thread_ = {{"threadId", thread}};
    ask("threads", nullptr);
    const json frames = ask("stackTrace", thread_)["body"]["stackFrames"];
    const json frame{{"frameId", frames[0]["id"]}};
    const json scopes = ask("scopes", frame)["body"]["scopes"];
    for (const auto& scope : scopes)
      if (scope.value("name", "").find("egister") == std::string::npos)
        ask("variables", {{"variablesReference", scope["variablesReference"]}});
    for (const char* expression : {"number * 2", "no_such_name"})
      ask("evaluate", {{"expression", expression}, {"context", "watch"}, {"frameId", frames[0]["id"]}});
    ask("source", {{"sourceReference", 99999}});
    ask("next", thread_);
    client_.event("stopped");
    ask("stackTrace", thread_);
  }

  /// gdb by itself takes PID_FILE out of the program's environment, and cdt tells no process.
  std::string process_id() {
    for (const auto& message : client_.messages())
      if (message.value("event", "") == "process") return message["body"]["systemProcessId"].dump();
    return std::to_string(bench_.debuggee());
  }

  void resume_to_end() {
    ask("continue", thread_);
    client_.event("terminated");
    client_.output("worked ");
  }

  void ask_past_the_end() {
    try {
      const int seq = client_.send("threads");
      transcript_.answers.push_back(shown(client_.response(seq, 3s)));
    } catch (const DapError&) {
      transcript_.answers.push_back("none");
    }
  }

  json ask(const std::string& command, const json& arguments) {
    const json answer = client_.request(command, arguments);
    note(answer);
    return answer;
  }
  void note(const json& answer) { answers_.push_back(answer); }

  void sort_messages() {
    std::vector<std::string> all;
    for (const auto& answer : answers_) all.push_back(shown(answer));
    transcript_.answers.insert(transcript_.answers.begin(), all.begin(), all.end());
    static const std::set<std::string> course{"initialized", "process",    "stopped",
                                              "continued",   "terminated", "exited"};
    bool over = false;
    for (const auto& message : client_.messages()) {
      over = over || message.value("command", "") == "disconnect";
      if (message.value("type", "") != "event") continue;
      const std::string name = message["event"];
      if (name == "output" && over) continue;  // lldb-dap 19 aborts, and gets as far as it gets
      if (name == "output")
        transcript_.output[message["body"].value("category", "")] +=
            without_numbers(message["body"].value("output", ""));
      else
        (course.contains(name) ? transcript_.events : transcript_.others).push_back(shown(message));
    }
    std::sort(transcript_.others.begin(), transcript_.others.end());
  }

  std::string shown(json message) const {
    message.erase("seq");
    message.erase("request_seq");
    message.erase("statistics");  // of lldb-dap, which measures times
    if (message.contains("body") && message["body"].is_object()) {
      message["body"].erase("statistics");
      message["body"].erase("$__lldb_statistics");
      message["body"].erase("startTime");
    }
    return without_numbers(message.dump());
  }

  /// Process ids, which are thread ids as well, and addresses.
  std::string without_numbers(std::string text) const {
    static const std::regex address("0x[0-9a-fA-F]+");
    text = std::regex_replace(text, address, "ADDRESS");
    if (!pid_.empty()) text = std::regex_replace(text, std::regex("\\b" + pid_ + "\\b"), "PID");
    return text;
  }

  const Bench& bench_;
  DapClient client_;
  json thread_;
  std::string pid_;
  std::vector<json> answers_;
  Transcript transcript_;
};

void check_same(const std::vector<std::string>& proxied, const std::vector<std::string>& bare) {
  CHECK(proxied.size() == bare.size());
  for (std::size_t i = 0; i < std::min(proxied.size(), bare.size()); ++i) CHECK(proxied[i] == bare[i]);
}

}  // namespace

TEST_CASE("without a cluster the client gets what the bare adapter says", "[adapter]") {
  Bench bench;
  const Transcript bare = Conversation(bench.adapter.command, bench).hold();
  const Transcript proxied = Conversation(bench.server(), bench).hold();
  REQUIRE(bare.answers.size() > 10);
  REQUIRE(bare.events.size() >= 4);
  check_same(proxied.answers, bare.answers);
  check_same(proxied.events, bare.events);
  check_same(proxied.others, bare.others);
  for (const auto& [category, text] : bare.output) CHECK(proxied.output.at(category) == text);
  CHECK(proxied.output.size() == bare.output.size());
}
