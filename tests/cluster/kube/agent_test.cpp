// Agents started for real: as a Job, as an ephemeral container, and in every way that it can fail.
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <cstdlib>

#include "developer.hpp"
#include "fixture.hpp"
#include "kube/agent_pod.hpp"
#include "kube/port_forward.hpp"
#include "kube/resolve.hpp"

using namespace inpod;
using namespace inpod::kube;
using namespace inpod::kube::test;

namespace {

bool job_is_gone(Cluster& cluster, const std::string& session) {
  return try_run("for i in $(seq 300); do kubectl -n " + cluster.space() +
                 " get job,pod -l inpod.dev/session=" + session +
                 " -o name | grep -q . || exit 0; sleep 0.2; done; exit 1") == 0;
}

void check_echo(Cluster& cluster, const AgentPod& agent) {
  auto transport = cluster.must(port_forward(cluster.client(), agent.namespace_, agent.pod, agent.port));
  const std::vector<std::uint8_t> ping{'p', 'i', 'n', 'g'};
  REQUIRE(cluster.await(transport->write(ping)));
  std::array<std::uint8_t, 16> buffer;
  CHECK(cluster.must(transport->read_some(buffer)) == 4);
}

}  // namespace

TEST_CASE("an agent starts beside its target, is listed, and is deleted") {
  Cluster cluster;
  cluster.pod("app", "exec sleep 1000");
  auto request = request_for(cluster, "pod/app");
  const auto begun = std::chrono::steady_clock::now();
  const auto agent = cluster.must(start_agent(cluster.client(), request));
  WARN("agent ready after " << std::chrono::duration_cast<std::chrono::milliseconds>(
                                   std::chrono::steady_clock::now() - begun)
                                   .count()
                            << " ms");
  CHECK(agent.port > 0);
  CHECK(agent.namespace_ == cluster.space());
  check_echo(cluster, agent);
  // The agent is often ready before the API server knows that its container runs.
  cluster.kubectl("wait --for=condition=Ready pod/" + agent.pod + " --timeout=30s");
  CHECK_THAT(cluster.kubectl("logs " + agent.pod), Catch::Contains("record=5 uid=0"));

  const auto spec = json::parse(cluster.kubectl("get pod " + agent.pod + " -o json"));
  CHECK(spec["spec"]["hostPID"] == true);
  CHECK(spec["spec"]["nodeName"] == request.target.node);
  CHECK(spec["spec"]["automountServiceAccountToken"] == false);
  CHECK(spec["spec"]["containers"][0]["volumeMounts"].size() == 1);

  CHECK(cluster.await(check_agent(cluster.client(), agent)));
  const auto listed = cluster.must(list_agents(cluster.client(), cluster.space(), "dev@here"));
  REQUIRE(listed.size() == 1);
  CHECK(listed[0].session == request.session);
  CHECK(listed[0].target == "pod/app");
  CHECK_FALSE(listed[0].finished);
  CHECK(cluster.must(list_agents(cluster.client(), cluster.space(), "someone@else")).empty());
  CHECK(cluster.must(clean_up_agents(cluster.client(), cluster.space(), "dev@here")) == 0);

  REQUIRE(cluster.await(delete_agent(cluster.client(), agent)));
  REQUIRE(cluster.await(delete_agent(cluster.client(), agent)));
  CHECK(job_is_gone(cluster, request.session));
  CHECK(cluster.await(check_agent(cluster.client(), agent)).error().code == ENOENT);
}

TEST_CASE("an agent that ended is tidied up") {
  Cluster cluster;
  cluster.pod("app", "exec sleep 1000");
  auto request = request_for(cluster, "pod/app");
  const auto agent = cluster.must(start_agent(cluster.client(), request));
  cluster.kubectl("exec " + agent.pod + " -c " + agent.container +
                  " -- sh -c \"kill -9 \\$(pidof inpod-agent)\"");
  cluster.kubectl("wait --for=condition=Failed job/inpod-agent-" + request.session + " --timeout=30s");
  CHECK(cluster.must(clean_up_agents(cluster.client(), cluster.space(), "dev@here")) == 1);
  CHECK(job_is_gone(cluster, request.session));
}

TEST_CASE("an agent that fails is quoted, and nothing of it stays") {
  Cluster cluster;
  cluster.pod("app", "exec sleep 1000");
  auto request = request_for(cluster, "pod/app");
  request.start_record = "exit";
  const auto error = cluster.error_of(start_agent(cluster.client(), request));
  CHECK_THAT(error.text, Catch::Contains("stand-in: told to fail"));
  CHECK(job_is_gone(cluster, request.session));
}

TEST_CASE("what keeps an agent from starting is named") {
  Cluster cluster;
  cluster.apply(
      "apiVersion: v1\nkind: Pod\nmetadata: {name: bare}\nspec: {terminationGracePeriodSeconds: 0, "
      "containers: [{name: main, image: 'local/noshell:1', imagePullPolicy: Never}]}\n");
  cluster.kubectl("wait --for=condition=Ready pod/bare --timeout=60s");
  auto request = request_for(cluster, "pod/bare");

  SECTION("no shell in the image, where one is needed") {
    request.config.mode = "ephemeral";
    const auto error = cluster.error_of(start_agent(cluster.client(), request));
    CHECK_THAT(error.text, Catch::Contains("has no shell"));
    CHECK_THAT(error.remedy, Catch::Contains("agent.bootstrap_image") && Catch::Contains("agent.image") &&
                                 Catch::Contains("agent.mode: job"));
  }
  SECTION("an image that the node can't get") {
    request.config.bootstrap_image = "registry.invalid/none:1";
    const auto error = cluster.error_of(start_agent(cluster.client(), request));
    CHECK_THAT(error.text,
               Catch::Contains("can't get the agent's image") && Catch::Contains("registry.invalid/none:1"));
    CHECK_THAT(error.remedy, Catch::Contains("agent.bootstrap_image"));
  }
  SECTION("a quota that leaves no room for pods") {
    cluster.apply("apiVersion: v1\nkind: ResourceQuota\nmetadata: {name: none}\nspec: {hard: {pods: 1}}\n");
    run("for i in $(seq 50); do kubectl -n " + cluster.space() +
        " get quota none -o jsonpath={.status.used.pods} | grep -q 1 && exit 0; sleep 0.2; done; exit 1");
    request.config.bootstrap_image = "local/busybox:1";
    const auto error = cluster.error_of(start_agent(cluster.client(), request));
    CHECK_THAT(error.text,
               Catch::Contains("does not admit the agent's pod") && Catch::Contains("exceeded quota"));
    CHECK_THAT(error.remedy, Catch::Contains("agent.namespace"));
  }
  SECTION("a LimitRange that wants less than the agent gets by default") {
    cluster.apply(
        "apiVersion: v1\nkind: LimitRange\nmetadata: {name: small}\nspec: {limits: [{type: Container, max: "
        "{memory: 100Mi}}]}\n");
    request.config.bootstrap_image = "local/busybox:1";
    const auto error = cluster.error_of(start_agent(cluster.client(), request));
    CHECK_THAT(error.text, Catch::Contains("maximum memory usage per Container is 100Mi"));
    CHECK_THAT(error.remedy, Catch::Contains("agent.resources") && Catch::Contains("LimitRange"));
    request.session += "b", request.config.limits["memory"] = "90Mi";
    CHECK(cluster.must(start_agent(cluster.client(), request)).port > 0);
    return;
  }
  SECTION("a quota that leaves no room for the loader: the image's shell is not run instead") {
    cluster.apply(
        "apiVersion: v1\nkind: ResourceQuota\nmetadata: {name: maps}\nspec: {hard: {count/configmaps: 0}}\n");
    run("for i in $(seq 50); do kubectl -n " + cluster.space() +
        " get quota maps -o jsonpath={.status.hard} | grep -q configmaps && exit 0; sleep 0.2; done; exit 1");
    request.config.bootstrap_image = "local/busybox:1";
    std::string warned;
    request.on_warning = [&](const std::string& text) { warned += text; };
    const auto error = cluster.error_of(start_agent(cluster.client(), request));
    CHECK_THAT(error.text,
               Catch::Contains("ConfigMap of the agent's loader") && Catch::Contains("exceeded quota: maps"));
    CHECK_THAT(error.remedy, Catch::Contains("agent.namespace"));
    CHECK(warned.empty());
  }
  SECTION("an agent that never says that it is ready") {
    request.config.image = "local/noshell:1";
    request.config.startup_seconds = 4;
    const auto error = cluster.error_of(start_agent(cluster.client(), request));
    CHECK(error.code == ETIMEDOUT);
    CHECK_THAT(error.text, Catch::Contains("within 4 s"));
    CHECK_THAT(error.remedy, Catch::Contains("agent.startup_seconds"));
  }
  CHECK(job_is_gone(cluster, request.session));
}

TEST_CASE("a namespace with a quota and a LimitRange takes an agent as it is by default") {
  Cluster cluster;
  cluster.pod("app", "exec sleep 1000");
  cluster.apply(
      "apiVersion: v1\nkind: ResourceQuota\nmetadata: {name: all}\nspec: {hard: {requests.cpu: 1, "
      "requests.memory: 1Gi, limits.cpu: 1, limits.memory: 1Gi}}\n---\napiVersion: v1\nkind: "
      "LimitRange\nmetadata: {name: all}\nspec: {limits: [{type: Container, max: {cpu: 1, memory: 512Mi}, "
      "min: {cpu: 5m, memory: 16Mi}}]}\n");
  run("for i in $(seq 50); do kubectl -n " + cluster.space() +
      " get quota all -o jsonpath={.status.hard} | grep -q cpu && exit 0; sleep 0.2; done; exit 1");
  check_echo(cluster, cluster.must(start_agent(cluster.client(), request_for(cluster, "pod/app"))));
}

TEST_CASE("a pod that an agent's Job makes anew ends by itself, without a client") {
  Cluster cluster;
  cluster.pod("app", "exec sleep 1000");
  auto request = request_for(cluster, "pod/app");
  request.config.startup_seconds = 10;
  SECTION("by the loader") {}
  SECTION("by the image's shell") {
    Developer developer(cluster);
    const AccessRule rule{"create", "", "configmaps", cluster.space()};
    developer.may_do_all_but(&rule);
    const auto agent = cluster.must(start_agent(developer.client, request));
    CHECK(agent.port > 0);
  }
  if (cluster.kubectl("get jobs -o name").empty()) cluster.must(start_agent(cluster.client(), request));
  const auto label = "-l inpod.dev/session=" + request.session;
  cluster.kubectl("delete pod --wait=false --grace-period=0 --force " + label);
  // The next pod has nobody who feeds it. Nothing of the session runs any more after its 20 s.
  const auto running = "kubectl -n " + cluster.space() + " get pod " + label +
                       " --field-selector status.phase!=Failed,status.phase!=Succeeded -o name | grep -q .";
  CHECK(try_run("for i in $(seq 60); do " + running + " || break; sleep 1; done; sleep 2; ! " + running) ==
        0);
}

TEST_CASE("a target that crash-loops is called that, with its last words") {
  Cluster cluster;
  cluster.apply(
      "apiVersion: v1\nkind: Pod\nmetadata: {name: app}\nspec: {containers: [{name: main, image: "
      "'local/busybox:1', imagePullPolicy: Never, command: [sh, -c, 'echo no database here; exit 3']}]}\n");
  run("for i in $(seq 300); do kubectl -n " + cluster.space() +
      " get pod app -o jsonpath={.status.containerStatuses[0].restartCount} | grep -q [1-9] && exit 0; sleep "
      "0.2; done; exit 1");
  // Now and then it runs, for some milliseconds.
  Error error;
  for (int i = 0; i < 50 && error.text.find("crash-loops") == std::string::npos; ++i)
    if (auto found =
            cluster.await(resolve_target(cluster.client(), *parse_target("pod/app"), cluster.space()));
        !found)
      error = found.error();
  CHECK_THAT(error.text, Catch::Contains("crash-loops (ended") && Catch::Contains("with exit code 3") &&
                             Catch::Contains("no database here"));
}

TEST_CASE("an image without a shell is as good as any, and so is another one than the target's") {
  Cluster cluster;
  cluster.apply(
      "apiVersion: v1\nkind: Pod\nmetadata: {name: bare}\nspec: {terminationGracePeriodSeconds: 0, "
      "containers: [{name: main, image: 'local/noshell:1', imagePullPolicy: Never}]}\n");
  cluster.kubectl("wait --for=condition=Ready pod/bare --timeout=60s");
  auto request = request_for(cluster, "pod/bare");
  check_echo(cluster, cluster.must(start_agent(cluster.client(), request)));
  request.session += "b", request.config.bootstrap_image = "local/busybox:1";
  check_echo(cluster, cluster.must(start_agent(cluster.client(), request)));
}

TEST_CASE("targetless: an agent that belongs to no pod") {
  Cluster cluster;
  auto request = request_for(cluster, "");
  CHECK_THAT(cluster.error_of(start_agent(cluster.client(), request)).remedy,
             Catch::Contains("agent.bootstrap_image"));
  request.session += "b";
  request.config.bootstrap_image = "local/busybox:1";
  const auto agent = cluster.must(start_agent(cluster.client(), request));
  CHECK(agent.namespace_ == cluster.space());
  check_echo(cluster, agent);
}

TEST_CASE("a cancelled start leaves nothing, whichever step it was at") {
  Cluster cluster;
  cluster.pod("app", "exec sleep 1000");
  auto request = request_for(cluster, "pod/app");
  for (int step = 1; step <= 3; ++step) {
    INFO("cancelled at step " << step);
    request.session += "c";
    boost::asio::cancellation_signal signal;
    int reached = 0;
    request.on_progress = [&](const std::string&) {
      if (++reached == step)
        boost::asio::post(cluster.context(), [&] { signal.emit(boost::asio::cancellation_type::terminal); });
    };
    std::optional<Result<AgentPod>> result;
    boost::asio::co_spawn(cluster.context(), start_agent(cluster.client(), request),
                          boost::asio::bind_cancellation_slot(
                              signal.slot(), [&](std::exception_ptr thrown, Result<AgentPod> value) {
                                CHECK_FALSE(thrown);
                                result = std::move(value);
                              }));
    cluster.context().restart();
    while (!result && cluster.context().run_one_for(std::chrono::seconds(20)) > 0) {
    }
    CHECK(reached == step);
    REQUIRE(result);
    REQUIRE_FALSE(*result);
    CHECK(result->error().code == ECANCELED);
    CHECK(job_is_gone(cluster, request.session));
  }
}

TEST_CASE("an ephemeral container in the target's own pod") {
  Cluster cluster;
  cluster.pod("app", "exec sleep 1000");
  auto request = request_for(cluster, "pod/app");
  request.config.mode = "ephemeral";
  const auto agent = cluster.must(start_agent(cluster.client(), request));
  CHECK(agent.pod == "app");
  CHECK(agent.job.empty());
  check_echo(cluster, agent);
  CHECK(cluster.await(check_agent(cluster.client(), agent)));
  REQUIRE(cluster.await(delete_agent(cluster.client(), agent)));
  request.session += "b";
  check_echo(cluster, cluster.must(start_agent(cluster.client(), request)));
}
