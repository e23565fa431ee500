// Every way a start can fail, provoked for real, by `inpod run` and by a launch of `inpod dap`: the error
// names what was wrong and what to do, the program has not run (fail closed), and nothing stays in the
// cluster.
#include <unistd.h>

#include <filesystem>

#include "catch.hpp"
#include "cluster.hpp"
#include "support/dap_client.hpp"

using namespace inpod::test;

namespace {

const std::string& name_space() {
  return Shop::instance().name_space();
}

/// What fails: the keys of the config, and where it matters the program, the adapter, inpod itself and its
/// environment.
struct Failure {
  Failure(const Developer& who, json cluster)
      : developer(who), keys(std::move(cluster)), options(who.options()), adapter{"lldb-dap-19"} {
    mark = developer.home() + "/ran";
    program = "/usr/bin/touch";
  }
  const Developer& developer;
  json keys;
  ProcessOptions options;
  std::vector<std::string> adapter;
  std::string program, mark;
  std::string inpod = binaries + "/inpod";
};

void check_words(const std::string& text, const std::vector<std::string>& words) {
  for (const auto& word : words) {
    INFO("expected: " << word << "\nin: " << text);
    CHECK(text.find(word) != std::string::npos);
  }
}

/// The same keys by a config file. Returns what `inpod run` says.
std::string fails_to_run(const Failure& failure, int code) {
  const auto file = failure.developer.write("failing.json", failure.keys.dump());
  Process process({failure.inpod, "run", "-f", file, "--", failure.program, failure.mark}, failure.options);
  const auto outcome = process.wait(seconds(90));
  INFO(outcome.err);
  CHECK(outcome.status == code);
  CHECK(outcome.out == "");
  CHECK(access(failure.mark.c_str(), F_OK) != 0);
  return outcome.err;
}

/// Launched as an editor does. Returns what the launch response says.
std::string fails_to_launch(const Failure& failure) {
  auto command = failure.developer.dap_command(failure.adapter, failure.options);
  std::replace(command.begin(), command.end(), binaries + "/inpod", failure.inpod);
  DapClient client(command);
  client.must("initialize", {{"clientID", "test"}, {"adapterID", "inpod"}, {"pathFormat", "path"}});
  const int launch = client.send(
      "launch", {{"program", failure.program}, {"args", {failure.mark}}, {"cluster", failure.keys}});
  const json answer = client.response(launch, seconds(90));
  INFO(answer.dump());
  REQUIRE_FALSE(answer.value("success", true));
  CHECK(answer["body"]["error"].value("showUser", false));
  client.event("terminated", seconds(20));
  client.request("disconnect");
  client.wait_exit();
  CHECK(access(failure.mark.c_str(), F_OK) != 0);
  return answer["body"]["error"].value("format", "");
}

/// Both ways, with the same words; nothing of it stays in the namespace.
void fails(const Failure& failure, const std::vector<std::string>& words, int code = 125) {
  const auto before = agents(name_space(), "job");
  check_words(fails_to_run(failure, code), words);
  check_words(fails_to_launch(failure), words);
  CHECK(eventually(seconds(40), [&] {
    for (const auto& job : lines_of(agents(name_space(), "job")))
      if (before.find(job) == std::string::npos) return false;
    return true;
  }));
}

json target(const std::string& name) {
  return {{"target", name}, {"namespace", name_space()}};
}

/// inpod as installed, but for the layer: `layer` is its content, empty: there is none. Returns inpod's path.
std::string inpod_with_layer(const Developer& developer, const std::string& layer) {
  namespace fs = std::filesystem;
  const fs::path bin = fs::path(developer.write("copy/bin/.keep", "")).parent_path();
  for (const char* name : {"inpod", "inpod-agent"})
    fs::copy_file(binaries + "/" + name, bin / name, fs::copy_options::overwrite_existing);
  if (!layer.empty()) developer.write("copy/lib/libinpod.so", layer, 0755);
  return bin / "inpod";
}

}  // namespace

TEST_CASE("no kubeconfig") {
  Developer developer;
  Failure failure(developer, target("deployment/web"));
  failure.options.environment["KUBECONFIG"] = developer.home() + "/nowhere.conf";
  fails(failure, {"kubeconfig", "nowhere.conf", "KUBECONFIG"});
  failure.options.environment.erase("KUBECONFIG");
  failure.options.unset = {"KUBECONFIG"};
  fails(failure, {"neither $KUBECONFIG nor ~/.kube/config is there", "--kubeconfig"});
}

TEST_CASE("an unknown context names those that exist") {
  Developer developer;
  Failure failure(developer, target("deployment/web"));
  failure.keys["context"] = "prod-eu";
  fails(failure, {"prod-eu", lines_of(kubectl({"config", "current-context"}).out).at(0)});
}

TEST_CASE("an API server that is away is named") {
  Developer developer;
  Failure failure(developer, target("deployment/web"));
  const auto cluster =
      kubectl({"config", "view", "--minify", "-o", "jsonpath={.contexts[0].context.cluster}"}).out;
  failure.options.environment["KUBECONFIG"] =
      developer.kubeconfig_with("away.conf", {{"set-cluster", cluster, "--server=https://127.0.0.1:9"}});
  fails(failure, {"cannot reach", "127.0.0.1:9"});
}

TEST_CASE("a target that isn't there comes with near names") {
  Developer developer;
  fails(Failure(developer, target("deployment/wbe")),
        {"no deployment \"wbe\"", "did you mean deployment/web?"});
  fails(Failure(developer, target("deployment/web/container/ap")),
        {"no container \"ap\"", "did you mean \"app\"?"});
  fails(Failure(developer, target("deployments.v9/web")), {"deployments.v9", "deployment"});
  fails(Failure(developer, {{"target", "deployment/web"}, {"namespace", "no-such-namespace"}}),
        {"in namespace \"no-such-namespace\"", "it is in namespace"});
  fails(Failure(developer, {{"namespace", name_space()}}), {"no target given"});
}

TEST_CASE("a missing permission is named as the rule that grants it") {
  Developer developer;
  Failure failure(developer, target("deployment/web"));
  failure.options.environment["KUBECONFIG"] = developer.limited_kubeconfig(
      name_space(), "no-jobs",
      "- {apiGroups: [\"\"], resources: [pods], verbs: [get, list, watch]}\n"
      "- {apiGroups: [apps], resources: [deployments, replicasets], verbs: [get, list]}\n");
  fails(failure, {"{apiGroups: [\"batch\"], resources: [\"jobs\"], verbs: [\"create\"]}",
                  "Role of namespace \"" + name_space() + "\""});
  failure.options.environment["KUBECONFIG"] = developer.limited_kubeconfig(
      name_space(), "nothing", "- {apiGroups: [\"\"], resources: [events], verbs: [get]}\n");
  fails(failure, {"{apiGroups: [\"apps\"], resources: [\"deployments\"], verbs: [\"get\"]}"});
}

TEST_CASE("an image without a shell, where one is needed, asks for a bootstrap image") {
  Shop::instance().make_bare_pod();
  Developer developer;
  Failure failure(developer, target("pod/bare"));
  failure.keys["agent"] = {{"mode", "ephemeral"}};
  fails(failure, {"local/noshell:1 has no shell", "agent.bootstrap_image", "agent.image"});
}

TEST_CASE("an image that the node can't get is named with the node's words") {
  Developer developer;
  Failure failure(developer, target("deployment/web"));
  failure.keys["agent"] = {{"image", "registry.invalid/not-there:1"}};
  fails(failure, {"can't get the agent's image", "registry.invalid/not-there:1", "agent.bootstrap_image"});
}

TEST_CASE("an agent that isn't ready in time shows the pod's events") {
  Developer developer;
  Failure failure(developer, target("deployment/web"));
  // A registry in the client's pod that takes connections and never says a word.
  failure.keys["agent"] = {{"startup_seconds", 6}, {"image", Shop::instance().client_ip() + ":5000/slow:1"}};
  fails(failure,
        {"did not start within 6 s", "Pulling: Pulling image", ":5000/slow:1", "agent.startup_seconds"});
}

TEST_CASE("a missing program is named, before anything is made in the cluster") {
  Developer developer;
  Failure failure(developer, target("deployment/web"));
  failure.program = developer.home() + "/no-such-program";
  fails(failure, {failure.program}, 127);
  failure.program = developer.write("notes.txt", "text\n");
  fails(failure, {failure.program, "not executable"}, 126);
}

TEST_CASE("a missing adapter is named, with what to install") {
  Developer developer;
  Failure failure(developer, target("deployment/web"));
  failure.adapter = {};
  failure.options.environment["PATH"] = developer.home();
  check_words(fails_to_launch(failure), {"debug adapter", "lldb-19"});
  Failure named(developer, target("deployment/web"));
  named.keys = target("deployment/web");
  DapClient client(developer.dap_command({}, named.options));
  client.must("initialize", {{"adapterID", "inpod"}});
  const json answer = client.request("launch", {{"program", "/usr/bin/touch"},
                                                {"args", {named.mark}},
                                                {"debugger", "/opt/no-such-adapter"},
                                                {"cluster", named.keys}});
  CHECK_FALSE(answer.value("success", true));
  check_words(answer.dump(), {"/opt/no-such-adapter"});
  CHECK(access(named.mark.c_str(), F_OK) != 0);
}

TEST_CASE("a program that the layer can't enter is refused") {
  Developer developer;
  Failure failure(developer, target("deployment/web"));
  failure.program = developer.home() + "/static";
  std::filesystem::copy_file("/bin/busybox", failure.program);
  fails(failure, {failure.program, "static"});
}

TEST_CASE("a layer that is missing or can't be loaded stops the launch") {
  Developer developer;
  Failure failure(developer, target("deployment/web"));
  failure.inpod = inpod_with_layer(developer, "");
  fails(failure, {"libinpod.so"});
  failure.inpod = inpod_with_layer(developer, "this is no shared object\n");
  fails(failure, {"libinpod.so"});
}

TEST_CASE("a bad config is refused with its place and a suggestion") {
  Developer developer;
  Failure failure(developer, target("deployment/web"));
  failure.keys["incomming"] = {{"mode", "steal"}};
  fails(failure, {"incomming", "incoming"});
  failure.keys = target("deployment/web");
  failure.keys["agent"] = {{"lease_seconds", "soon"}};
  fails(failure, {"lease_seconds", "soon"});
  const auto path = developer.write("bad.yaml", "target: deployment/web\nincomming:\n  mode: steal\n");
  const auto outcome = developer.run({"run", "-f", path, "--", "true"});
  CHECK(outcome.status == 125);
  check_words(outcome.err, {"bad.yaml:2", "incomming", "incoming"});
}
