// Targets against real objects: every kind is made by real controllers, then resolved and listed.
#include "fixture.hpp"
#include "kube/list.hpp"
#include "kube/resolve.hpp"

using namespace inpod;
using namespace inpod::kube;
using namespace inpod::kube::test;

namespace {

Result<ResolvedTarget> resolve(Cluster& cluster, const std::string& text) {
  auto target = parse_target(text);
  if (!target) return Failed(target.error());
  return cluster.await(resolve_target(cluster.client(), *target, cluster.space()));
}

ResolvedTarget must_resolve(Cluster& cluster, const std::string& text) {
  auto resolved = resolve(cluster, text);
  if (!resolved) FAIL(text + ": " + resolved.error().to_string());
  return *resolved;
}

std::string pod_template(const std::string& app, const std::string& restart = "Always") {
  return "{metadata: {labels: {app: " + app + "}}, spec: {restartPolicy: " + restart +
         ", terminationGracePeriodSeconds: 0, containers: [{name: main, image: 'local/busybox:1', "
         "imagePullPolicy: Never, command: [sleep, '1000']}]}}";
}

std::string workload(const std::string& kind, const std::string& name, const std::string& more = "") {
  return "---\napiVersion: apps/v1\nkind: " + kind + "\nmetadata: {name: " + name + "}\nspec: {" + more +
         "selector: {matchLabels: {app: " + name + "}}, template: " + pod_template(name) + "}\n";
}

/// What `kubectl create job --from=cronjob/NAME` makes, which newer kubectls can't with an older server's
/// CronJobs.
void start_cron_job(Cluster& cluster, const std::string& name, const std::string& job) {
  const auto cron = json::parse(cluster.kubectl("get cronjob " + name + " -o json"));
  const json owner{{"apiVersion", cron.at("apiVersion")},
                   {"kind", "CronJob"},
                   {"name", name},
                   {"uid", cron.at("metadata").at("uid")},
                   {"controller", true}};
  cluster.apply(json{{"apiVersion", "batch/v1"},
                     {"kind", "Job"},
                     {"metadata", {{"name", job}, {"ownerReferences", json::array({owner})}}},
                     {"spec", cron.at("spec").at("jobTemplate").at("spec")}}
                    .dump());
}

}  // namespace

TEST_CASE("every kind of target resolves to a running container") {
  Cluster cluster;
  cluster.apply(workload("Deployment", "web") + workload("StatefulSet", "db", "serviceName: db, ") +
                workload("DaemonSet", "node") + workload("ReplicaSet", "plain") +
                "---\napiVersion: batch/v1\nkind: Job\nmetadata: {name: once}\nspec: {template: " +
                pod_template("once", "Never") + "}\n" +
                "---\napiVersion: v1\nkind: Service\nmetadata: {name: front}\nspec: {selector: {app: web}, "
                "ports: [{port: 80}]}\n" +
                "---\napiVersion: v1\nkind: Service\nmetadata: {name: outside}\nspec: {type: ExternalName, "
                "externalName: example.com}\n");
  const std::string version = run("kubectl api-versions");
  const std::string batch = version.find("batch/v1beta1") != std::string::npos ? "batch/v1beta1" : "batch/v1";
  cluster.apply("apiVersion: " + batch +
                "\nkind: CronJob\nmetadata: {name: nightly}\nspec: {schedule: '0 0 1 1 *', jobTemplate: "
                "{spec: {template: " +
                pod_template("nightly", "Never") + "}}}\n");
  start_cron_job(cluster, "nightly", "nightly-now");
  cluster.kubectl("wait --for=condition=Ready pod --all --timeout=90s");

  for (const std::string text :
       {"deployment/web", "deploy/web", "statefulset/db", "sts/db", "daemonset/node", "ds/node",
        "replicaset/plain", "rs/plain", "job/once", "cronjob/nightly", "service/front", "svc/front",
        "pod/db-0", "label:app=web", "deployment/web/container/main", "label:app=web/container/main"}) {
    INFO(text);
    const auto resolved = must_resolve(cluster, text);
    CHECK(resolved.namespace_ == cluster.space());
    CHECK(resolved.container == "main");
    CHECK(resolved.container_id.size() == 64);
    CHECK(resolved.runtime == "containerd");
    CHECK_FALSE(resolved.node.empty());
    CHECK(cluster.kubectl("get pod " + resolved.pod + " -o name") == "pod/" + resolved.pod + "\n");
  }
  CHECK(must_resolve(cluster, "cronjob/nightly").pod.rfind("nightly-now-", 0) == 0);
  CHECK_THAT(resolve(cluster, "service/outside").error().text, Catch::Contains("has no selector"));
  CHECK_THAT(resolve(cluster, "rollout/web").error().text, Catch::Contains("no rollout \"web\""));

  SECTION("and is listed") {
    const auto list = cluster.must(list_targets(cluster.client(), cluster.space()));
    CHECK(list.problems.empty());
    std::map<std::string, ListedTarget> by_name;
    for (const auto& target : list.targets) by_name[target.target] = target;
    for (const char* name : {"deployment/web", "statefulset/db", "daemonset/node", "replicaset/plain",
                             "job/once", "cronjob/nightly", "service/front", "pod/db-0"}) {
      INFO(name);
      REQUIRE(by_name.count(name) == 1);
      CHECK(by_name[name].wanted == 1);
      CHECK(by_name[name].ready == 1);
      REQUIRE(by_name[name].pods.size() == 1);
      CHECK(by_name[name].pods[0].state == "Running");
      CHECK(by_name[name].pods[0].containers == std::vector<std::string>{"main"});
    }
    for (const auto& target : list.targets) CHECK_FALSE((target.target.rfind("replicaset/web-", 0) == 0));
  }

  SECTION("names that are not there are answered with those that are") {
    const auto near = resolve(cluster, "deployment/wbe").error();
    CHECK_THAT(near.text, Catch::Contains("no deployment \"wbe\" in namespace \"" + cluster.space()));
    CHECK_THAT(near.remedy, Catch::Contains("did you mean deployment/web?"));
    const auto container = resolve(cluster, "deployment/web/container/mian").error();
    CHECK_THAT(container.text, Catch::Contains("has no container \"mian\""));
    CHECK_THAT(container.remedy, Catch::Contains("did you mean \"main\"?"));

    auto target = *parse_target("statefulset/db");
    const auto elsewhere = cluster.error_of(resolve_target(cluster.client(), target, "default"));
    CHECK_THAT(elsewhere.remedy, Catch::Contains("it is in namespace") && Catch::Contains(cluster.space()));
    const auto nowhere = cluster.error_of(
        resolve_target(cluster.client(), *parse_target("pod/no-such-pod"), "no-such-namespace"));
    CHECK_THAT(nowhere.text, Catch::Contains("there is no namespace \"no-such-namespace\""));
    CHECK_THAT(resolve(cluster, "label:app=none").error().text, Catch::Contains("has no pods"));
  }

  SECTION("a workload without a running pod says what its pods do") {
    cluster.kubectl("scale deployment/web --replicas=0");
    cluster.kubectl("wait --for=delete pod -l app=web --timeout=60s");
    const auto error = resolve(cluster, "deployment/web").error();
    CHECK_THAT(error.text, Catch::Contains("has no pods"));
    CHECK_THAT(error.remedy, Catch::Contains("scale it up"));
    cluster.apply(
        "apiVersion: v1\nkind: Pod\nmetadata: {name: stuck}\nspec: {containers: [{name: main, image: "
        "'local/none:1', imagePullPolicy: Never}]}\n");
    run("for i in $(seq 100); do kubectl -n " + cluster.space() +
        " get pod stuck | grep -q ErrImageNeverPull && exit 0; sleep 0.2; done; exit 1");
    CHECK_THAT(resolve(cluster, "pod/stuck").error().text,
               Catch::Contains("not running") && Catch::Contains("ErrImageNeverPull"));
  }
}

TEST_CASE("probes by name and number, and the default container, come from the pod") {
  Cluster cluster;
  cluster.apply(R"(apiVersion: v1
kind: Pod
metadata: {name: rich, annotations: {kubectl.kubernetes.io/default-container: app}}
spec:
  terminationGracePeriodSeconds: 0
  containers:
  - {name: helper, image: 'local/busybox:1', imagePullPolicy: Never, command: [sleep, '1000']}
  - name: app
    image: local/busybox:1
    imagePullPolicy: Never
    command: [httpd, -f, -p, '8080', -h, /www]
    ports: [{name: http, containerPort: 8080}]
    readinessProbe: {httpGet: {path: /index.html, port: http}, periodSeconds: 1}
    livenessProbe: {tcpSocket: {port: 8080}}
)");
  cluster.kubectl("wait --for=condition=Ready pod/rich --timeout=60s");
  const auto rich = must_resolve(cluster, "pod/rich");
  CHECK(rich.container == "app");
  REQUIRE(rich.probes.size() == 2);
  CHECK(rich.probes[0].kind == "tcp");
  CHECK(rich.probes[1].kind == "http");
  CHECK(rich.probes[1].path == "/index.html");
  CHECK(rich.probes[1].port == 8080);
  CHECK(rich.image == "local/busybox:1");
  CHECK(must_resolve(cluster, "pod/rich/container/helper").container == "helper");
}
