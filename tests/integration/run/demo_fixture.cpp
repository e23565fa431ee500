// Starting the demo for tests.
#include "demo_fixture.hpp"

#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "catch.hpp"

namespace inpod::test {
namespace fs = std::filesystem;

Demo::Demo(uid_t uid) : uid_(uid) {
  fs::create_directory(home_.path() + "/run");
  chmod((home_.path() + "/run").c_str(), 0700);
  if (uid != 0) {
    REQUIRE(chown(home_.path().c_str(), uid, uid) == 0);
    REQUIRE(chown((home_.path() + "/run").c_str(), uid, uid) == 0);
  }
  keeper_ = start({"demo", "up", "--foreground", "-o", "json"});
  const bool up = keeper_->wait_for_output("}\n", seconds(30));
  INFO(keeper_->err());
  REQUIRE(up);
  const auto text = keeper_->out();
  state_ = nlohmann::json::parse(text.substr(0, text.find('\n')));
}

Demo::~Demo() {
  keeper_->signal(SIGTERM);
  keeper_->wait(seconds(10));
}

Demo& Demo::shared() {
  static Demo demo;
  return demo;
}

std::string Demo::runtime_root() const {
  return home_.path() + "/run/inpod-" + std::to_string(uid_ == 0 ? geteuid() : uid_);
}

std::vector<std::string> Demo::sessions_left() const {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(runtime_root())) {
    const auto name = entry.path().filename().string();
    if (name.rfind("demo", 0) != 0) names.push_back(name);
  }
  return names;
}

ProcessOptions Demo::options() const {
  ProcessOptions options;
  options.environment = {
      {"XDG_RUNTIME_DIR", home_.path() + "/run"},
      {"HOME", home_.path()},
      {"XDG_STATE_HOME", home_.path() + "/state"},
      {"PATH", "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"}};  // the system's programs, not root's
  options.unset = {"INPOD_LAYER", "INPOD_AGENT", "LD_PRELOAD"};
  options.directory = home_.path();
  options.uid = uid_;
  return options;
}

std::unique_ptr<Process> Demo::start(std::vector<std::string> arguments, ProcessOptions options) const {
  arguments.insert(arguments.begin(), INPOD);
  return std::make_unique<Process>(std::move(arguments), std::move(options));
}

Outcome Demo::inpod(std::vector<std::string> arguments) const {
  return start(std::move(arguments))->wait(seconds(60));
}

std::vector<std::string> Demo::run_command(std::vector<std::string> command,
                                           std::vector<std::string> flags) const {
  std::vector<std::string> all{"run", "-t", target()};
  all.insert(all.end(), flags.begin(), flags.end());
  all.push_back("--");
  all.insert(all.end(), command.begin(), command.end());
  return all;
}

Outcome Demo::run(std::vector<std::string> command, std::vector<std::string> flags) const {
  return inpod(run_command(std::move(command), std::move(flags)));
}

Outcome Demo::inside(std::vector<std::string> command) const {
  std::vector<std::string> all{"nsenter", "-t", std::to_string(pid()),    "-m", "-n",
                               "-p",      "-u", "--preserve-credentials", "-r", "-w"};
  if (uid_ != 0) all.push_back("-U");
  all.push_back("--");
  all.insert(all.end(), command.begin(), command.end());
  ProcessOptions options;
  options.uid = uid_;
  options.directory = "/";
  return test::run(std::move(all), std::move(options));
}

std::vector<int> children_of(int pid) {
  std::vector<int> children;
  std::ifstream file("/proc/" + std::to_string(pid) + "/task/" + std::to_string(pid) + "/children");
  int child = 0;
  while (file >> child) children.push_back(child);
  return children;
}

bool process_lives(int pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
  std::string content;
  std::getline(file, content);
  const auto name_end = content.rfind(')');
  return name_end != std::string::npos && content[name_end + 2] != 'Z';
}

}  // namespace inpod::test
