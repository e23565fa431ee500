// `inpod-gdb` and `inpod-lldb` with real debuggers on the demo's pod: the program gets the pod's environment
// to the byte, whatever the user tells the debugger, or is stopped.
#include <algorithm>
#include <filesystem>

#include "catch.hpp"
#include "demo_fixture.hpp"
#include "support/installed_debugger.hpp"

using namespace inpod::test;
using nlohmann::json;
namespace fs = std::filesystem;

namespace {

using Words = std::vector<std::string>;

/// Values that some layer on the way has a meaning for.
const std::map<std::string, std::string> odd{{"T_BACKTICK", "`date`"},
                                             {"T_BACKTICKS", "a`b\\`c``"},
                                             {"T_SINGLE", "it's 'quoted'"},
                                             {"T_STARTS_SINGLE", "'a"},
                                             {"T_DOUBLE", "\"quoted\""},
                                             {"T_ENDS_DOUBLE", "a\""},
                                             {"T_DOLLAR", "$HOME ${HOME} $(date)"},
                                             {"T_BACKSLASH", "\\a\\\\b\\"},
                                             {"T_PERCENT", "%s%n %%"},
                                             {"T_UTF_8", "é→😀"},
                                             {"T_EMPTY", ""},
                                             {"T_DASH", "-x --yes"},
                                             {"T_SPACES", "  a\t b  "},
                                             {"T_SIGNS", "#!;&|<>(){}[]*?~,="},
                                             {"T_LONG", std::string(20000, 'x')},
                                             {"T_last", "after all others"}};
const std::map<std::string, std::string> several_lines{{"T_LINES", "one\n`two`\n\n'four'"},
                                                       {"T_NEWLINE", "\n"}};

/// A project whose configuration sets those variables for the demo's pod.
class Project {
 public:
  explicit Project(const json& variables) {
    directory_.write(".inpod/config.json",
                     json{{"target", Demo::shared().target()}, {"environment", {{"set", variables}}}}.dump());
    Demo::shared().inpod({"trust", "--yes", file(".inpod/config.json")});
  }
  std::string file(const std::string& name) const { return directory_.path() + "/" + name; }
  Outcome run(const std::string& wrapper, Words arguments,
              std::map<std::string, std::string> more = {}) const {
    auto options = Demo::shared().options();
    options.directory = directory_.path();
    options.environment.merge(more);
    arguments.insert(arguments.begin(), (fs::path(INPOD).parent_path() / wrapper).string());
    auto outcome = inpod::test::run(std::move(arguments), std::move(options), seconds(90));
    std::erase(outcome.out, '\r');  // a pseudo-terminal brings carriage returns
    return outcome;
  }

 private:
  TemporaryDirectory directory_;
};

Words each_as(const char* flag, const Words& commands, const Words& program) {
  Words words;
  for (const auto& command : commands) words.insert(words.end(), {flag, command});
  words.insert(words.end(), program.begin(), program.end());
  return words;
}

Outcome gdb(const Words& commands, const Words& program, const json& variables = json::object()) {
  auto words = each_as("-ex", commands, {"--args"});
  words.insert(words.begin(), {"-nx", "-q", "-batch"});
  words.insert(words.end(), program.begin(), program.end());
  return Project(variables).run("inpod-gdb", words);
}

Words lldb_words(const Words& commands, const Words& program) {
  auto words = each_as("-o", commands, {"--"});
  words.insert(words.begin(), {"--no-lldbinit", "-b"});
  words.insert(words.end(), program.begin(), program.end());
  return words;
}

Outcome lldb(const std::string& debugger, const Words& commands, const Words& program) {
  return Project(json::object()).run("inpod-lldb", lldb_words(commands, program), {{"INPOD_LLDB", debugger}});
}

/// What env(1) prints under lldb, in `out`. By a file: lldb's own messages come in the midst of other output.
Outcome environment_under_lldb(const std::string& debugger, const json& variables, Words commands,
                               const std::string& launch = "process launch") {
  const Project project(variables);
  commands.push_back(launch + " -o " + project.file("environment"));
  auto outcome =
      project.run("inpod-lldb", lldb_words(commands, {"/usr/bin/env"}), {{"INPOD_LLDB", debugger}});
  outcome.out = read_file(project.file("environment"));
  return outcome;
}

bool has_line(const std::string& text, const std::string& line) {
  return ("\n" + text).find("\n" + line + "\n") != std::string::npos;
}

void check_variables(const std::string& output, const std::map<std::string, std::string>& variables) {
  for (const auto& [name, value] : variables) {
    INFO(name);
    CHECK(has_line(output, name + "=" + value));
  }
}

void check_stopped(const Outcome& outcome, const std::string& word) {
  INFO(outcome.out << outcome.err);
  CHECK_FALSE(outcome.timed_out);
  CHECK((outcome.out + outcome.err).find("was stopped: ") != std::string::npos);
  CHECK((outcome.out + outcome.err).find(word) != std::string::npos);
}

const Words reader{"/bin/cat", "/etc/hostname"}, sleeper{"/bin/sleep", "80"};

Words lldbs() {
  return {"lldb-19", installed_debugger("LLDB_14")};
}

}  // namespace

TEST_CASE("any value reaches a program under gdb") {
  auto variables = odd;
  variables.insert(several_lines.begin(), several_lines.end());
  const auto said = gdb({"run"}, {"/usr/bin/env"}, variables);
  INFO(said.out << said.err);
  check_variables(said.out, variables);
}

TEST_CASE("gdb's own idiom for a program's environment is put together with inpod's wrapper") {
  CHECK(has_line(gdb({"set exec-wrapper env X=1", "run"}, reader).out, "web-0"));
  for (const Words& commands :
       {Words{"set exec-wrapper env X=1", "run"},
        {"set exec-wrapper env X=1", "starti", "continue"},
        {"with exec-wrapper env X=1 -- run"},
        {"interpreter-exec mi \"-gdb-set exec-wrapper env X=1\"", "run"},
        {"set exec-wrapper env 'LD_PRELOAD=/lib/x86_64-linux-gnu/libm.so.6' X=1", "run"},
        {"set exec-wrapper env INPOD_TARGET=local:1 X=0", "set exec-wrapper env X=1", "run"}}) {
    INFO(commands[0]);
    const auto environment = gdb(commands, {"/usr/bin/env"}, {{"X", "of the pod"}, {"Y", "of the pod"}});
    CHECK(has_line(environment.out, "X=1"));
    CHECK(has_line(environment.out, "Y=of the pod"));
  }
}

TEST_CASE("what gdb is told about wrappers and shells leads no program past the pod") {
  for (const char* command : {"unset exec-wrapper", "set startup-with-shell off",
                              "interpreter-exec mi \"-gdb-set startup-with-shell off\"",
                              "python gdb.execute('set exec-wrapper env')"}) {
    const auto said = gdb({command, "run"}, reader);
    INFO(command << said.out << said.err);
    CHECK(has_line(said.out, "web-0"));
  }
  const auto with = gdb({"with startup-with-shell off -- run"}, reader);
  CHECK(has_line(with.out, "web-0"));
  const auto removed =
      gdb({"set exec-wrapper env -u Y", "run"}, {"/usr/bin/env"}, {{"Y", "of the pod"}, {"Z", "1"}});
  CHECK(has_line(removed.out, "Z=1"));
  CHECK_FALSE(has_line(removed.out, "Y=of the pod"));
}

TEST_CASE("a wrapper of a .gdbinit's is kept, and MI is like the command line") {
  const Project project(json::object());
  const auto said = project.run("inpod-gdb", {"-nx", "-q", "-batch", "-iex", "set exec-wrapper env X=1",
                                              "-ex", "run", "--args", "/usr/bin/env"});
  CHECK(has_line(said.out, "X=1"));
  CHECK(has_line(said.out, "HOSTNAME=web-0"));

  TemporaryDirectory directory;
  auto options = Demo::shared().options();
  options.directory = directory.path();
  options.environment["INPOD_TARGET"] = Demo::shared().target();
  options.keep_stdin = true;
  Process mi({(fs::path(INPOD).parent_path() / "inpod-gdb").string(), "-nx", "-q", "--interpreter=mi2",
              "--args", "/bin/cat", "/etc/hostname"},
             options);
  mi.write_stdin("-gdb-set exec-wrapper env X=1\n-gdb-set startup-with-shell off\n-exec-run\n");
  CHECK(mi.wait_for_output("reason=\"exited-normally\"", seconds(60)));
  CHECK(mi.out().find("web-0") != std::string::npos);
  mi.write_stdin("-gdb-exit\n");
  CHECK_FALSE(mi.wait(seconds(20)).timed_out);
}

TEST_CASE("a wrapper that can't be put together with inpod's starts nothing") {
  const auto said = gdb({"set exec-wrapper nice", "run"}, {"/bin/echo", "it", "ran"});
  INFO(said.out << said.err);
  CHECK_FALSE(has_line(said.out, "it ran"));
  CHECK(said.err.find("exec-wrapper \"nice\" can't be combined") != std::string::npos);
}

TEST_CASE("a program that gdb starts past inpod is stopped") {
  check_stopped(
      gdb({"python [gdb.execute('define %s\\nend' % c) for c in ('set hookpost-exec-wrapper', 'hook-run')]",
           "set exec-wrapper env X=1", "run"},
          sleeper),
      "exec-wrapper");
}

TEST_CASE("a program may stand at its entry under gdb") {
  const auto said = gdb({"starti", "shell sleep 1", "continue"}, reader);
  INFO(said.out << said.err);
  CHECK(has_line(said.out, "web-0"));
}

TEST_CASE("any value reaches a program under lldb, or it is said that it does not") {
  auto variables = odd;
  variables.insert(several_lines.begin(), several_lines.end());
  for (const auto& debugger : lldbs()) {
    const auto said = environment_under_lldb(debugger, variables, {});
    INFO(debugger << said.out << said.err);
    check_variables(said.out, odd);
    CHECK(has_line(said.out, "HOSTNAME=web-0"));
    const bool python = said.err.find("T_LINES was left out") == std::string::npos;
    CHECK((python || debugger != "lldb-19"));  // whose package brings Python
    if (python)
      check_variables(said.out, several_lines);
    else
      CHECK(said.out.find("T_LINES=") == std::string::npos);
    CHECK(has_line(lldb(debugger, {"run"}, reader).out, "web-0"));
  }
}

TEST_CASE("lldb's own idioms for a program's environment keep the pod's") {
  for (const auto& debugger : lldbs()) {
    const auto said =
        environment_under_lldb(debugger, {{"Y", "of the pod"}},
                               {"settings set target.env-vars X=1", "env Z=2"}, "process launch -E W=3");
    INFO(debugger << said.out << said.err);
    for (const char* line : {"X=1", "Z=2", "W=3", "Y=of the pod", "HOSTNAME=web-0"})
      CHECK(has_line(said.out, line));
  }
}

TEST_CASE("a program that lldb starts past inpod is stopped") {
  for (const auto& debugger : lldbs()) {
    check_stopped(lldb(debugger, {"settings clear target.env-vars", "run"}, sleeper), "target.env-vars");
    check_stopped(lldb(debugger, {"settings clear target.env-vars", "run"},
                       {"/bin/sh", "-c", "exec 9>/dev/null; sleep 80; exit"}),
                  "target.env-vars");
    check_stopped(lldb(debugger, {"settings remove target.env-vars LD_PRELOAD", "run"}, sleeper), "layer");
    check_stopped(lldb(debugger, {"target create /bin/sleep", "process launch -- 80"}, reader),
                  "start the debugger anew with ");
  }
}

TEST_CASE("lldb may start the program by a shell") {
  for (const auto& debugger : lldbs()) {
    const auto said = lldb(debugger, {"process launch --shell=/bin/sh"}, reader);
    INFO(debugger << said.out << said.err);
    CHECK(has_line(said.out, "web-0"));
  }
}

TEST_CASE("a program may stand at its entry under lldb, and be started again") {
  for (const auto& debugger : lldbs()) {
    const auto said = lldb(
        debugger, {"process launch --stop-at-entry", "platform shell sleep 1", "continue", "run"}, reader);
    INFO(debugger << said.out << said.err);
    const auto first = said.out.find("\nweb-0\n");
    REQUIRE(first != std::string::npos);
    CHECK(said.out.find("\nweb-0\n", first + 1) != std::string::npos);
  }
}

TEST_CASE("two programs at once under gdb stay in the pod, each with a session of its own") {
  const auto said = gdb({"run", "add-inferior -exec /bin/cat", "inferior 2", "set args /etc/hostname", "run",
                         "inferior 1", "signal 0"},
                        {"/bin/sh", "-c",
                         "read name </etc/hostname; echo first $name; kill -USR1 $$; cat /etc/hosts "
                         ">/dev/null; name=; read name "
                         "</etc/hostname; echo then $name"});
  INFO(said.out << said.err);
  for (const char* line : {"first web-0", "web-0", "then web-0"}) CHECK(has_line(said.out, line));
}

TEST_CASE("a program that a debugger did not start may be attached to") {
  const auto said = gdb({"python import subprocess, time",
                         "python child = subprocess.Popen(['/bin/sleep', '80']); time.sleep(1)",
                         "python gdb.execute('attach %d' % child.pid)", "shell sleep 1", "detach",
                         "python print('still there:', child.poll() is None)", "python child.kill()"},
                        reader);
  INFO(said.out << said.err);
  CHECK(has_line(said.out, "still there: True"));
  CHECK(said.err.find("was stopped: ") == std::string::npos);
}

TEST_CASE("under either debugger it is said that a program without a target runs on this machine") {
  TemporaryDirectory directory;
  auto options = Demo::shared().options();
  options.directory = directory.path();
  for (Words words : {Words{"inpod-gdb", "-nx", "-q", "-batch", "-ex", "run", "--args"},
                      {"inpod-lldb", "--no-lldbinit", "-b", "-o", "run", "--"}}) {
    words[0] = (fs::path(INPOD).parent_path() / words[0]).string();
    words.insert(words.end(), reader.begin(), reader.end());
    const auto said = inpod::test::run(words, options, seconds(60));
    INFO(said.out << said.err);
    CHECK(said.err.find("so the program runs on this machine alone") != std::string::npos);
  }
}

TEST_CASE("lldb's program may be named as on a shell's command line") {
  const auto said = lldb("lldb-19", {"run"}, {"cat", "/etc/hostname"});
  INFO(said.out << said.err);
  CHECK(has_line(said.out, "web-0"));
}

TEST_CASE("a program with a sanitizer's runtime runs under the debuggers, too") {
  const TemporaryDirectory folder;
  const auto source = folder.write("read.c",
                                   "#include <stdio.h>\nint main(void) {\n  char line[100];\n"
                                   "  FILE* file = fopen(\"/etc/hostname\", \"r\");\n"
                                   "  if (fgets(line, sizeof line, file)) fputs(line, stdout);\n"
                                   "  return fclose(file);\n}\n");
  const std::string program = folder.path() + "/read";
  const std::map<std::string, std::string> no_leaks{
      {"ASAN_OPTIONS", "detect_leaks=0"}};  // needs ptrace itself
  for (const std::string build :
       {"gcc -fsanitize=address", "gcc -fsanitize=address -static-libasan", "clang -fsanitize=address",
        "clang -fsanitize=address -shared-libasan "
        "-Wl,-rpath,$(dirname $(clang -print-file-name=libclang_rt.asan-x86_64.so))"}) {
    INFO(build);
    auto options = Demo::shared().options();
    REQUIRE(run({"sh", "-c", build + " -g -o " + program + " " + source}, options, seconds(60)).status == 0);
    CHECK(Demo::shared().run({program}).out == "web-0\n");
    const auto in_gdb =
        Project(json::object())
            .run("inpod-gdb", {"-nx", "-q", "-batch", "-ex", "run", "--args", program}, no_leaks);
    INFO(in_gdb.out << in_gdb.err);
    CHECK(has_line(in_gdb.out, "web-0"));
    auto more = no_leaks;
    more["INPOD_LLDB"] = "lldb-19";
    const auto in_lldb = Project(json::object()).run("inpod-lldb", lldb_words({"run"}, {program}), more);
    INFO(in_lldb.out << in_lldb.err);
    CHECK(in_lldb.out.find("web-0") != std::string::npos);
  }
}
