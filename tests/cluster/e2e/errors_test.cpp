// Every way a start can fail, provoked for real: the error names what was wrong and what to do, the exit code is 125, the
// program has not run (fail closed), and nothing stays in the cluster.
#include <unistd.h>

#include "catch.hpp"
#include "cluster.hpp"

using namespace inpod::test;

namespace {

// Runs a program that would leave a mark if it ran; checks that it didn't, and that stderr holds each of `words`.
void fails(const Developer& developer, std::vector<std::string> flags, std::vector<std::string> words,
           ProcessOptions options) {
  const std::string mark = developer.home() + "/ran";
  std::vector<std::string> arguments{"run"};
  arguments.insert(arguments.end(), flags.begin(), flags.end());
  for (const char* word : {"--", "touch"}) arguments.push_back(word);
  arguments.push_back(mark);
  const auto outcome = developer.inpod(arguments, std::move(options))->wait(seconds(90));
  INFO(outcome.err);
  CHECK(outcome.status == 125);
  CHECK(outcome.out == "");
  CHECK(access(mark.c_str(), F_OK) != 0);
  for (const auto& word : words) {
    INFO("expected: " << word);
    CHECK(outcome.err.find(word) != std::string::npos);
  }
}

std::string name_space() { return Shop::instance().name_space(); }

// A kubeconfig of a service account with exactly these rules in the test's namespace.
std::string limited_kubeconfig(const Developer& developer, const std::string& name, const std::string& rules) {
  const std::string n = "-n" + name_space();
  const std::string manifest = "apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: " + name +
                               "}\n---\napiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nmetadata: {name: " + name + "}\nrules:\n" +
                               rules +
                               "---\napiVersion: rbac.authorization.k8s.io/v1\nkind: RoleBinding\nmetadata: {name: " + name +
                               "}\nroleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: " + name +
                               "}\nsubjects: [{kind: ServiceAccount, name: " + name + ", namespace: " + name_space() + "}]\n";
  REQUIRE(kubectl({n, "apply", "-f", "-"}, manifest).status == 0);
  std::string token;
  REQUIRE(eventually(seconds(20), [&] {
    const auto secret = kubectl({n, "get", "serviceaccount", name, "-o", "jsonpath={.secrets[0].name}"}).out;
    token = kubectl({n, "get", "secret", secret, "-o", "go-template={{.data.token | base64decode}}"}).out;
    return token.size() > 100;
  }));
  const std::string path = developer.write("limited-" + name + ".conf", read_file(developer.kubeconfig()), 0600);
  REQUIRE(run({"kubectl", "--kubeconfig", path, "config", "set-credentials", "limited", "--token=" + token}).status == 0);
  REQUIRE(run({"kubectl", "--kubeconfig", path, "config", "set-context", "--current", "--user=limited"}).status == 0);
  REQUIRE(run({"chown", "--reference", developer.kubeconfig(), path}).status == 0);
  return path;
}

}  // namespace

TEST_CASE("no kubeconfig") {
  Developer developer;
  auto options = developer.options();
  options.environment["KUBECONFIG"] = developer.home() + "/nowhere.conf";
  fails(developer, {"-t", "deployment/web"}, {"kubeconfig", "nowhere.conf", "KUBECONFIG"}, options);
  options.environment.erase("KUBECONFIG");
  options.unset = {"KUBECONFIG"};
  fails(developer, {"-t", "deployment/web"}, {"kubeconfig", "KUBECONFIG"}, options);
}

TEST_CASE("an unknown context names those that exist") {
  Developer developer;
  const auto known = kubectl({"config", "current-context"}).out;
  fails(developer, {"--context", "prod-eu", "-t", "deployment/web"}, {"prod-eu", known.substr(0, known.find('\n'))}, developer.options());
}

TEST_CASE("an API server that is away is named") {
  Developer developer;
  auto options = developer.options();
  const auto path = developer.write("away.conf", read_file(developer.kubeconfig()), 0600);
  const auto cluster = kubectl({"config", "view", "--minify", "-o", "jsonpath={.contexts[0].context.cluster}"}).out;
  REQUIRE(run({"kubectl", "--kubeconfig", path, "config", "set-cluster", cluster, "--server=https://127.0.0.1:9"}).status == 0);
  REQUIRE(run({"chown", "--reference", developer.kubeconfig(), path}).status == 0);
  options.environment["KUBECONFIG"] = path;
  fails(developer, {"-t", "deployment/web"}, {"127.0.0.1:9", "cannot reach"}, options);
}

TEST_CASE("a target that isn't there comes with near names") {
  Developer developer;
  fails(developer, {"-n", name_space(), "-t", "deployment/wbe"}, {"wbe", "web"}, developer.options());
  fails(developer, {"-n", name_space(), "-t", "deployment/web/container/ap"}, {"ap", "app"}, developer.options());
  fails(developer, {"-n", name_space(), "-t", "deployments.v9/web"}, {"deployments.v9", "deployment"}, developer.options());
  fails(developer, {"-n", "no-such-namespace", "-t", "deployment/web"}, {"no-such-namespace"}, developer.options());
}

TEST_CASE("a missing permission is named as the rule that grants it") {
  Developer developer;
  auto options = developer.options();
  options.environment["KUBECONFIG"] =
      limited_kubeconfig(developer, "no-jobs", "- {apiGroups: [\"\"], resources: [pods], verbs: [get, list, watch]}\n"
                                               "- {apiGroups: [apps], resources: [deployments, replicasets], verbs: [get, list]}\n");
  fails(developer, {"-n", name_space(), "-t", "deployment/web"}, {"jobs", "create", "batch", name_space()}, options);
  options.environment["KUBECONFIG"] = limited_kubeconfig(developer, "nothing", "- {apiGroups: [\"\"], resources: [events], verbs: [get]}\n");
  fails(developer, {"-n", name_space(), "-t", "deployment/web"}, {"deployments", "get", "apps"}, options);
}

TEST_CASE("an image without a shell asks for a bootstrap image") {
  Developer developer;
  const std::string pod =
      "apiVersion: v1\nkind: Pod\nmetadata: {name: bare}\nspec:\n  terminationGracePeriodSeconds: 0\n"
      "  containers: [{name: bare, image: docker.io/local/noshell:1, imagePullPolicy: Never}]\n";
  REQUIRE(kubectl({"-n", name_space(), "apply", "-f", "-"}, pod).status == 0);
  REQUIRE(kubectl({"-n", name_space(), "wait", "--for=condition=Ready", "pod/bare", "--timeout=30s"}).status == 0);
  fails(developer, {"-n", name_space(), "-t", "pod/bare"}, {"noshell", "shell", "agent.bootstrap_image"}, developer.options());
  developer.write(".inpod/config.yaml", "agent:\n  bootstrap_image: docker.io/local/busybox:1\n");
  const auto outcome = developer.run({"run", "-n", name_space(), "-t", "pod/bare", "--", "python3", "-c",
                                      "import socket; print(socket.gethostname())"});
  INFO(outcome.err);
  CHECK(outcome.out == "bare\n");
}

TEST_CASE("an agent that isn't ready in time shows the pod's events") {
  Developer developer;
  developer.write(".inpod/config.yaml", "agent:\n  image: docker.io/local/not-there:1\n  startup_seconds: 20\n");
  fails(developer, {"-n", name_space(), "-t", "deployment/web"}, {"not-there"}, developer.options());
  CHECK(eventually(seconds(60), [] {
    return kubectl({"-n", name_space(), "get", "pods", "-l", "app.kubernetes.io/managed-by=inpod", "-o",
                    "jsonpath={.items[*].spec.containers[*].image}"})
               .out.find("not-there") == std::string::npos;
  }));
}

TEST_CASE("a bad config file is refused with its line and a suggestion") {
  Developer developer;
  const auto path = developer.write("bad.yaml", "target: deployment/web\nincomming:\n  mode: steal\n");
  fails(developer, {"-f", path}, {"bad.yaml:2", "incomming", "incoming"}, developer.options());
  developer.write("wrong.yaml", "agent:\n  lease_seconds: soon\n");
  fails(developer, {"-f", developer.home() + "/wrong.yaml", "-t", "deployment/web"}, {"lease_seconds", "soon"}, developer.options());
}
