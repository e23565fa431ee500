// Every kind of target by `inpod run`, and what the commands that list and check say about a real cluster.
#include <map>
#include <nlohmann/json.hpp>

#include "catch.hpp"
#include "cluster.hpp"

using namespace inpod::test;
using nlohmann::json;

namespace {

// A pod that runs in a container "main" with WHO set, and one "side" beside it with another WHO.
std::string pod_spec(const std::string& who, const std::string& restart = "Always") {
  const auto container = [](const std::string& name, const std::string& value) {
    return "{name: " + name +
           ", image: 'docker.io/local/busybox:1', imagePullPolicy: Never, command: [sleep, '100000'], " +
           "env: [{name: WHO, value: " + value + "}]}";
  };
  return "{restartPolicy: " + restart + ", terminationGracePeriodSeconds: 0, containers: [" +
         container("main", who) + ", " + container("side", who + "-side") + "]}";
}

std::string pod_template(const std::string& name, const std::string& restart = "Always") {
  return "{metadata: {labels: {app: " + name + "}}, spec: " + pod_spec(name, restart) + "}";
}

std::string workload(const std::string& kind, const std::string& name, const std::string& more = "") {
  return "---\napiVersion: apps/v1\nkind: " + kind + "\nmetadata: {name: " + name + "}\nspec: {" + more +
         "selector: {matchLabels: {app: " + name + "}}, template: " + pod_template(name) + "}\n";
}

/// What `kubectl create job --from=cronjob/NAME` makes, which newer kubectls can't with an older server's
/// CronJobs.
void start_cron_job(const std::string& space, const std::string& name, const std::string& job) {
  const json cron = json::parse(kubectl({"-n", space, "get", "cronjob", name, "-o", "json"}).out);
  const json owner{{"apiVersion", cron.at("apiVersion")},
                   {"kind", "CronJob"},
                   {"name", name},
                   {"uid", cron.at("metadata").at("uid")},
                   {"controller", true}};
  apply_yaml(space, json{{"apiVersion", "batch/v1"},
                         {"kind", "Job"},
                         {"metadata", {{"name", job}, {"ownerReferences", json::array({owner})}}},
                         {"spec", cron.at("spec").at("jobTemplate").at("spec")}}
                        .dump());
}

/// Makes one workload of each kind beside the Shop's own, once.
const std::string& name_space() {
  static const std::string name = [] {
    const std::string& space = Shop::instance().name_space();
    const bool old = kubectl({"api-versions"}).out.find("batch/v1beta1") != std::string::npos;
    apply_yaml(
        space,
        workload("Deployment", "deployed") + workload("StatefulSet", "stateful", "serviceName: stateful, ") +
            workload("DaemonSet", "everywhere") + workload("ReplicaSet", "replicated") +
            "---\napiVersion: batch/v1\nkind: Job\nmetadata: {name: once}\nspec: {template: " +
            pod_template("once", "Never") + "}\n" + "---\napiVersion: batch/v1" + (old ? "beta1" : "") +
            "\nkind: CronJob\nmetadata: {name: nightly}\nspec: {schedule: '0 0 1 1 *', jobTemplate: {spec: "
            "{template: " +
            pod_template("nightly", "Never") + "}}}\n" +
            "---\napiVersion: v1\nkind: Service\nmetadata: {name: front}\nspec: {selector: {app: deployed}, "
            "ports: [{port: 80}]}\n" +
            "---\napiVersion: v1\nkind: Pod\nmetadata: {name: alone, labels: {app: alone}}\nspec: " +
            pod_spec("alone") + "\n");
    start_cron_job(space, "nightly", "nightly-now");
    const auto ready = kubectl(
        {"-n", space, "wait", "--for=condition=Ready", "pod", "--all", "--timeout=90s"}, {}, seconds(100));
    INFO(ready.err);
    REQUIRE(ready.status == 0);
    return space;
  }();
  return name;
}

std::string pod_of(const std::string& app) {
  return kubectl({"-n", name_space(), "get", "pods", "-l", "app=" + app, "-o",
                  "jsonpath={.items[0].metadata.name}"})
      .out;
}

struct Row {
  std::string target, app, who;
};

/// Runs in each target what tells where it is. A few at a time: each makes an agent.
void check_rows(const Developer& developer, const std::vector<Row>& rows) {
  constexpr std::size_t at_once = 3;
  for (std::size_t begin = 0; begin < rows.size(); begin += at_once) {
    const std::size_t end = std::min(rows.size(), begin + at_once);
    std::vector<std::unique_ptr<Process>> running;
    for (std::size_t i = begin; i < end; ++i)
      running.push_back(developer.inpod({"run", "-n", name_space(), "-t", rows[i].target, "--", "sh", "-c",
                                         "cat /etc/hostname; hostname; echo $WHO"}));
    for (std::size_t i = begin; i < end; ++i) {
      const auto outcome = running[i - begin]->wait(seconds(90));
      const auto pod = pod_of(rows[i].app);
      INFO(rows[i].target << ": " << outcome.err);
      CHECK(outcome.out == pod + "\n" + pod + "\n" + rows[i].who + "\n");
      CHECK(outcome.status == 0);
    }
  }
}

}  // namespace

TEST_CASE("a program runs in every kind of target") {
  name_space();
  Developer developer;
  check_rows(developer, {{"pod/alone", "alone", "alone"},
                         {"deployment/deployed", "deployed", "deployed"},
                         {"statefulset/stateful", "stateful", "stateful"},
                         {"daemonset/everywhere", "everywhere", "everywhere"},
                         {"replicaset/replicated", "replicated", "replicated"},
                         {"job/once", "once", "once"},
                         {"cronjob/nightly", "nightly", "nightly"},
                         {"service/front", "deployed", "deployed"},
                         {"label:app=stateful", "stateful", "stateful"},
                         {"pod/alone/container/side", "alone", "alone-side"},
                         {"deployment/deployed/container/side", "deployed", "deployed-side"},
                         {"label:app=once/container/side", "once", "once-side"}});
}

TEST_CASE("the namespace of a target comes from the flag, the file or the kubeconfig's context") {
  const std::string expected = pod_of("alone") + "\n";
  Developer developer;
  const std::vector<std::string> command{"--", "cat", "/etc/hostname"};
  const auto run_with = [&](std::vector<std::string> arguments, ProcessOptions options) {
    arguments.insert(arguments.begin(), {"run", "-t", "pod/alone"});
    arguments.insert(arguments.end(), command.begin(), command.end());
    return developer.inpod(arguments, std::move(options))->wait(seconds(90));
  };
  const auto elsewhere = run_with({}, developer.options());
  CHECK(elsewhere.status == 125);
  CHECK(elsewhere.err.find("it is in namespace") != std::string::npos);
  CHECK(elsewhere.err.find(name_space()) != std::string::npos);
  CHECK(run_with({"-n", name_space()}, developer.options()).out == expected);
  auto options = developer.options();
  options.environment["KUBECONFIG"] =
      developer.kubeconfig_with("here.conf", {{"set-context", "--current", "--namespace=" + name_space()}});
  CHECK(run_with({}, options).out == expected);
  developer.write(".inpod/config.yaml", "namespace: " + name_space() + "\n");
  CHECK(run_with({}, developer.options()).out == expected);
}

TEST_CASE("targetless: the cluster's names and services without anybody's pod") {
  Developer developer;
  const std::string look =
      "import http.client, socket\n"
      "print(socket.gethostname())\n"
      "c = http.client.HTTPConnection('web', timeout=20)\n"
      "c.request('GET', '/from-nowhere')\n"
      "print(c.getresponse().read().decode())";
  const std::vector<std::string> tail{"-n", name_space(), "-t", "targetless", "--", "python3", "-c", look};
  std::vector<std::string> bare{"run"},
      with_image{"run", "--agent-bootstrap-image", "docker.io/local/busybox:1"};
  bare.insert(bare.end(), tail.begin(), tail.end());
  with_image.insert(with_image.end(), tail.begin(), tail.end());
  const auto refused = developer.run(bare);
  CHECK(refused.status == 125);
  CHECK(refused.err.find("agent.bootstrap_image") != std::string::npos);
  const auto outcome = developer.run(with_image);
  INFO(outcome.err);
  CHECK(outcome.status == 0);
  CHECK(outcome.out.rfind("inpod-agent-", 0) == 0);
  CHECK(outcome.out.find("\"path\": \"/from-nowhere\"") != std::string::npos);
}

TEST_CASE("inpod targets lists what there is") {
  Developer developer;
  const auto listed = developer.run({"targets", "-n", name_space(), "-o", "json"});
  INFO(listed.err);
  REQUIRE(listed.status == 0);
  std::map<std::string, json> by_name;
  for (const auto& target : json_lines(listed.out)) by_name[target.at("target")] = target;
  for (const char* name : {"deployment/web", "deployment/deployed", "statefulset/stateful",
                           "daemonset/everywhere", "replicaset/replicated", "job/once", "cronjob/nightly",
                           "service/front", "service/web", "pod/alone"}) {
    INFO(name);
    REQUIRE(by_name.count(name) == 1);
    CHECK(by_name[name].at("namespace") == name_space());
    CHECK(by_name[name].at("ready") == 1);
    CHECK(by_name[name].at("wanted") == 1);
  }
  CHECK(by_name["deployment/deployed"].at("containers") == json({"main", "side"}));
  CHECK(by_name["deployment/deployed"].at("pods").at(0).at("name") == pod_of("deployed"));
  for (const auto& [name, target] : by_name) CHECK(name.find("inpod-agent") == std::string::npos);

  const auto table = developer.run({"targets", "-n", name_space()});
  CHECK(table.out.rfind("NAMESPACE ", 0) == 0);
  bool row = false;
  for (const auto& line : lines_of(table.out))
    row =
        row || (line.rfind(name_space(), 0) == 0 && line.find("statefulset/stateful") != std::string::npos &&
                line.find("1/1") != std::string::npos && line.find("main, side") != std::string::npos);
  CHECK(row);

  bool here = false;
  for (const auto& target : json_lines(developer.run({"targets", "-A", "-o", "json"}).out))
    here = here || (target.at("namespace") == name_space() && target.at("target") == "pod/alone");
  CHECK(here);
  for (const std::string form : {"text", "json"}) {
    const std::string command = binaries + "/inpod targets -n " + name_space() + " -o " + form;
    const auto full = inpod::test::run({"sh", "-c", command + " > /dev/full"}, developer.options());
    CHECK(full.status == 125);
    CHECK(full.err.find("No space left") != std::string::npos);
  }
  const auto empty = developer.run({"targets", "-n", "no-such-namespace"});
  CHECK(empty.out == "");
  CHECK(empty.err.find("there is nothing to target") != std::string::npos);
}

TEST_CASE("inpod check finds all in order, and says what is not") {
  Developer developer;
  const auto good = developer.run({"check", "-n", name_space(), "-t", "deployment/deployed", "-o", "json"});
  INFO(good.out << good.err);
  CHECK(good.status == 0);
  std::map<std::string, json> findings;
  for (const auto& finding : json_lines(good.out)) {
    CHECK(finding.at("status") != "failed");
    findings[finding.at("check")] = finding;
  }
  for (const char* name :
       {"agent file", "layer", "ptrace", "kubeconfig", "API server", "RBAC", "target", "agent"}) {
    INFO(name);
    REQUIRE(findings.count(name) == 1);
    CHECK(findings[name].at("status") == "ok");
  }
  CHECK(findings["target"].at("text").get<std::string>().find(pod_of("deployed")) != std::string::npos);
  CHECK(findings["API server"].at("text").get<std::string>().find("Kubernetes v") != std::string::npos);

  const auto near = developer.run({"check", "-n", name_space(), "-t", "deployment/deplyed"});
  CHECK(near.status == 1);
  CHECK(near.out.find("deployment/deployed") != std::string::npos);

  auto options = developer.options();
  options.environment["KUBECONFIG"] =
      developer.limited_kubeconfig(name_space(), "looker",
                                   "- {apiGroups: [\"\"], resources: [pods], verbs: [get, list, watch]}\n"
                                   "- {apiGroups: [apps], resources: [deployments], verbs: [get, list]}\n");
  const auto limited =
      developer.inpod({"check", "-n", name_space(), "-t", "deployment/deployed"}, options)->wait(seconds(60));
  INFO(limited.out);
  CHECK(limited.status == 1);
  CHECK(limited.out.find("you may not create jobs.batch in namespace " + name_space()) != std::string::npos);
  CHECK(limited.out.find("- {apiGroups: [\"batch\"]") !=
        std::string::npos);  // the rule to add, as it stands in a Role
}
