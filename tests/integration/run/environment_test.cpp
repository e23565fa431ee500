// A pod whose environment attacks this machine: whoever can set a variable there must not run code here.
#include <signal.h>
#include <unistd.h>

#include <filesystem>

#include "catch.hpp"
#include "demo_fixture.hpp"

using namespace inpod::test;
namespace fs = std::filesystem;

namespace {

const std::string odd = "it's \"odd\" $HOME `x` \\ grüß dich\nline two\t;";

/// A process in the demo's pod whose variables make whatever reads them leave a mark on this machine.
class HostilePod {
 public:
  HostilePod() {
    const std::string touch = "touch '" + mark() + "'";
    const std::string script = demo_.home().write("evil/script.sh", touch + "\n");
    const std::string evil = fs::path(script).parent_path();
    demo_.home().write("evil/Evil.pm", "package Evil; system(q{" + touch + "}); 1;\n");
    demo_.home().write("evil/evil.js", "require('fs').writeFileSync('" + mark() + "', '')\n");
    demo_.home().write("evil/sitecustomize.py", "open('" + mark() + "', 'w')\n");
    std::vector<std::string> command{
        "nsenter", "-t", std::to_string(demo_.pid()), "-m", "-n", "-p", "-u", "-r", "-w", "--", "env"};
    for (const auto& variable : std::vector<std::string>{
             "BASH_FUNC_exec%%=() { " + touch + "; builtin exec \"$@\"; }",
             "BASH_FUNC_true%%=() { " + touch + "; }", "BASH_ENV=" + script, "ENV=" + script,
             "SHELLOPTS=xtrace", "PS4=$(" + touch + ")", "PROMPT_COMMAND=" + touch, "PERL5OPT=-MEvil",
             "PERL5LIB=" + evil, "NODE_OPTIONS=--require " + evil + "/evil.js", "PYTHONPATH=" + evil,
             "RUBYOPT=-r" + evil + "/evil.rb", "GIT_SSH_COMMAND=" + touch, "SSLKEYLOGFILE=" + mark(),
             "LD_AUDIT=" + evil + "/none.so", "APP_MODE=" + odd, "app.name-x=dotted"})
      command.push_back(variable);
    command.insert(command.end(), {"sleep", "600"});
    ProcessOptions options;
    options.directory = "/";
    keeper_ = std::make_unique<Process>(command, options);
    const bool up = eventually(seconds(10), [&] {
      const auto children = children_of(keeper_->pid());
      return !children.empty() && read_file("/proc/" + std::to_string(children[0]) + "/comm") == "sleep\n";
    });
    INFO(keeper_->err());
    REQUIRE(up);
    pid_ = children_of(keeper_->pid())[0];
  }
  ~HostilePod() { kill(pid_, SIGKILL); }

  std::string target() const { return "local:" + std::to_string(pid_); }
  std::string mark() const { return demo_.home().path() + "/marked"; }
  bool marked() const { return fs::exists(mark()); }
  Outcome inpod(std::vector<std::string> arguments, std::map<std::string, std::string> more = {}) const {
    auto options = demo_.options();
    options.environment.merge(more);
    return demo_.start(std::move(arguments), options)->wait(seconds(60));
  }
  Outcome run(std::vector<std::string> command, std::vector<std::string> flags = {}) const {
    std::vector<std::string> all{"run", "-t", target()};
    all.insert(all.end(), flags.begin(), flags.end());
    all.push_back("--");
    all.insert(all.end(), command.begin(), command.end());
    return inpod(std::move(all));
  }
  const Demo& demo() const { return demo_; }

 private:
  Demo& demo_ = Demo::shared();
  std::unique_ptr<Process> keeper_;
  int pid_ = 0;
};

}  // namespace

TEST_CASE("no program runs code of the pod because of the pod's environment") {
  if (geteuid() != 0) return;  // nsenter
  const HostilePod pod;
  for (const auto& program : std::vector<std::vector<std::string>>{{"bash", "-c", "exec true"},
                                                                   {"bash", "-c", "true"},
                                                                   {"sh", "-c", "true"},
                                                                   {"perl", "-e", "1"},
                                                                   {"node", "-e", "0"},
                                                                   {"python3", "-c", "0"},
                                                                   {"env", "bash", "-c", "true"}}) {
    INFO(program[0]);
    const auto outcome = pod.run(program);
    INFO(outcome.err);
    CHECK(outcome.status == 0);
    CHECK_FALSE(pod.marked());
    CHECK(outcome.err.find("variables that make programs run or read something were left out (") !=
          std::string::npos);
    CHECK(outcome.err.find("2 variables with an unusable name or length left out (BASH_FUNC_exec%%") !=
          std::string::npos);
  }
}

TEST_CASE("an application's variables arrive exactly") {
  if (geteuid() != 0) return;
  const HostilePod pod;
  const std::string show =
      "import os, sys; sys.stdout.write(os.environ['APP_MODE'] + '|' + os.environ['app.name-x'])";
  CHECK(pod.run({"python3", "-c", show}).out == odd + "|dotted");
}

TEST_CASE("a variable that is named in full comes, and only that one") {
  if (geteuid() != 0) return;
  const HostilePod pod;
  const auto all =
      pod.run({"env"}, {"--environment-include=*", "--environment-include=PERL5LIB",
                        "--environment-include=LD_AUDIT", "--environment-include=BASH_FUNC_exec%%"});
  CHECK(all.out.find("PERL5LIB=/") != std::string::npos);
  CHECK(all.out.find("APP_MODE=it's") != std::string::npos);
  for (const char* other : {"PERL5OPT=", "BASH_", "LD_AUDIT="})
    CHECK(all.out.find(other) == std::string::npos);
  CHECK_FALSE(pod.marked());
}

TEST_CASE("an editor is told what was left out before the session is ready") {
  if (geteuid() != 0) return;
  const HostilePod pod;
  auto options = pod.demo().options();
  options.keep_stdin = true;
  const auto session =
      pod.demo().start({"session", "start", "-t", pod.target(), "--program", "/bin/true"}, options);
  REQUIRE(session->wait_for_output("\"ready\"", seconds(60)));
  const auto out = session->out();
  const auto note = out.find("make programs run or read something were left out (");
  CHECK(note < out.find("\"type\":\"ready\""));
  for (const char* name : {"\"PERL5OPT\":", "\"BASH_ENV\":", "BASH_FUNC_exec%%\":"})
    CHECK(out.find(name) == std::string::npos);
  session->close_stdin();
  CHECK(session->wait(seconds(20)).status == 0);
}

TEST_CASE("gdb by another name starts its shell without the pod's variables") {
  if (geteuid() != 0) return;
  const HostilePod pod;
  const auto log = pod.demo().home().path() + "/shell.log";
  const auto shell = pod.demo().home().write(
      "shell", "#!/bin/bash\ncat /proc/$$/environ /proc/$$/cmdline >>'" + log + "'\neval \"$2\"\n", 0755);
  const auto outcome = pod.inpod({"gdb-wrapper", "-nx", "-batch", "-ex", "run", "--args", "/usr/bin/env"},
                                 {{"INPOD_TARGET", pod.target()}, {"SHELL", shell}});
  INFO(outcome.err);
  CHECK(outcome.out.find("APP_MODE=" + odd.substr(0, odd.find('\n'))) != std::string::npos);
  CHECK((outcome.out + outcome.err).find("make programs run or read something were left out (") !=
        std::string::npos);
  const std::string seen = read_file(log);
  CHECK(seen.find("SHELL=" + shell) != std::string::npos);
  for (const char* pods : {"APP_MODE", "odd", "BASH_FUNC", "LD_PRELOAD"})
    CHECK(seen.find(pods) == std::string::npos);
  CHECK_FALSE(pod.marked());
}
