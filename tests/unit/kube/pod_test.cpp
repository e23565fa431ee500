// What is read from pods, what agents are made of, and how their failures are told: on the objects that
// servers send.
#include "kube/pod.hpp"

#include <sys/stat.h>
#include <sys/wait.h>

#include <fstream>
#include <set>
#include <sstream>

#include "files.hpp"
#include "kube/access.hpp"
#include "kube/agent_state.hpp"
#include "kube/agent_stream.hpp"
#include "kube/manifest.hpp"

using namespace inpod;
using namespace inpod::kube;
using nlohmann::json;

namespace {

json two_containers() {
  return json::parse(R"({"metadata":{"name":"web-1","namespace":"shop","uid":"u"},
    "spec":{"nodeName":"node0","containers":[
      {"name":"istio-proxy","image":"proxy","readinessProbe":{"httpGet":{"path":"/ready","port":15021}}},
      {"name":"app","image":"app:1","ports":[{"name":"http","containerPort":8080},{"containerPort":53,"protocol":"UDP"}],
       "livenessProbe":{"httpGet":{"port":"http"}},"startupProbe":{"httpGet":{"path":"/","port":8080}},"readinessProbe":{"grpc":{"port":9000}}}]},
    "status":{"phase":"Running","podIP":"10.0.0.1","hostIP":"10.0.0.2","conditions":[{"type":"Ready","status":"True"}],"containerStatuses":[
      {"name":"app","ready":true,"containerID":"cri-o://abc","imageID":"sha","state":{"running":{}}},
      {"name":"istio-proxy","state":{"waiting":{"reason":"CrashLoopBackOff","message":"back-off"}}}]}})");
}

AgentPlan plan() {
  AgentPlan made;
  made.session = "abcdefgh", made.client = "me@host", made.namespace_ = "shop";
  made.target = *describe_pod(two_containers(), "app");
  made.target.target = "pod/web-1";
  made.executable_size = 1000, made.record_size = 24;
  return made;
}

}  // namespace

TEST_CASE("the container that is meant") {
  auto pod = two_containers();
  CHECK(*choose_container(pod, "") == "app");
  CHECK(*choose_container(pod, "istio-proxy") == "istio-proxy");
  pod["metadata"]["annotations"]["kubectl.kubernetes.io/default-container"] = "istio-proxy";
  CHECK(*choose_container(pod, "") == "istio-proxy");
  const auto error = choose_container(pod, "ap").error();
  CHECK(error.code == ENOENT);
  CHECK_THAT(error.remedy, Catch::Contains("did you mean \"app\"?") && Catch::Contains("istio-proxy, app"));
}

TEST_CASE("docs/rbac.md names the capabilities that the agent gets, and no other") {
  std::ifstream file(INPOD_SOURCE_DIR "/docs/rbac.md");
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  const auto table = text.find("| capability | why |");
  REQUIRE(table != std::string::npos);
  std::set<std::string> told;
  std::istringstream lines(text.substr(table, text.find("\n\n", table) - table));
  for (std::string line; std::getline(lines, line);) {
    std::istringstream names(line.substr(0, line.find('|', 1)));
    for (std::string name; names >> name;) {
      if (name.back() == ',') name.pop_back();
      if (name.size() > 3 && isupper(static_cast<unsigned char>(name[0]))) told.insert(name);
    }
  }
  const auto made = *job_manifest(plan());
  const auto given =
      made["spec"]["template"]["spec"]["containers"][0]["securityContext"]["capabilities"]["add"];
  CHECK(told == given.get<std::set<std::string>>());
}

TEST_CASE("the bootstrap starts the agent with its record, and leaves the token in no file") {
  const std::string shell = GENERATE("sh", "busybox sh");
  const bool ephemeral = GENERATE(false, true);
  CAPTURE(shell, ephemeral);
  const test::Folder folder;
  const std::string record = "token-of-this-session-24", root = folder.path("root");
  std::filesystem::create_directory(root);
  const std::string agent =
      "#!/bin/sh\necho \"record $(cat)\"\ncd " + root + "\nls -A\ngrep -c session[-]24 * || true\n# padding";
  auto made = plan();
  made.executable_size = agent.size(), made.record_size = record.size();
  if (ephemeral) made.config.mode = "ephemeral";
  std::string script =
      (ephemeral ? *ephemeral_container(made)
                 : (*job_manifest(made))["spec"]["template"]["spec"]["containers"][0])["command"][2];
  const auto replace = [&](const std::string& what, const std::string& by) {
    REQUIRE(script.find(what) != std::string::npos);
    for (std::size_t at = 0; (at = script.find(what, at)) != std::string::npos; at += by.size())
      script.replace(at, what.size(), by);
  };
  replace(ephemeral ? "/.inpod" : "/inpod", root);
  replace("sleep 70", "false");  // nobody waits for a pod that nobody feeds
  const auto input = folder.write("input", agent + record), file = folder.write("script", script);
  CHECK(std::system((shell + " " + file + " < " + input + " > " + folder.path("output")).c_str()) == 0);
  CHECK(folder.read("output") == "record " + record + "\nagent\n0\n");
}

TEST_CASE("a bootstrap that nobody feeds ends, even as process 1 of its container") {
  const std::string shell = GENERATE("sh", "bash", "busybox sh");
  CAPTURE(shell);
  const test::Folder folder;
  std::string script = (*job_manifest(plan()))["spec"]["template"]["spec"]["containers"][0]["command"][2];
  CHECK(script.find("$$") == std::string::npos);  // Kubernetes makes "$" of it
  const auto at = script.find("sleep 70");
  REQUIRE(at != std::string::npos);
  script.replace(at, 8, "true");  // the time is over at once
  for (auto path = script.find("/inpod"); path != std::string::npos;
       path = script.find("/inpod", path + folder.path().size()))
    script.replace(path, 6, folder.path());
  REQUIRE(mkfifo(folder.path("stdin").c_str(), 0600) == 0);
  const auto file = folder.write("script", script), output = folder.path("output");
  const auto status =
      std::system(("exec 4<>" + folder.path("stdin") + "; timeout 20 unshare --user --pid --fork " + shell +
                   " " + file + " <&4 > " + output + " 2>&1")
                      .c_str());
  CHECK((WIFEXITED(status) && WEXITSTATUS(status) == 1));
  CHECK_THAT(folder.read("output"), Catch::Contains("the agent did not come within 70 s"));
}

TEST_CASE("a pod's description: ids, probes by number without repetition") {
  const auto target = *describe_pod(two_containers(), "app");
  CHECK(target.runtime == "cri-o");
  CHECK(target.container_id == "abc");
  CHECK(target.image == "app:1");
  REQUIRE(target.probes.size() == 3);
  CHECK((target.probes[0].kind == "http" && target.probes[0].port == 15021 &&
         target.probes[0].path == "/ready"));
  CHECK((target.probes[1].kind == "http" && target.probes[1].port == 8080 && target.probes[1].path == "/"));
  CHECK((target.probes[2].kind == "grpc" && target.probes[2].port == 9000));
  CHECK_THAT(describe_pod(two_containers(), "istio-proxy").error().text,
             Catch::Contains("crash-loops (it ends again and again)"));
  CHECK_FALSE(describe_pod(json::parse(R"({"spec":[],"status":3})"), "app"));
}

TEST_CASE("the Job of an agent") {
  auto made = *job_manifest(plan());
  const auto& pod = made["spec"]["template"]["spec"];
  const auto& container = pod["containers"][0];
  CHECK(made["metadata"]["name"] == "inpod-agent-abcdefgh");
  CHECK(made["metadata"]["labels"]["app.kubernetes.io/managed-by"] == "inpod");
  CHECK(made["metadata"]["labels"]["inpod.dev/client"] == "me-host");
  CHECK(made["metadata"]["annotations"]["inpod.dev/client"] == "me@host");
  CHECK(made["metadata"]["annotations"]["inpod.dev/target"] == "pod/web-1");
  CHECK(made["spec"]["backoffLimit"] == 0);
  CHECK(made["spec"]["activeDeadlineSeconds"] == 86400);
  CHECK(container["resources"] == json::parse(R"({"requests":{"cpu":"10m","memory":"32Mi"},
    "limits":{"cpu":"500m","memory":"256Mi"}})"));
  CHECK_FALSE(container["securityContext"].contains("seccompProfile"));
  CHECK_FALSE(pod.contains("priorityClassName"));
  CHECK(pod["nodeName"] == "node0");
  CHECK(pod["hostPID"] == true);
  CHECK(pod["restartPolicy"] == "Never");
  CHECK(pod["automountServiceAccountToken"] == false);
  CHECK(pod["tolerations"][0] == json({{"operator", "Exists"}}));
  CHECK(pod["volumes"][0]["emptyDir"]["medium"] == "Memory");
  CHECK(container["image"] == "app:1");
  CHECK(container["stdinOnce"] == true);
  CHECK_FALSE(container["securityContext"].contains("privileged"));
  CHECK(container["securityContext"]["capabilities"]["drop"] == json({"ALL"}));
  CHECK_THAT(container["command"][2].get<std::string>(),
             Catch::Contains("head -c 1024 <&3 > /inpod/all") && Catch::Contains("tail -c 24 /inpod/all"));

  SECTION("privileged, another image, more labels, another namespace") {
    auto other = plan();
    other.config.privileged = true, other.config.bootstrap_image = "busybox", other.namespace_ = "tools";
    other.config.labels["team"] = "a", other.config.annotations["note"] = "b";
    other.target.image_pull_secrets = json::parse(R"([{"name":"s"}])");
    made = *job_manifest(other);
    CHECK(made["spec"]["template"]["spec"]["containers"][0]["securityContext"]["privileged"] == true);
    CHECK(made["spec"]["template"]["spec"]["containers"][0]["image"] == "busybox");
    CHECK(made["metadata"]["labels"]["team"] == "a");
    CHECK(made["spec"]["template"]["metadata"]["annotations"]["note"] == "b");
    CHECK_FALSE(made["spec"]["template"]["spec"].contains("imagePullSecrets"));
    other.namespace_ = "shop";
    CHECK((*job_manifest(other))["spec"]["template"]["spec"]["imagePullSecrets"][0]["name"] == "s");
  }
  SECTION("what quotas, nodes and policies want") {
    auto other = plan();
    other.config.requests["cpu"] = "50m", other.config.limits["memory"] = "",
    other.config.limits["ephemeral-storage"] = "64Mi";
    other.config.tolerations = {"dedicated=shop:NoSchedule", "spot", "gpu:NoExecute"};
    other.config.priority_class = "dev", other.config.seccomp_profile = "RuntimeDefault";
    other.config.image_pull_secrets = {"login"};
    other.target.image_pull_secrets = json::parse(R"([{"name":"s"}])");
    const auto spec = (*job_manifest(other))["spec"]["template"]["spec"];
    const auto agent = spec["containers"][0];
    CHECK(agent["resources"]["requests"] == json::parse(R"({"cpu":"50m","memory":"32Mi"})"));
    CHECK(agent["resources"]["limits"] == json::parse(R"({"cpu":"500m","ephemeral-storage":"64Mi"})"));
    CHECK(agent["securityContext"]["seccompProfile"]["type"] == "RuntimeDefault");
    CHECK(spec["tolerations"] == json::parse(R"([
      {"key":"dedicated","operator":"Equal","value":"shop","effect":"NoSchedule"},
      {"key":"spot","operator":"Exists"}, {"key":"gpu","operator":"Exists","effect":"NoExecute"}])"));
    CHECK(spec["priorityClassName"] == "dev");
    CHECK(spec["imagePullSecrets"] == json::parse(R"([{"name":"s"},{"name":"login"}])"));
  }
  SECTION("inpod-loader from a ConfigMap: nothing of the image runs") {
    auto other = plan();
    other.loader = "inpod-loader-1";
    const auto spec = (*job_manifest(other))["spec"]["template"]["spec"];
    const auto started = spec["containers"][0], volume = spec["volumes"][0]["configMap"];
    CHECK(volume["name"] == "inpod-loader-1");
    CHECK((volume["defaultMode"].get<int>() & 0777) == 0555);
    CHECK(started["command"] == json({"/.inpod-agent-abcdefgh/inpod-loader", "70"}));
    CHECK_FALSE(started.contains("args"));
    CHECK(started["workingDir"] == "/");
    CHECK(started["securityContext"]["readOnlyRootFilesystem"] == true);
    CHECK(started["securityContext"]["runAsUser"] == 0);
    // The path is another one for each session, so that no image can have anything there.
    CHECK(started["volumeMounts"][0]["mountPath"] == "/.inpod-agent-abcdefgh");
    other.target = {}, other.config.bootstrap_image = "busybox";
    const auto targetless = (*job_manifest(other))["spec"]["template"]["spec"]["containers"][0];
    CHECK_FALSE(targetless["securityContext"].contains("readOnlyRootFilesystem"));
  }
  SECTION("an image that has the agent: no bootstrap") {
    auto other = plan();
    other.config.image = "registry/agent:1", other.executable_size = 0;
    made = *job_manifest(other);
    CHECK_FALSE(made["spec"]["template"]["spec"]["containers"][0].contains("command"));
  }
  SECTION("targetless") {
    auto other = plan();
    other.target = {};
    CHECK_THAT(job_manifest(other).error().remedy, Catch::Contains("agent.bootstrap_image"));
    other.config.bootstrap_image = "busybox", other.config.node_selector["zone"] = "a";
    made = *job_manifest(other);
    CHECK(made["spec"]["template"]["spec"]["hostPID"] == false);
    CHECK_FALSE(made["spec"]["template"]["spec"].contains("nodeName"));
    CHECK(made["spec"]["template"]["spec"]["nodeSelector"]["zone"] == "a");
  }
}

TEST_CASE("an agent starts with the rights that its kind needs, and no other") {
  const auto profile = "container.apparmor.security.beta.kubernetes.io/inpod-agent";
  const auto added = [](const json& container) {
    return container["securityContext"]["capabilities"]["add"].get<std::set<std::string>>();
  };
  const std::set<std::string> network_and_files{"NET_ADMIN",       "NET_RAW", "CHOWN", "DAC_OVERRIDE",
                                                "DAC_READ_SEARCH", "FOWNER",  "FSETID"};
  auto in_target = network_and_files;
  in_target.insert({"SYS_CHROOT", "SYS_PTRACE", "SETUID", "SETGID"});

  auto made = plan();
  auto pod = (*job_manifest(made))["spec"]["template"];
  CHECK(pod["metadata"]["annotations"][profile] == "unconfined");
  CHECK_FALSE(pod["spec"]["containers"][0]["securityContext"].contains("allowPrivilegeEscalation"));
  made.config.annotations[profile] = "runtime/default";
  pod = (*job_manifest(made))["spec"]["template"];
  CHECK(pod["metadata"]["annotations"][profile] == "runtime/default");

  made.config.mode = "ephemeral";
  const auto container = *ephemeral_container(made);
  CHECK(added(container) == in_target);
  CHECK(container["securityContext"]["allowPrivilegeEscalation"] == false);

  auto targetless = plan();
  targetless.target = {};
  targetless.config.bootstrap_image = "busybox";
  pod = (*job_manifest(targetless))["spec"]["template"];
  CHECK(added(pod["spec"]["containers"][0]) == network_and_files);
  CHECK(pod["spec"]["containers"][0]["securityContext"]["allowPrivilegeEscalation"] == false);
  CHECK_FALSE(pod["metadata"]["annotations"].contains(profile));
}

TEST_CASE("an ephemeral container has no volume and names the target's container") {
  auto made = plan();
  made.config.mode = "ephemeral";
  const auto container = *ephemeral_container(made);
  CHECK(container["targetContainerName"] == "app");
  CHECK(container["name"] == "inpod-agent-abcdefgh");
  CHECK(container["env"] == json::parse(R"([{"name": "INPOD_CLIENT", "value": "me@host"}])"));
  CHECK_FALSE(container.contains("volumeMounts"));
  CHECK_FALSE(container.contains("resources"));
}

TEST_CASE("label values take any text") {
  CHECK(label_value("me@host.example") == "me-host.example");
  CHECK(label_value("--ü--") == "unknown");
  CHECK(label_value(std::string(100, 'a')).size() == 63);
}

TEST_CASE("where an agent stands") {
  const auto pod = [](const std::string& state, const std::string& more = "") {
    return json::parse(
        R"({"metadata":{"name":"p"},"status":{"phase":"Pending","containerStatuses":[{"name":"inpod-agent","state":)" +
        state + "}]" + more + "}}");
  };
  const auto judge = [](const json& object) { return judge_agent(object, "inpod-agent"); };
  CHECK(*judge(pod(R"({"waiting":{"reason":"ContainerCreating"}})")) == AgentState::coming);
  CHECK(*judge(pod(R"({"running":{}})")) == AgentState::running);
  CHECK(*judge(json::object()) == AgentState::coming);
  CHECK_THAT(
      judge(pod(R"({"waiting":{"reason":"ImagePullBackOff","message":"no such image x"}})")).error().text,
      Catch::Contains("ImagePullBackOff: no such image x"));
  CHECK_THAT(
      judge(
          pod(R"({"terminated":{"reason":"StartError","exitCode":128,"message":"exec: \"sh\": executable file not found in $PATH: unknown"}})"))
          .error()
          .text,
      Catch::Contains("has no shell"));
  CHECK_THAT(
      judge(
          pod(R"({"waiting":{"reason":"RunContainerError","message":"executable `\"sh\"` not found: No such file or directory; no such file or directory"}})"))
          .error()
          .remedy,
      Catch::Contains("agent.bootstrap_image"));
  CHECK_THAT(judge(pod(R"({"terminated":{"reason":"Error","exitCode":3}})")).error().text,
             Catch::Contains("Error, exit code 3"));
  CHECK_THAT(
      judge(json::parse(R"({"status":{"phase":"Failed","reason":"Evicted","message":"low on memory"}})"))
          .error()
          .text,
      Catch::Contains("Evicted: low on memory"));
}

TEST_CASE("an agent that was killed is not told as one that the cluster forbids") {
  const auto ended = [](const std::string& state) {
    return judge_agent(
               json{{"status",
                     {{"containerStatuses",
                       {{{"name", "inpod-agent"}, {"state", {{"terminated", json::parse(state)}}}}}}}}},
               "inpod-agent")
        .error();
  };
  const auto memory = ended(R"({"reason":"OOMKilled","exitCode":137})");
  CHECK_THAT(memory.text, Catch::Contains("was killed: OOMKilled, exit code 137"));
  CHECK_THAT(memory.remedy, Catch::Contains("agent.resources.limits"));
  for (const char* state : {R"({"reason":"Error","exitCode":137})", R"({"exitCode":143})"}) {
    const auto error = ended(state);
    CHECK_THAT(error.text, Catch::Contains("was killed"));
    CHECK_THAT(error.remedy, !Catch::Contains("inpod check") && Catch::Contains("Launch again"));
  }
  const auto failed = [](const char* reason) {
    return judge_agent(json{{"status", {{"phase", "Failed"}, {"reason", reason}}}}, "inpod-agent").error();
  };
  CHECK_THAT(failed("Evicted").text, Catch::Contains("was evicted from its node: Evicted"));
  CHECK_THAT(failed("OutOfcpu").remedy, Catch::Contains("agent.resources.requests"));
}

TEST_CASE("a target that crash-loops is called that") {
  auto pod = two_containers();
  auto& status = pod["status"]["containerStatuses"][0];
  status["restartCount"] = 4;
  SECTION("while the kubelet waits") {
    status["state"] = json::parse(R"({"waiting":{"reason":"CrashLoopBackOff","message":"back-off 40s"}})");
    status["lastState"] = json::parse(R"({"terminated":{"reason":"OOMKilled","exitCode":137}})");
    CHECK(crash_loop(status) == "ended 5 times, last by OOMKilled, with exit code 137");
  }
  SECTION("between two runs") {
    status["state"] = json::parse(R"({"terminated":{"reason":"Error","exitCode":3}})");
    CHECK(crash_loop(status) == "ended 5 times, last with exit code 3");
  }
  const auto error = describe_pod(pod, "app").error();
  CHECK_THAT(error.text, Catch::Contains("container app of pod shop/web-1 crash-loops (ended 5 times"));
  CHECK_THAT(error.remedy, Catch::Contains("kubectl logs web-1 -c app -n shop --previous"));
  status["state"] = json::parse(R"({"running":{}})");
  CHECK(crash_loop(status).empty());
}

TEST_CASE("a pod without a node is waited for: an autoscaler may bring one") {
  const auto pod = json::parse(
      R"({"status":{"phase":"Pending","conditions":[{"type":"PodScheduled","status":"False","reason":"Unschedulable","message":"0/3 nodes"}]}})");
  CHECK(*judge_agent(pod, "inpod-agent") == AgentState::coming);
  CHECK(no_node_yet(pod) == "0/3 nodes");
  CHECK_THAT(pod_state(pod), Catch::Contains("0/3 nodes"));  // what the error says once the time is over
  CHECK(no_node_yet(json::parse(R"({"status":{"conditions":[{"type":"PodScheduled","status":"True"}]}})"))
            .empty());
  CHECK(no_node_yet(json()).empty());
}

TEST_CASE("an agent on a node of another architecture") {
  const Error said{0, "the agent ended at once; it said: sh: exec: /inpod/agent: Exec format error", "old"};
  const auto node = [](const std::string& architecture) {
    return json{{"status", {{"nodeInfo", {{"architecture", architecture}}}}}};
  };
  CHECK(is_wrong_format(said));
  CHECK(is_wrong_format({0, "the agent's container ended at once: Error, exit code 126", {}}));
  CHECK_FALSE(is_wrong_format({0, "the agent's container ended at once: Error, exit code 1", {}}));
  const auto arm = judge_format(said, "node0", node("arm64"));
  CHECK_THAT(arm.text, Catch::Contains("x86-64 only, and node node0 is arm64"));
  CHECK_THAT(arm.remedy, Catch::Contains("x86-64 node"));
  CHECK(judge_format(said, "node0", node("amd64")).remedy == "old");
  CHECK_THAT(judge_format(said, "node0", json()).remedy, Catch::Contains("is node node0 one of these?"));
}

TEST_CASE("events of a Job that gets no pod") {
  const auto judge = [](const std::string& message) {
    return judge_job_events({json{{"reason", "FailedCreate"}, {"type", "Warning"}, {"message", message}}});
  };
  CHECK_THAT(judge("violates PodSecurity \"restricted:latest\": host namespaces").remedy,
             Catch::Contains("agent.mode: ephemeral") && Catch::Contains("enforce=privileged"));
  CHECK_THAT(judge("exceeded quota: none, requested: pods=1").remedy,
             Catch::Contains("make room in the quota"));
  CHECK_THAT(judge("failed quota: small: must specify limits.cpu").remedy,
             Catch::Contains("agent.resources.limits") && !Catch::Contains("room"));
  CHECK_THAT(judge("maximum memory usage per Container is 100Mi, but limit is 256Mi").remedy,
             Catch::Contains("LimitRange"));
  CHECK_THAT(judge("no PriorityClass with name dev was found").remedy,
             Catch::Contains("agent.priority_class"));
  // What passes is waited for.
  for (const char* passing :
       {"pods \"x\" is forbidden: error looking up service account shop/default: not found",
        "Operation cannot be fulfilled on resourcequotas \"q\": the object has been modified",
        "Internal error occurred: resource quota evaluates timeout"})
    CHECK(judge(passing).text.empty());
  CHECK_THAT(judge("denied by webhook").text, Catch::Contains("denied by webhook"));
  CHECK_THAT(admission_remedy("violates PodSecurity \"restricted:latest\"", "ephemeral"),
             Catch::Contains("agent.mode: job"));
  CHECK(judge_job_events({json{{"reason", "SuccessfulCreate"}}, json(3)}).text.empty());
  CHECK(quote_events({json{{"type", "Warning"},
                           {"reason", "A"},
                           {"message", "old"},
                           {"lastTimestamp", "2020-01-01T00:00:00Z"}},
                      json{{"type", "Warning"},
                           {"reason", "B"},
                           {"message", "new"},
                           {"lastTimestamp", "2021-01-01T00:00:00Z"}},
                      json{{"type", "Normal"}, {"reason", "C"}}},
                     1) == "\n    B: new");
  // Where nothing warns, the last that happened says what it waits for.
  CHECK(quote_events({json{{"type", "Normal"}, {"reason", "Pulling"}, {"message", "image"}}}) ==
        "\n    Pulling: image");
  CHECK(quote_events({}).empty());
}

TEST_CASE("ready lines") {
  CHECK(ready_port("inpod-agent ready port=4711 pid=1") == 4711);
  CHECK(ready_port("inpod-agent ready port=4711\r") == 4711);
  for (const char* line : {"inpod-agent ready port=", "inpod-agent ready port=0",
                           "inpod-agent ready port=99999", "x inpod-agent ready port=1", ""})
    CHECK(ready_port(line) == 0);
}

TEST_CASE("what a session needs to be allowed") {
  const auto has = [](const std::vector<AccessCheck>& checks, const AccessRule& rule) {
    return std::any_of(checks.begin(), checks.end(),
                       [&](const AccessCheck& check) { return check.rule == rule && !check.optional; });
  };
  const auto job = needed_access("shop", "tools", "job");
  CHECK(has(job, {"list", "", "pods", "shop"}));
  CHECK(has(job, {"create", "batch", "jobs", "tools"}));
  CHECK(has(job, {"get", "", "pods/portforward", "tools"}));
  const auto ephemeral = needed_access("shop", "shop", "ephemeral");
  CHECK(has(ephemeral, {"patch", "", "pods/ephemeralcontainers", "shop"}));
  CHECK_FALSE(has(ephemeral, {"create", "batch", "jobs", "shop"}));
}
