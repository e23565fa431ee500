// `inpod demo` and the commands that need no session: as root and as an ordinary user, and killed.
#include <signal.h>
#include <unistd.h>

#include <filesystem>

#include "catch.hpp"
#include "demo_fixture.hpp"

using namespace inpod::test;
namespace fs = std::filesystem;

namespace {

std::vector<int> demo_pids(const Demo& demo) {
  return {demo.state().value("client", 0), demo.pid()};
}

bool gone(const std::vector<int>& pids) {
  return eventually(seconds(5), [&] { return !process_lives(pids[0]) && !process_lives(pids[1]); });
}

}  // namespace

TEST_CASE("an ordinary user has a demo and runs programs in it") {
  if (geteuid() != 0) return;  // the other tests are that already
  Demo demo(23456);
  CHECK(demo.inside({"hostname"}).out == "web-0\n");
  const auto config = demo.run({"cat", "/etc/web/config.yaml"});
  CHECK(config.err == "");
  CHECK(config.out == "greeting: hello from the pod\ncolor: teal\nlimit: 42\n");
  CHECK(demo.run({"curl", "-sS", "-m", "20", "http://web:8080/"}).out.find("hello from the pod") !=
        std::string::npos);
}

TEST_CASE("the client asks the pod every second and prints what it answers") {
  auto& demo = Demo::shared();
  CHECK(eventually(seconds(10),
                   [&] { return demo.answers().find("\"secret_length\": 18") != std::string::npos; }));
}

TEST_CASE("the demo ends with its keeper, however that ends") {
  for (const int number : {SIGTERM, SIGINT, SIGKILL}) {
    Demo demo;
    const auto pids = demo_pids(demo);
    demo.keeper_process().signal(number);
    CHECK_FALSE(demo.keeper_process().wait(seconds(10)).timed_out);
    CHECK(gone(pids));
    if (number != SIGKILL) CHECK_FALSE(fs::exists(demo.runtime_root() + "/demo"));
    CHECK(demo.inpod({"demo", "status"}).status == 1);
    CHECK(demo.inpod({"demo", "down"}).status == 0);
    CHECK_FALSE(fs::exists(demo.runtime_root() + "/demo"));
  }
}

TEST_CASE("the demo ends when its service does") {
  Demo demo;
  kill(demo.pid(), SIGKILL);
  CHECK_FALSE(demo.keeper_process().wait(seconds(10)).timed_out);
  CHECK_FALSE(fs::exists(demo.runtime_root() + "/demo"));
}

TEST_CASE("up in the background, status, targets, down") {
  const TemporaryDirectory home;
  ProcessOptions options;
  options.environment = {{"XDG_RUNTIME_DIR", home.path()}, {"HOME", home.path()}};
  options.unset = {"KUBECONFIG"};
  const auto up = run({INPOD, "demo", "up", "-o", "json"}, options);
  INFO(up.err);
  REQUIRE(up.status == 0);
  const auto state = nlohmann::json::parse(up.out);
  CHECK(nlohmann::json::parse(run({INPOD, "demo", "up", "-o", "json"}, options).out) ==
        state);  // the same one
  CHECK(nlohmann::json::parse(run({INPOD, "demo", "status", "-o", "json"}, options).out) == state);
  const auto targets = run({INPOD, "targets", "-o", "json"}, options);
  CHECK(targets.status == 0);
  CHECK(nlohmann::json::parse(targets.out).at("target") == state.at("target"));
  CHECK(eventually(seconds(10), [&] {
    return read_file(state.at("log").get<std::string>()).find("hello from the pod") != std::string::npos;
  }));
  const auto check =
      run({INPOD, "check", "-t", state.at("target").get<std::string>(), "-o", "json"}, options);
  INFO(check.out << check.err);
  CHECK(check.out.find("\"check\":\"agent\",\"remedy\":\"\",\"status\":\"ok\"") != std::string::npos);
  CHECK(check.out.find("\"check\":\"layer\",\"remedy\":\"\",\"status\":\"ok\"") != std::string::npos);
  CHECK(run({INPOD, "demo", "down"}, options).status == 0);
  CHECK(gone({state.at("client").get<int>(), state.at("pid").get<int>()}));
  CHECK(fs::is_empty(home.path() + "/inpod-" + std::to_string(geteuid())));
}

TEST_CASE("every command explains itself, and bad usage is 125") {
  for (const std::vector<std::string>& command : {std::vector<std::string>{},
                                                  {"run"},
                                                  {"dap"},
                                                  {"targets"},
                                                  {"check"},
                                                  {"session"},
                                                  {"session", "list"},
                                                  {"session", "stop"},
                                                  {"session", "start"},
                                                  {"demo"},
                                                  {"demo", "up"},
                                                  {"schema"}}) {
    std::vector<std::string> all{INPOD};
    all.insert(all.end(), command.begin(), command.end());
    all.push_back("--help");
    const auto help = run(all);
    INFO((command.empty() ? "" : command.back()));
    CHECK(help.status == 0);
    CHECK(help.out.find("Example") != std::string::npos);
  }
  CHECK(run({INPOD, "--version"}).out.rfind("inpod 0.", 0) == 0);
  CHECK(run({INPOD}).status == 125);
  const auto misspelt = run({INPOD, "run", "--stael"});
  CHECK(misspelt.status == 125);
  CHECK(misspelt.err.rfind("inpod: ", 0) == 0);
  CHECK(misspelt.err.find("--stael") != std::string::npos);
  CHECK(run({INPOD, "rnu"}).status == 125);
  CHECK(run({INPOD, "run", "--no-such-flag"}).status == 125);
  CHECK(run({INPOD, "run", "--steal", "--mirror", "--", "true"}).status == 125);
  CHECK(nlohmann::json::parse(run({INPOD, "schema"}).out).at("additionalProperties") == false);
}
