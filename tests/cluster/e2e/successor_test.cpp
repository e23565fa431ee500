// A program outlives its pod: the target is rolled out, its container restarts, its agent is deleted, its
// developer's token is rotated. Each time the same process goes on in what came instead.
#include <signal.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include "catch.hpp"
#include "cluster.hpp"
#include "line.hpp"

using namespace inpod::test;
using nlohmann::json;

namespace {

const std::string& name_space() {
  return Shop::instance().name_space();
}

// Reads the pod's file and asks its own name once for each line of stdin.
const char* const reader = R"py(
import os, socket, sys
for line in sys.stdin:
    try:
        print(line.strip(), os.getpid(), open('/etc/web/config.yaml').readline().strip(), flush=True)
    except OSError as error:
        print(line.strip(), error, flush=True)
)py";

std::vector<std::string> in_web(std::vector<std::string> command, std::vector<std::string> flags = {}) {
  std::vector<std::string> all{"run", "-n", name_space(), "-t", "deployment/web"};
  all.insert(all.end(), flags.begin(), flags.end());
  all.push_back("--");
  all.insert(all.end(), command.begin(), command.end());
  return all;
}

/// A program that reads a file of the pod's whenever it is asked to.
class Reader {
 public:
  Reader(const Developer& developer, ProcessOptions options, std::vector<std::string> flags = {}) {
    options.keep_stdin = true;
    const auto script = developer.write("reader.py", reader);
    process_ = developer.inpod(in_web({"python3", script}, std::move(flags)), options);
  }
  ~Reader() {
    process_->close_stdin();
    process_->wait(seconds(30));
  }
  Process& process() { return *process_; }
  /// Whether it reads the file, within the time.
  bool reads(milliseconds bound) {
    const auto word = "question" + std::to_string(++questions_);
    process_->write_stdin(word + "\n");
    std::string line;
    eventually(bound, [&] {  // a line may come in pieces
      const auto out = process_->out();
      const auto start = out.find(word + " ");
      const auto end = out.find('\n', start);
      if (start != out.npos && end != out.npos) line = out.substr(start, end - start);
      return !line.empty();
    });
    return line.ends_with("greeting: grüß dich from the pod");
  }

 private:
  std::unique_ptr<Process> process_;
  int questions_ = 0;
};

std::string server_script(const Developer& developer) {
  return developer.write("server.py", read_file(sources + "/tests/debuggees/servers/server.py"));
}

}  // namespace

TEST_CASE("a rollout in mid-session: the program goes on in the new pod") {
  Developer developer;
  auto& shop = Shop::instance();
  auto server = developer.inpod(in_web({"python3", server_script(developer), "8080"}, {"--steal"}));
  const bool stolen = shop.answered_by("by python", seconds(60));
  INFO(server->err());
  REQUIRE(stolen);
  const auto old = shop.pod();
  REQUIRE(kubectl({"-n", name_space(), "rollout", "restart", "deployment/web"}).status == 0);
  const bool replaced = server->wait_for_error("The program goes on in pod web-", seconds(120));
  INFO(server->out() << server->err());
  REQUIRE(replaced);
  CHECK(server->err().find("which has replaced " + old) != std::string::npos);
  CHECK(shop.answered_by("by python", seconds(60)));
  CHECK(shop.pod() != old);
  server->signal(SIGINT);
  CHECK_FALSE(server->wait(seconds(20)).timed_out);
  CHECK(shop.answered_by_pod(seconds(20)));
  // The agent of the old pod left nothing that makes pods.
  CHECK(eventually(seconds(60), [&] { return lines_of(agents(name_space(), "job")).size() <= 1; }));
}

TEST_CASE("a container that restarts, and an agent's pod that is deleted, are followed") {
  Developer developer;
  auto& shop = Shop::instance();
  Reader program(developer, developer.options());
  const bool reads = program.reads(seconds(90));
  INFO(program.process().out() << program.process().err());
  REQUIRE(reads);
  const auto jobs = lines_of(agents(name_space(), "job")).size();
  SECTION("the container") {
    if (!shop.is_here()) {
      WARN("skipped: the container's process can't be killed from here");
      return;
    }
    const int before = shop.restarts();
    for (const pid_t pid : processes_of(containers_of(name_space(), "app=web"))) kill(pid, SIGKILL);
    CHECK(eventually(seconds(60), [&] { return shop.restarts() > before; }));
    const bool replaced = program.process().wait_for_error("The program goes on", seconds(90));
    INFO(program.process().out() << program.process().err());
    CHECK(replaced);
  }
  SECTION("the agent's pod") {
    REQUIRE(kubectl({"-n", name_space(), "delete", "pod", "-l", "app.kubernetes.io/managed-by=inpod",
                     "--wait=false", "--grace-period=0", "--force"})
                .status == 0);
    const bool replaced = program.process().wait_for_error("The program goes on by a new agent", seconds(90));
    INFO(program.process().out() << program.process().err());
    CHECK(replaced);
  }
  CHECK(program.reads(seconds(60)));
  INFO(program.process().out() << program.process().err());
  CHECK(lines_of(agents(name_space(), "job")).size() <= jobs);  // the one that went has left nothing
}

TEST_CASE("an agent that is stopped on purpose ends the session") {
  Developer developer(23470);  // of a name of its own: the agents of others are not in its list
  Reader program(developer, developer.options());
  REQUIRE(program.reads(seconds(90)));
  const auto listed =
      json_lines(developer.run({"session", "list", "--cluster", "-n", name_space(), "-o", "json"}).out);
  REQUIRE(listed.size() == 1);
  const auto id = listed[0].at("agent").get<std::string>();
  CHECK(developer.run({"session", "stop", "--cluster", id, "-n", name_space()}).status == 0);
  const bool ended = program.process().wait_for_error("the session has ended", seconds(60));
  INFO(program.process().err());
  CHECK(ended);
  CHECK(program.process().err().find("its Job was deleted") != std::string::npos);
}

TEST_CASE("a token that is revoked in mid-session is told, and its successor is taken from the kubeconfig") {
  Developer developer;
  const auto page = read_file(sources + "/docs/rbac.md");
  const auto begin = page.find("rules:\n") + 7;
  developer.limited_kubeconfig(name_space(), "rotating", page.substr(begin, page.find("```", begin) - begin));
  const auto token_of = [&](const std::string& secret) {
    REQUIRE(kubectl({"-n", name_space(), "create", "secret", "generic", secret}).status == 0);
    const auto uid =
        kubectl({"-n", name_space(), "get", "secret", secret, "-o", "jsonpath={.metadata.uid}"}).out;
    const json request{
        {"apiVersion", "authentication.k8s.io/v1"},
        {"kind", "TokenRequest"},
        {"spec",
         {{"boundObjectRef", {{"kind", "Secret"}, {"apiVersion", "v1"}, {"name", secret}, {"uid", uid}}}}}};
    const auto made =
        kubectl({"create", "--raw", "/api/v1/namespaces/" + name_space() + "/serviceaccounts/rotating/token",
                 "-f", "-"},
                request.dump());
    return json::parse(made.out).at("status").at("token").get<std::string>();
  };
  Line line;
  auto options = developer.options();
  const auto config = line.kubeconfig(developer);
  const auto use = [&](const std::string& token) {
    const std::vector<std::vector<std::string>> changes{{"set-credentials", "limited", "--token=" + token},
                                                        {"set-context", "--current", "--user=limited"}};
    for (const auto& change : changes) {
      std::vector<std::string> command{"kubectl", "--kubeconfig", config, "config"};
      command.insert(command.end(), change.begin(), change.end());
      REQUIRE(inpod::test::run(command).status == 0);
    }
    REQUIRE(chown(config.c_str(), options.uid, options.uid) == 0);
  };
  use(token_of("first"));
  options.environment["KUBECONFIG"] = config;
  Reader program(developer, options);
  const bool reads = program.reads(seconds(90));
  INFO(program.process().err());
  REQUIRE(reads);
  REQUIRE(kubectl({"-n", name_space(), "delete", "secret", "first"}).status == 0);
  const auto second = token_of("second");
  // The API server believes a token for some seconds more.
  CHECK(eventually(seconds(60), [&] {
    line.become(Line::State::broken);
    line.become(Line::State::whole);
    return program.process().wait_for_error("401", seconds(5));
  }));
  INFO(program.process().err());
  CHECK(program.process().err().find("log in to the cluster again") != std::string::npos);
  use(second);
  CHECK(program.reads(seconds(60)));
}

TEST_CASE("a home that can't be written to costs the lease, not the session") {
  Developer developer;
  auto options = developer.options();
  options.environment["XDG_STATE_HOME"] = "/proc/nowhere";
  const auto outcome = developer.inpod(in_web({"cat", "/etc/web/config.yaml"}), options)->wait(seconds(90));
  INFO(outcome.err);
  CHECK(outcome.status == 0);
  CHECK(outcome.out.find("greeting") != std::string::npos);
  CHECK(outcome.err.find("no lease can be kept") != std::string::npos);
}
