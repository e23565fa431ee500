// `inpod session`: list, stop, and start for editors.
#include <algorithm>
#include <filesystem>
#include <sstream>

#include "catch.hpp"
#include "demo_fixture.hpp"

using namespace inpod::test;

namespace {

std::vector<nlohmann::json> lines(const std::string& text) {
  std::vector<nlohmann::json> values;
  std::istringstream stream(text);
  std::string line;
  while (std::getline(stream, line)) values.push_back(nlohmann::json::parse(line));
  return values;
}

nlohmann::json find(const std::vector<nlohmann::json>& all, const std::string& type) {
  for (const auto& value : all) {
    if (value.at("type") == type) return value;
  }
  return {};
}

std::unique_ptr<Process> start_session(const Demo& demo, std::vector<std::string> more) {
  std::vector<std::string> arguments{"session", "start", "-o", "json", "-t", demo.target()};
  arguments.insert(arguments.end(), more.begin(), more.end());
  auto options = demo.options();
  options.keep_stdin = true;
  return demo.start(arguments, options);
}

}  // namespace

TEST_CASE("session start tells an editor how to launch, and ends with its stdin") {
  auto& demo = Demo::shared();
  auto session = start_session(demo, {"--program", "cat"});
  const bool ready = session->wait_for_output("\"type\":\"ready\"", seconds(30));
  INFO(session->out() << session->err());
  REQUIRE(ready);
  const auto all = lines(session->out());
  CHECK(find(all, "progress").at("stage") == "agent");
  const auto line = find(all, "ready");
  CHECK(line.at("hostname") == "web-0");
  CHECK(line.at("target") == demo.target());
  CHECK(line.at("env").at("WEB_COLOR") == "teal");
  CHECK(line.at("env").at("INPOD_PROGRAM") == std::filesystem::canonical("/bin/cat").string());
  CHECK(line.at("unset").is_array());
  // What an editor does with it:
  ProcessOptions options;
  for (const auto& [name, value] : line.at("env").items())
    options.environment[name] = value.get<std::string>();
  CHECK(run({"/bin/cat", "/etc/hostname"}, options).out == "web-0\n");
  CHECK(session->wait_for_output("\"event\":\"process\"", seconds(10)));

  const auto listed = lines(demo.inpod({"session", "list", "-o", "json"}).out.substr(0));
  REQUIRE(listed.size() == 1);
  CHECK(listed[0].at("id") == line.at("id"));
  CHECK(demo.inpod({"session", "list"}).out.find(line.at("id").get<std::string>()) != std::string::npos);

  session->close_stdin();
  const auto outcome = session->wait(seconds(20));
  CHECK(outcome.status == 0);
  CHECK(demo.sessions_left().empty());
}

TEST_CASE("session start answers requests on its stdin") {
  auto& demo = Demo::shared();
  auto session = start_session(demo, {"--program", "cat"});
  REQUIRE(session->wait_for_output("\"type\":\"ready\"", seconds(30)));
  const auto ask = [&](const std::string& line, int id) {
    session->write_stdin(line + "\n");
    REQUIRE(session->wait_for_output("\"id\":" + std::to_string(id) + ",", seconds(10)));
    for (const auto& value : lines(session->out()))
      if (value.at("type") == "response" && value.at("id") == id) return value;
    return nlohmann::json();
  };
  const auto described = ask(R"({"id": 1, "request": "session"})", 1);
  CHECK(described.at("success") == true);
  CHECK(described.at("body").at("target") == demo.target());
  const auto names = described.at("body").at("environment").get<std::vector<std::string>>();
  CHECK(std::find(names.begin(), names.end(), "WEB_COLOR") != names.end());
  CHECK(std::find(names.begin(), names.end(), "LD_PRELOAD") == names.end());

  const auto file = ask(R"({"id": 2, "request": "readFile", "arguments": {"path": "/etc/hostname"}})", 2);
  CHECK(file.at("body").at("content") == "d2ViLTAK");  // web-0
  const auto port =
      ask(R"({"id": 3, "request": "incoming", "arguments": {"port": 8080, "mode": "steal"}})", 3);
  CHECK(port.at("success") == false);
  CHECK(port.at("text").get<std::string>().find("8080") != std::string::npos);
  int id = 10;
  for (const char* rest :
       {R"("incoming", "arguments": {"port": 99999, "mode": "steal"})",
        R"("incoming", "arguments": {"port": 80, "mode": "stela"})", R"("readFile", "arguments": {})",
        R"("readFile", "arguments": 7)", R"("dance", "arguments": {})"}) {
    INFO(rest);
    ++id;
    CHECK(ask("{\"id\": " + std::to_string(id) + ", \"request\": " + rest + "}", id).at("success") == false);
  }
  session->write_stdin("no json\n");
  CHECK(session->wait_for_output("is no request", seconds(10)));
  session->close_stdin();
  CHECK(session->wait(seconds(20)).status == 0);
  CHECK(demo.sessions_left().empty());
}

TEST_CASE("a request that comes in two halves, before and after the session stands, is answered") {
  auto& demo = Demo::shared();
  auto session = start_session(demo, {"--program", "cat"});
  session->write_stdin(R"({"id": 7, "requ)");
  REQUIRE(session->wait_for_output("\"type\":\"ready\"", seconds(30)));
  session->write_stdin("est\": \"session\"}\n");
  const bool answered = session->wait_for_output("\"id\":7,", seconds(10));
  INFO(session->out());
  CHECK(answered);
  CHECK(session->out().find("is no request") == std::string::npos);
  session->close_stdin();
  CHECK(session->wait(seconds(20)).status == 0);
}

TEST_CASE("session start fails in JSON") {
  auto& demo = Demo::shared();
  auto session = start_session(demo, {"--program", "no-such-program"});
  const auto outcome = session->wait(seconds(20));
  CHECK(outcome.status == 125);
  CHECK(find(lines(outcome.out), "error").at("text").get<std::string>().find("no-such-program") !=
        std::string::npos);
  const auto syscalls =
      start_session(demo, {"--program", "cat", "--interception", "syscalls"})->wait(seconds(20));
  CHECK(syscalls.status == 125);
  CHECK(find(lines(syscalls.out), "error").at("text").get<std::string>().find("not in this version") !=
        std::string::npos);
}

TEST_CASE("session start fails when its stdin ends before the session stands") {
  auto& demo = Demo::shared();
  for (const char* target : {"local:999999999", "pod/none"}) {
    const auto outcome =
        demo.inpod({"session", "start", "-o", "json", "-t", target, "--kubeconfig", "/dev/null"});
    INFO(outcome.out << outcome.err);
    CHECK(outcome.status == 125);
    CHECK_FALSE(find(lines(outcome.out), "error").at("text").get<std::string>().empty());
  }
  auto session = start_session(demo, {"--program", "cat"});
  session->close_stdin();  // just after the start; the session may stand already
  const auto outcome = session->wait(seconds(20));
  if (outcome.out.find("\"type\":\"ready\"") == std::string::npos) CHECK(outcome.status == 125);
  CHECK(demo.sessions_left().empty());
}

TEST_CASE("session stop ends program and session") {
  auto& demo = Demo::shared();
  auto process =
      demo.start(demo.run_command({"python3", "-u", "-c", "import time; print('up'); time.sleep(60)"}));
  REQUIRE(process->wait_for_output("up", seconds(30)));
  const auto id = lines(demo.inpod({"session", "list", "-o", "json"}).out).at(0).at("id").get<std::string>();
  const auto stopped = demo.inpod({"session", "stop", id});
  CHECK(stopped.status == 0);
  CHECK(stopped.err == "inpod: stopped session " + id + " (" + demo.target() + ")\n");
  CHECK(process->wait(seconds(20)).status == 143);
  CHECK(demo.sessions_left().empty());
  const auto again = demo.inpod({"session", "stop", id});
  CHECK(again.status == 125);
  CHECK(again.err.find("no session with id") != std::string::npos);
}
