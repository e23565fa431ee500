// Somebody else's config file runs nothing as the user: one that lies where others put it, and one that came
// with a repository until the user has said yes. The attack is a kubeconfig whose exec plug-in leaves a mark.
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "catch.hpp"
#include "demo_fixture.hpp"

using namespace inpod::test;
namespace fs = std::filesystem;

namespace {

constexpr uid_t victim = 23456, attacker = 65534;

/// /tmp of this test, with a project of the victim's in it.
class Place {
 public:
  Place() {
    chmod(tmp_.path().c_str(), 01777);
    write("home/.keep", "", victim);
    write("project/source/x", "", victim);
  }

  std::string path(const std::string& name) const { return tmp_.path() + "/" + name; }

  /// A file with its folders, which belong to `owner`.
  std::string write(const std::string& name, const std::string& text, uid_t owner) const {
    const std::string path = tmp_.write(name, text);
    for (std::string at = path; at != tmp_.path(); at = fs::path(at).parent_path().string())
      REQUIRE(lchown(at.c_str(), owner, owner) == 0);
    return path;
  }

  /// A kubeconfig that runs a program, which leaves the mark.
  std::string kubeconfig(const std::string& name, uid_t owner) const {
    return write(name,
                 "apiVersion: v1\nkind: Config\ncurrent-context: c\n"
                 "clusters: [{name: c, cluster: {server: 'https://127.0.0.1:1'}}]\n"
                 "contexts: [{name: c, context: {cluster: c, user: u}}]\n"
                 "users: [{name: u, user: {exec: {apiVersion: client.authentication.k8s.io/v1, command: sh,\n"
                 "  interactiveMode: Never, args: [-c, 'touch " +
                     path("home/ran") + "']}}}]\n",
                 owner);
  }
  bool ran() const { return fs::exists(path("home/ran")); }

  ProcessOptions options(const std::string& directory = "project/source") const {
    ProcessOptions options;
    options.uid = victim;
    options.directory = path(directory);
    options.environment = {{"HOME", path("home")},
                           {"XDG_STATE_HOME", path("home/state")},
                           {"XDG_RUNTIME_DIR", path("home")},
                           {"PATH", "/usr/bin:/bin"}};
    options.unset = {"KUBECONFIG", "SUDO_UID", "INPOD_TARGET"};
    return options;
  }
  Outcome inpod(std::vector<std::string> arguments, const std::string& directory = "project/source") const {
    arguments.insert(arguments.begin(), INPOD);
    return inpod::test::run(std::move(arguments), options(directory), seconds(60));
  }

 private:
  TemporaryDirectory tmp_;
};

bool contains(const std::string& text, const std::string& part) {
  INFO(text);
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("a config that another user put into /tmp is not read, and a line says so") {
  const Place place;
  const auto kubeconfig = place.kubeconfig(".inpod/kube.conf", attacker);
  const auto config = place.write(".inpod/config.yaml", "kubeconfig: " + kubeconfig + "\n", attacker);
  const std::vector<std::vector<std::string>> commands{{"targets"},
                                                       {"check", "-t", "pod/x"},
                                                       {"run", "-t", "pod/x", "--", "true"},
                                                       {"session", "start", "-t", "pod/x"},
                                                       {"session", "list", "--cluster"}};
  for (const auto& command : commands) {
    INFO(command[0] << " " << command.back());
    const auto outcome = place.inpod(command);
    CHECK(contains(outcome.out + outcome.err, config + " is not read: "));
    if (command.size() < 2 || command[1] != "start")  // that one ends with its stdin
      CHECK(outcome.status != 0);                     // there is no cluster
    CHECK_FALSE(place.ran());
  }
  const auto trust = place.inpod({"trust", "--yes", config});
  CHECK(trust.status == 125);
  CHECK(contains(trust.err, "not yours"));
}

TEST_CASE("a fresh checkout's rights need a yes once, and again after a change") {
  const Place place;
  place.kubeconfig("project/kube.conf", victim);
  const auto config = place.write("project/.inpod/config.yaml", "kubeconfig: kube.conf\n", victim);
  const auto refused = place.inpod({"targets"});
  CHECK(refused.status == 125);
  CHECK(contains(refused.err, config + " sets keys that need your yes first: kubeconfig: \"kube.conf\""));
  CHECK(contains(refused.err, "inpod trust " + config));
  CHECK_FALSE(place.ran());

  const auto unasked = place.inpod({"trust"});
  CHECK(unasked.status == 125);
  CHECK(contains(unasked.out, "kubeconfig: \"kube.conf\""));
  CHECK(contains(unasked.err, "no terminal"));
  place.inpod({"targets"});
  CHECK_FALSE(place.ran());

  CHECK(place.inpod({"trust", "--yes"}).status == 0);
  CHECK(contains(place.inpod({"trust", "--list"}).out, config + "\n"));
  place.inpod({"targets"});
  CHECK(place.ran());

  fs::remove(place.path("home/ran"));
  place.write("project/kube.conf", read_file(place.path("project/kube.conf")) + "# more\n", victim);
  CHECK(contains(place.inpod({"targets"}).err, "has changed since you trusted it"));
  CHECK_FALSE(place.ran());
  CHECK(contains(place.inpod({"trust", "--list"}).out, config + "  (changed since)\n"));

  CHECK(place.inpod({"trust", "--yes"}).status == 0);
  CHECK(place.inpod({"trust", "--revoke", config}).status == 0);
  CHECK(place.inpod({"trust", "--revoke", config}).status == 125);
  CHECK(place.inpod({"targets"}).status == 125);
  CHECK_FALSE(place.ran());
}

TEST_CASE("the named file and the trusted folder need no other yes") {
  for (const bool named : {true, false}) {
    const Place place;
    place.kubeconfig("project/kube.conf", victim);
    const auto config = place.write("project/.inpod/config.yaml", "kubeconfig: ../kube.conf\n", victim);
    if (named)
      place.inpod({"targets", "-f", config}, "project/source");
    else
      place.inpod({"targets", "--trusted-folder", place.path("project/source")});
    CHECK(place.ran() == named);  // the file lies above this folder
    fs::remove(place.path("home/ran"));
    place.write("project/.inpod/config.yaml", "kubeconfig: kube.conf\n", victim);
    place.inpod({"targets", "--trusted-folder", place.path("project")});
    CHECK(place.ran());
  }
}

TEST_CASE("a folder's name draws nothing on the terminal that asks for a yes") {
  const Place place;
  place.kubeconfig("project/\x1b[8m/kube.conf", victim);
  place.write("project/\x1b[8m/.inpod/config.yaml", "kubeconfig: kube.conf\n", victim);
  CHECK(contains(place.inpod({"targets"}, "project/\x1b[8m").err,
                 "inpod trust '" + place.path("project/\\x1b[8m")));
  const auto asked = place.inpod({"trust", "--yes"}, "project/\x1b[8m");
  CHECK(asked.status == 0);
  CHECK(contains(asked.out, "project/\\x1b[8m/.inpod/config.yaml sets keys that need your yes"));
  const auto listed = place.inpod({"trust", "--list"});
  CHECK(contains(listed.out, "project/\\x1b[8m/.inpod/config.yaml"));
  CHECK((asked.out + asked.err + listed.out).find('\x1b') == std::string::npos);
}

TEST_CASE("inpod trust asks on a terminal, and only y is a yes") {
  const Place place;
  const auto config = place.write("project/.inpod/config.yaml", "incoming: {mode: steal}\n", victim);
  const auto answer = [&](const std::string& text) {
    auto options = place.options();
    options.input = text;
    return run(
        {"python3", "-c", "import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))",
         INPOD, "trust"},
        options, seconds(60));
  };
  for (const char* no : {"n\n", "\n", "maybe\n"}) {
    const auto outcome = answer(no);
    CHECK(outcome.status == 1);
    CHECK(contains(outcome.out, "incoming.mode: \"steal\""));
    CHECK(contains(outcome.out, "[y/N]"));
  }
  CHECK(contains(place.inpod({"trust", "--list"}).err, "no config file is trusted"));
  CHECK(answer("y\n").status == 0);
  CHECK(contains(place.inpod({"trust", "--list"}).out, config));
}

TEST_CASE("a folder's name hides nothing of what is asked or told") {
  const Place place;
  const std::string name = "project/\033[8m](command:x)";  // conceals what follows, on a terminal
  place.write(name + "/.inpod/config.yaml", "incoming: {mode: steal}\n", victim);
  for (const std::vector<std::string>& command :
       std::vector<std::vector<std::string>>{{"trust"}, {"trust", "--yes"}, {"trust", "--list"}}) {
    const auto outcome = place.inpod(command, name);
    CHECK(contains(outcome.out, "\\x1b[8m"));
    CHECK_FALSE(contains(outcome.out + outcome.err, "\033"));
  }
  // An editor makes a link of this.
  const auto session = place.inpod({"session", "start", "-t", "local:999999999"}, name);
  const auto event = nlohmann::json::parse(session.out.substr(0, session.out.find('\n')));
  REQUIRE(event["event"] == "config");
  CHECK_FALSE(contains(event["text"], "](command"));
  CHECK_FALSE(contains(event["text"], "\033"));
}

TEST_CASE("every start names the config file and the keys that it sets, without their values") {
  auto& demo = Demo::shared();
  const auto path =
      demo.home().write("named/.inpod/config.yaml",
                        "target: " + demo.target() + "\nenvironment: {set: {TOKEN: secret-value}}\n");
  auto options = demo.options();
  options.directory = demo.home().path() + "/named";
  const std::string line = "config file " + path + " sets target, environment.set";
  const auto refused = demo.start({"run", "--", "true"}, options)->wait(seconds(60));
  CHECK(refused.status == 125);
  CHECK(demo.start({"trust", "--yes"}, options)->wait(seconds(60)).status == 0);

  const auto started = demo.start({"run", "--", "true"}, options)->wait(seconds(60));
  CHECK(started.status == 0);
  CHECK(contains(started.err, "inpod: " + line + "\n"));
  CHECK_FALSE(contains(started.err, "secret-value"));
  const auto check = demo.start({"check", "-o", "json"}, options)->wait(seconds(60));
  CHECK(contains(check.out, line));
  options.keep_stdin = true;
  auto session = demo.start({"session", "start"}, options);
  CHECK(session->wait_for_output("\"ready\"", seconds(30)));
  const auto first = session->out().substr(0, session->out().find('\n'));
  const auto event = nlohmann::json::parse(first);
  CHECK(event["event"] == "config");
  CHECK(event["file"] == path);
  CHECK(event["keys"] == nlohmann::json({"target", "environment.set"}));
  CHECK_FALSE(contains(first, "secret-value"));
  session->close_stdin();
  CHECK_FALSE(session->wait(seconds(20)).timed_out);
}

TEST_CASE("a wrapped debugger reads no foreign or untrusted config either") {
  const Place place;
  const auto gdb = [&] {
    auto options = place.options();
    return run({INPOD, "gdb-wrapper", "-nx", "-batch", "-ex", "run", "/bin/true"}, options, seconds(60));
  };
  const auto config =
      place.write("project/.inpod/config.yaml", "target: pod/x\nkubeconfig: kube.conf\n", victim);
  place.kubeconfig("project/kube.conf", victim);
  auto outcome = gdb();
  CHECK(contains(outcome.out + outcome.err, config + " sets keys that need your yes first"));
  CHECK_FALSE(place.ran());
  place.write("project/.inpod/config.yaml", "target: pod/x\nkubeconfig: kube.conf\n", attacker);
  outcome = gdb();
  CHECK(contains(outcome.out + outcome.err, config + " is not read: "));
  CHECK_FALSE(place.ran());
}
