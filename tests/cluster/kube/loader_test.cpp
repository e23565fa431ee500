// The agent starts without running anything of the image that its pod is made of, and only by inpod's own
// loader.
#include "kube/loader.hpp"

#include <cstdio>
#include <cstdlib>
#include <fstream>

#include "developer.hpp"
#include "kube/agent_pod.hpp"
#include "kube/gather.hpp"
#include "kube/resolve.hpp"

using namespace inpod;
using namespace inpod::kube;
using namespace inpod::kube::test;

namespace {

/// The marks that programs of the image "tampered" have left on the target's node (tests/cluster/tampered.c).
class Marks {
 public:
  explicit Marks(Cluster& cluster) : cluster_(cluster) {
    cluster.apply(
        "apiVersion: v1\nkind: Pod\nmetadata: {name: target}\nspec: {terminationGracePeriodSeconds: 0, "
        "containers: [{name: main, image: 'local/tampered:1', imagePullPolicy: Never}]}\n");
    cluster.kubectl("wait --for=condition=Ready pod/target --timeout=60s");
    const auto node = cluster.kubectl("get pod target -o jsonpath={.spec.nodeName}");
    cluster.apply(
        "apiVersion: v1\nkind: Pod\nmetadata: {name: marks}\nspec:\n  terminationGracePeriodSeconds: 0\n  "
        "nodeName: " +
        node +
        "\n  containers: [{name: main, image: 'local/busybox:1', imagePullPolicy: Never, command: [sleep, "
        "'1000'], "
        "volumeMounts: [{name: node, mountPath: /marks}]}]\n  volumes: [{name: node, hostPath: {path: "
        "/var/tmp/inpod-tampered, type: DirectoryOrCreate}}]\n");
    cluster.kubectl("wait --for=condition=Ready pod/marks --timeout=60s");
  }
  ~Marks() { cluster_.kubectl("exec marks -- sh -c \"rm -rf /marks/*\""); }
  /// "POD.PROGRAM" of one agent's pod, a line each.
  std::string of(const AgentPod& agent) {
    return cluster_.kubectl("exec marks -- find /marks -name \"" + agent.pod + ".*\"");
  }

 private:
  Cluster& cluster_;
};

void plant(Cluster& cluster, const json& config_map) {
  cluster.must(cluster.client()->post(resource_path("v1", cluster.space(), "configmaps"), config_map));
}

std::string all_jobs(Cluster& cluster) {
  return cluster.kubectl("get jobs -o name");
}

}  // namespace

TEST_CASE("no program of a tampered image runs when an agent starts beside it") {
  Cluster cluster;
  Developer developer(cluster);
  developer.may_do_all_but(nullptr);
  Marks marks(cluster);
  std::string warned;
  auto request = request_for(cluster, "pod/target");
  request.on_warning = [&](const std::string& text) { warned += text; };
  const auto agent = cluster.must(start_agent(developer.client, request));
  CHECK(warned.empty());
  CHECK(marks.of(agent).empty());
  // The agent itself, by another name than the image could know.
  const auto pod = json::parse(cluster.kubectl("get pod " + agent.pod + " -o json"));
  const auto& container = pod["spec"]["containers"][0];
  CHECK(container["command"][0] == "/.inpod-agent-" + request.session + "/inpod-loader");
  CHECK(cluster.await(delete_agent(developer.client, agent)));

  // The same without ConfigMaps: the image's shell runs, the marks are there, and the developer is told.
  const AccessRule rule{"get", "", "configmaps", cluster.space()};
  developer.may_do_all_but(&rule);
  request.session += "b";
  const auto other = cluster.must(start_agent(developer.client, request));
  CHECK_THAT(warned, Catch::Contains("image local/tampered:1") && Catch::Contains("with the agent's rights"));
  CHECK_THAT(marks.of(other), Catch::Contains(other.pod + ".sh"));
}

TEST_CASE("a planted loader is not run: no agent's pod is made") {
  Cluster cluster;
  cluster.pod("app", "exec sleep 1000");
  auto planted = loader_manifest(cluster.space());
  SECTION("another program") {
    planted["binaryData"][loader_file] = "ZXZpbA==";
  }
  SECTION("one that can be changed") {
    planted.erase("immutable");
  }
  plant(cluster, planted);
  const auto error = cluster.error_of(start_agent(cluster.client(), request_for(cluster, "pod/app")));
  CHECK(error.code == EEXIST);
  CHECK_THAT(error.remedy, Catch::Contains("kubectl delete configmap " + loader_name()));
  CHECK(all_jobs(cluster).empty());
  cluster.kubectl("delete configmap " + loader_name());
  CHECK(cluster.must(start_agent(cluster.client(), request_for(cluster, "pod/app"))).port > 0);
}

TEST_CASE("a loader that is replaced while its pod starts costs the agent its start") {
  Cluster cluster;
  cluster.pod("app", "exec sleep 1000");
  auto request = request_for(cluster, "pod/app");
  request.on_progress = [&](const std::string& text) {
    if (text != "waiting for the agent's container to start") return;
    cluster.kubectl("delete configmap " + loader_name());
    const auto file = "/tmp/" + cluster.space() + "-loader.json";
    std::ofstream(file) << loader_manifest(cluster.space());
    cluster.kubectl("create -f " + file);
    std::remove(file.c_str());
  };
  const auto error = cluster.error_of(start_agent(cluster.client(), request));
  CHECK(error.code == ESTALE);
  CHECK_THAT(error.text, Catch::Contains("replaced while the agent started"));
  CHECK(all_jobs(cluster).empty());
}

TEST_CASE("several first launches at once share one ConfigMap") {
  Cluster cluster;
  cluster.pod("app", "exec sleep 1000");
  std::vector<Task<Result<AgentPod>>> starts;
  for (int i = 0; i < 3; ++i) {
    const auto client = *Client::create(cluster.context().get_executor(), cluster.client()->config());
    starts.push_back(start_agent(client, request_for(cluster, "pod/app")));
  }
  for (const auto& agent : cluster.await(gather(std::move(starts)))) {
    if (!agent) FAIL(agent.error().to_string());
    CHECK(agent->port > 0);
  }
  CHECK(cluster.kubectl("get configmap -l app.kubernetes.io/managed-by=inpod -o name") ==
        "configmap/" + loader_name() + "\n");
}
