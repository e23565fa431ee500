#include "fixture.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>

#include "kube/resolve.hpp"

namespace inpod::kube::test {
namespace {

std::pair<int, std::string> execute(const std::string& command) {
  FILE* pipe = popen(("timeout 120 sh -c '" + command + "' 2>&1").c_str(), "r");
  REQUIRE(pipe);
  std::string output;
  char buffer[4096];
  for (std::size_t got; (got = fread(buffer, 1, sizeof buffer, pipe)) > 0;) output.append(buffer, got);
  const int status = pclose(pipe);
  return {WIFEXITED(status) ? WEXITSTATUS(status) : 255, output};
}

}  // namespace

std::string run(const std::string& command) {
  auto [code, output] = execute(command);
  if (code != 0) FAIL(command + ": " + output);
  return output;
}

int try_run(const std::string& command) {
  return execute(command).first;
}

Cluster::Cluster() {
  static int count = 0;
  space_ = "kube-test-" + std::to_string(getpid()) + "-" + std::to_string(++count);
  run("kubectl create namespace " + space_);
  // A namespace takes pods only once its service account is there.
  run("for i in $(seq 100); do kubectl -n " + space_ +
      " get serviceaccount default >/dev/null 2>&1 && exit 0; sleep 0.1; done; exit 1");
  auto config = load_kubeconfig({"", "", space_});
  if (!config) FAIL(config.error().to_string());
  auto client = Client::create(context_.get_executor(), *config);
  if (!client) FAIL(client.error().to_string());
  client_ = *client;
}

Cluster::~Cluster() {
  execute("kubectl delete namespace " + space_ + " --wait=false");
}

void Cluster::apply(const std::string& yaml) {
  const auto file = "/tmp/" + space_ + ".yaml";
  std::ofstream(file) << yaml;
  run("kubectl -n " + space_ + " apply -f " + file + "; code=$?; rm -f " + file + "; exit $code");
}

void Cluster::pod(const std::string& name, const std::string& command, const std::string& image) {
  apply("apiVersion: v1\nkind: Pod\nmetadata: {name: " + name + ", labels: {app: " + name +
        "}}\nspec:\n  terminationGracePeriodSeconds: 0\n  containers:\n  - name: main\n    image: " + image +
        "\n    imagePullPolicy: Never\n    stdin: true\n    command: [\"sh\", \"-c\", \"" + command +
        "\"]\n");
  kubectl("wait --for=condition=Ready pod/" + name + " --timeout=60s");
}

std::shared_ptr<Client> client_with_token(Cluster& cluster, const std::string& token) {
  auto config = cluster.client()->config();
  config.client_certificate.clear(), config.client_key.clear();
  config.loaded_by = std::nullopt;  // else a 401 brings the kubeconfig's own credentials
  config.user = "tester", config.token = token;
  return *Client::create(cluster.context().get_executor(), config);
}

AgentRequest request_for(const ResolvedTarget& target) {
  static int count = 0;
  REQUIRE(std::getenv("INPOD_STAND_IN_AGENT"));
  AgentRequest request;
  request.session = "t" + std::to_string(getpid()) + "x" + std::to_string(++count);
  request.client = "dev@here";
  request.executable = std::getenv("INPOD_STAND_IN_AGENT");
  request.start_record = "hello";
  request.config.startup_seconds = 30;
  request.target = target;
  return request;
}

AgentRequest request_for(Cluster& cluster, const std::string& target) {
  if (target.empty()) return request_for(ResolvedTarget());
  return request_for(cluster.must(resolve_target(cluster.client(), *parse_target(target), cluster.space())));
}

}  // namespace inpod::kube::test
