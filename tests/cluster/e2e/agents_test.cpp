// The agent in the cluster: each way to bring one there, one that is there already, and what this user sees
// of theirs.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "catch.hpp"
#include "cluster.hpp"

using namespace inpod::test;
using nlohmann::json;

namespace {

const std::string& name_space() {
  return Shop::instance().name_space();
}

std::vector<std::string> in(const std::string& target, std::vector<std::string> flags,
                            std::vector<std::string> command) {
  std::vector<std::string> all{"run", "-n", name_space(), "-t", target};
  all.insert(all.end(), flags.begin(), flags.end());
  all.push_back("--");
  all.insert(all.end(), command.begin(), command.end());
  return all;
}

// All that makes a program the pod's: file, secret, environment, host name, DNS and a connection.
const std::vector<std::string> look{
    "python3", "-c",
    "import http.client, os, socket\n"
    "print(open('/etc/web/config.yaml').readline().strip())\n"
    "print(open('/run/secrets/web/password').read(), os.environ['APP_COLOR'], socket.gethostname())\n"
    "c = http.client.HTTPConnection('web', timeout=20)\n"
    "c.request('GET', '/look')\n"
    "print(c.getresponse().status, socket.gethostbyname('web'))"};

std::string expected_look() {
  return Shop::instance().in_pod(look).out;
}

/// The image of tests/cluster/images that holds this build's inpod-agent; its tag is the agent's digest.
std::string agent_image() {
  return "docker.io/local/agent:" + run({"sha256sum", binaries + "/inpod-agent"}).out.substr(0, 12);
}

std::string mirror_script(const Developer& developer) {
  return developer.write("server.py", read_file(sources + "/tests/debuggees/servers/server.py"));
}

/// A mirrored request reaches the program that `server` runs; the pod answers it.
void gets_a_copy(Process& server) {
  const bool up = server.wait_for_error("listening", seconds(60));
  INFO(server.out() << server.err());
  REQUIRE(up);
  bool seen = false;
  CHECK(eventually(seconds(30), [&] {
    CHECK(Shop::instance().curl("http://web/copied").out.find("\"by\": \"pod\"") != std::string::npos);
    return seen = server.wait_for_output("GET /copied", milliseconds(500));
  }));
  INFO(server.out() << server.err());
  CHECK(seen);
}

json line_of_type(const std::string& text, const std::string& type) {
  for (const auto& line : json_lines(text))
    if (line.value("type", "") == type) return line;
  return json::object();
}

/// `inpod session start` up to its line "ready".
std::unique_ptr<Process> start_session(const Developer& developer, ProcessOptions options) {
  options.keep_stdin = true;
  auto session = developer.inpod(
      {"session", "start", "-o", "json", "-n", name_space(), "-t", "deployment/web", "--program", "cat"},
      options);
  const bool ready = session->wait_for_output("\"type\":\"ready\"", seconds(60));
  INFO(session->out() << session->err());
  REQUIRE(ready);
  return session;
}

std::unique_ptr<Process> start_session(const Developer& developer) {
  return start_session(developer, developer.options());
}

}  // namespace

TEST_CASE("agent.mode ephemeral: a container in the target's own pod, and no Job") {
  Developer developer;
  const auto jobs = agents(name_space(), "job");
  const auto outcome = developer.run(in("deployment/web", {"--agent-mode", "ephemeral"}, look));
  INFO(outcome.err);
  CHECK(outcome.err.find("its own shell starts the agent") != std::string::npos);
  CHECK(outcome.out == expected_look());
  CHECK(outcome.status == 0);
  CHECK(agents(name_space(), "job") == jobs);
  const auto containers = [] {
    return kubectl({"-n", name_space(), "get", "pod", Shop::instance().pod(), "-o",
                    "jsonpath={.spec.ephemeralContainers[*].name}"})
        .out;
  };
  const auto first = containers();
  CHECK(first.rfind("inpod-agent-", 0) == 0);

  // The next launch finds the agent that is there.
  auto server = developer.inpod(in("deployment/web", {"--agent-mode", "ephemeral", "--mirror"},
                                   {"python3", mirror_script(developer), "8080"}));
  gets_a_copy(*server);
  server->signal(SIGINT);
  CHECK_FALSE(server->wait(seconds(20)).timed_out);
  CHECK(containers() == first);
  CHECK(Shop::instance().restarts() == 0);
}

TEST_CASE("agent.image: an image that holds inpod-agent, for a target with or without a shell") {
  Shop::instance().make_bare_pod();
  Developer developer;
  developer.write(".inpod/config.yaml", "agent:\n  image: " + agent_image() + "\n");
  REQUIRE(developer.run({"trust", "--yes"}).status == 0);
  const auto outcome = developer.run(in("deployment/web", {}, look));
  INFO(outcome.err);
  CHECK(outcome.out == expected_look());
  CHECK(kubectl({"-n", name_space(), "get", "pods", "-l", "app.kubernetes.io/managed-by=inpod", "-o",
                 "jsonpath={.items[*].spec.containers[*].image}"})
            .out.find(agent_image()) != std::string::npos);
  const auto bare = developer.run(in("pod/bare", {}, {"cat", "/www/index.html", "/etc/hostname"}));
  INFO(bare.err);
  CHECK(bare.out == "hello-from-noshell\nbare\n");
}

TEST_CASE("a target whose image has no shell, by its own image or agent.bootstrap_image") {
  Shop::instance().make_bare_pod();
  Developer developer;
  std::vector<std::string> flags;
  SECTION("its own") {}
  SECTION("another") {
    flags = {"--agent-bootstrap-image", "docker.io/local/busybox:1"};
  }
  const auto outcome = developer.run(in("pod/bare", flags, {"cat", "/www/index.html", "/etc/hostname"}));
  INFO(outcome.err);
  CHECK(outcome.out == "hello-from-noshell\nbare\n");
  CHECK(outcome.status == 0);
}

TEST_CASE("session start tells an editor all it needs, and the second one is warm") {
  Developer developer;
  auto session = start_session(developer);
  const auto ready = line_of_type(session->out(), "ready");
  CHECK(line_of_type(session->out(), "progress").at("stage") == "cluster");
  CHECK(ready.at("target") == "deployment/web");
  CHECK(ready.at("namespace") == name_space());
  CHECK(ready.at("pod") == Shop::instance().pod());
  CHECK(ready.at("container") == "app");
  CHECK(ready.at("env").at("APP_COLOR") == "teal");
  CHECK(ready.at("hostname") == Shop::instance().pod());
  // What an editor does with it:
  auto options = developer.options();
  for (const auto& [name, value] : ready.at("env").items())
    options.environment[name] = value.get<std::string>();
  CHECK(run({"/bin/cat", "/etc/web/config.yaml"}, options).out ==
        "greeting: grüß dich from the pod\ncolor: teal\n");
  CHECK(session->wait_for_output("\"event\":\"process\"", seconds(10)));
  session->close_stdin();
  CHECK(session->wait(seconds(20)).status == 0);

  auto again = start_session(developer);
  CHECK(line_of_type(again->out(), "ready").at("agent") == ready.at("agent"));
  again->signal(SIGTERM);
  CHECK_FALSE(again->wait(seconds(20)).timed_out);
}

TEST_CASE("session list and stop --cluster: this user's agents") {
  Developer anna(23461), bert(23462);
  auto session = start_session(anna);
  const auto agent = line_of_type(session->out(), "ready").at("agent").get<std::string>();  // NAMESPACE/POD
  const auto list = [](const Developer& developer, std::vector<std::string> more) {
    std::vector<std::string> arguments{"session", "list", "--cluster", "-o", "json"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    const auto listed = developer.run(arguments);
    INFO(listed.err);
    CHECK(listed.status == 0);
    return json_lines(listed.out);
  };
  // The pod's own word follows the agent's, which is at work already.
  std::vector<json> mine;
  CHECK(eventually(seconds(20), [&] {
    return (mine = list(anna, {"-n", name_space()})).size() == 1 && mine[0].at("state") == "Running";
  }));
  REQUIRE(mine.size() == 1);
  CHECK(name_space() + "/" + mine[0].at("pod").get<std::string>() == agent);
  CHECK(mine[0].at("namespace") == name_space());
  CHECK(mine[0].at("target") == "deployment/web");
  const auto everywhere = list(anna, {"-A"});
  CHECK(std::count(everywhere.begin(), everywhere.end(), mine[0]) == 1);
  CHECK(list(bert, {"-n", name_space()}).empty());
  const auto id = mine[0].at("agent").get<std::string>();
  CHECK(anna.run({"session", "list", "--cluster", "-n", name_space()}).out.find(id) != std::string::npos);
  CHECK(bert.run({"session", "stop", "--cluster", id, "-n", name_space()}).status ==
        125);  // not Bert's to stop

  const auto stopped = anna.run({"session", "stop", "--cluster", id, "-n", name_space()});
  INFO(stopped.err);
  CHECK(stopped.status == 0);
  CHECK(
      eventually(seconds(30), [&] { return agents(name_space(), "job,pod").find(id) == std::string::npos; }));
  // The session that used it is told, and ends.
  CHECK(session->wait_for_output("\"event\":\"closed\"", seconds(60)));
  CHECK(session->wait(seconds(20)).status == 125);
  CHECK(list(anna, {"-n", name_space()}).empty());
  const auto unknown = anna.run({"session", "stop", "--cluster", id, "-n", name_space()});
  CHECK(unknown.status == 125);
  CHECK(unknown.err.find("no agent \"" + id + "\" of yours") != std::string::npos);
}

TEST_CASE("the token stands in no argument, environment, object or log") {
  Developer developer(23464);
  auto session = start_session(developer);
  const auto state = run({"find", developer.home() + "/state/inpod", "-name", "*.json"}).out;
  REQUIRE(lines_of(state).size() == 1);
  const std::string token = json::parse(read_file(lines_of(state)[0])).at("token");
  CHECK(run({"stat", "-c", "%a", lines_of(state)[0]}).out == "600\n");
  // As the state file has it, as base64, and as the bytes themselves.
  REQUIRE(token.size() == 64);
  std::string bytes;
  for (std::size_t i = 0; i < token.size(); i += 2)
    bytes += static_cast<char>(std::stoi(token.substr(i, 2), nullptr, 16));
  const auto base64 =
      run({"python3", "-c",
           "import base64, sys; print(base64.b64encode(bytes.fromhex(sys.argv[1])).decode())", token})
          .out;
  REQUIRE(base64.size() > 40);
  const std::vector<std::string> forms{token, base64.substr(0, 40), bytes};
  const auto is_free_of_it = [&](const std::string& text) {
    return std::none_of(forms.begin(), forms.end(),
                        [&](const std::string& form) { return text.find(form) != std::string::npos; });
  };
  const auto agent = line_of_type(session->out(), "ready").at("agent").get<std::string>();  // NAMESPACE/POD
  const std::string pod = agent.substr(agent.find('/') + 1);
  int seen = 0;
  for (const auto& pid : lines_of(run({"sh", "-c", "ls /proc | grep '^[0-9]'"}).out)) {
    const auto arguments = read_file("/proc/" + pid + "/cmdline");
    seen += arguments.find("inpod") != std::string::npos;
    CHECK(is_free_of_it(arguments));
    CHECK(is_free_of_it(read_file("/proc/" + pid + "/environ")));
  }
  CHECK(seen >=
        (Shop::instance().is_here() ? 2 : 1));  // inpod, and its agent where the pods run on this machine
  CHECK(is_free_of_it(session->out() + session->err()));
  CHECK(is_free_of_it(
      kubectl({"-n", name_space(), "get", "jobs,pods,events,secrets,configmaps", "-o", "json"}).out));
  CHECK(is_free_of_it(kubectl({"-n", name_space(), "logs", pod, "--all-containers"}).out));
  session->close_stdin();
  CHECK(session->wait(seconds(20)).status == 0);
}

TEST_CASE("the documented Role is all that a developer needs") {
  const auto page = read_file(sources + "/docs/rbac.md");
  const auto begin = page.find("rules:\n") + 7;
  const std::string rules = page.substr(begin, page.find("```", begin) - begin);
  Developer developer(23463);  // of a name of its own: the agents of others are not in its list
  auto options = developer.options();
  options.environment["KUBECONFIG"] = developer.limited_kubeconfig(name_space(), "member", rules);
  const auto as_member = [&](const std::vector<std::string>& arguments) {
    return developer.inpod(arguments, options)->wait(seconds(90));
  };
  const auto outcome = as_member(in("deployment/web", {}, look));
  INFO(outcome.err);
  CHECK(outcome.out == expected_look());
  CHECK(outcome.err == "");
  const auto ephemeral = as_member(in("deployment/web", {"--agent-mode", "ephemeral"}, look));
  INFO(ephemeral.err);
  CHECK(ephemeral.out == expected_look());
  auto server = developer.inpod(
      in("deployment/web", {"--steal"}, {"python3", mirror_script(developer), "8080"}), options);
  CHECK(Shop::instance().answered_by("by python", seconds(60)));
  server->signal(SIGINT);
  CHECK_FALSE(server->wait(seconds(20)).timed_out);
  CHECK(as_member({"targets", "-n", name_space()}).out.find("deployment/web") != std::string::npos);
  const auto check = as_member({"check", "-n", name_space(), "-t", "deployment/web"});
  INFO(check.out);
  CHECK(check.status == 0);
  const auto listed = as_member({"session", "list", "--cluster", "-n", name_space(), "-o", "json"});
  int jobs = 0;
  for (const auto& agent : json_lines(listed.out)) {
    const bool deletable = agent.at("ephemeral") == false;
    jobs += deletable;
    const auto stopped = as_member({"session", "stop", "--cluster", agent.at("agent"), "-n", name_space()});
    CHECK(stopped.status == (deletable ? 0 : 125));
    CHECK(deletable == (stopped.err.find("ephemeral container") == std::string::npos));
  }
  CHECK(jobs == 1);
  CHECK(Shop::instance().answered_by_pod(seconds(10)));
}
