// What happens when something is killed or cut: the cluster must not notice, and not a byte may be lost.
#include <signal.h>

#include <optional>

#include "catch.hpp"
#include "cluster.hpp"

using namespace inpod::test;

namespace {

std::string server_script(const Developer& developer) {
  return developer.write("server.py", read_file(sources + "/tests/debuggees/servers/server.py"));
}

std::vector<std::string> steal(const std::string& script) {
  return {"run",     "-t", "deployment/web", "-n",   Shop::instance().name_space(),
          "--steal", "--", "python3",        script, "8080"};
}

// The agents of this test's namespace, and of no other test.
std::vector<pid_t> agent_processes() {
  std::vector<pid_t> found;
  for (const pid_t pid :
       processes_of(containers_of(Shop::instance().name_space(), "app.kubernetes.io/managed-by=inpod")))
    if (read_file("/proc/" + std::to_string(pid) + "/cmdline").find("inpod-agent") == 0) found.push_back(pid);
  return found;
}

/// The network of the service's pod, which is looked into from its node.
std::optional<PodNetwork> pod_network() {
  if (Shop::instance().is_here()) return PodNetwork();
  WARN("skipped, the cluster's node is another machine: whether rules stay in the pod's network");
  return std::nullopt;
}

}  // namespace

TEST_CASE("killing the agent gives the traffic back within a second, and no rule stays") {
  Developer developer;
  auto& shop = Shop::instance();
  const auto network = pod_network();
  if (!network) {
    WARN("skipped: the agent's process can't be killed from here");
    return;
  }
  auto server = developer.inpod(steal(server_script(developer)));
  const bool answered = shop.answered_by("by python", seconds(60));
  INFO(server->err());
  REQUIRE(answered);
  REQUIRE(network->has_rules());
  const auto pids = agent_processes();
  REQUIRE(!pids.empty());
  for (const pid_t pid : pids) kill(pid, SIGKILL);
  CHECK(eventually(seconds(1), [&] { return !network->has_rules(); }));
  CHECK(shop.curl("http://web/after").out.find("\"by\": \"pod\"") != std::string::npos);
  CHECK(server->wait_for_error("agent", seconds(30)));  // the user is told
  CHECK(shop.restarts() == 0);
}

TEST_CASE("killing inpod gives the traffic back within 10 s, and the agent leaves after its lease") {
  Developer developer;
  auto& shop = Shop::instance();
  auto arguments = steal(server_script(developer));
  developer.write(".inpod/config.yaml", "agent:\n  lease_seconds: 5\n");
  REQUIRE(developer.run({"trust", "--yes"}).status == 0);
  auto server = developer.inpod(arguments);
  const bool answered = shop.answered_by("by python", seconds(60));
  INFO(server->err());
  REQUIRE(answered);
  server->signal(SIGKILL);
  server->wait(seconds(5));
  CHECK(shop.answered_by_pod(seconds(10)));
  const auto network = pod_network();
  const auto left = [&] {
    return agents(shop.name_space(), "pod", {"--field-selector", "status.phase=Running"});
  };
  // 60 s in which a lost client may come back and finds its rules as they were, then the lease of 5 s.
  CHECK(eventually(seconds(100), [&] { return left().empty(); }));
  if (network) CHECK_FALSE(network->has_rules());
  CHECK(shop.answered_by_pod(seconds(5)));
}

TEST_CASE("Ctrl-C leaves nothing behind but the leased agent, and the next start is warm") {
  Developer developer;
  auto& shop = Shop::instance();
  auto server = developer.inpod(steal(server_script(developer)));
  const bool answered = shop.answered_by("by python", seconds(60));
  INFO(server->err());
  REQUIRE(answered);
  server->signal_group(SIGINT);
  CHECK_FALSE(server->wait(seconds(15)).timed_out);
  CHECK(shop.answered_by_pod(seconds(5)));
  // The table stays for the last packets of stolen connections, then it goes.
  const auto network = pod_network();
  CHECK(eventually(seconds(20), [&] { return !network || !network->has_rules(); }));
  const auto before = agents(shop.name_space(), "pod");
  const auto again = developer.run(
      {"run", "-t", "deployment/web", "-n", shop.name_space(), "--", "cat", "/etc/web/config.yaml"});
  CHECK(again.status == 0);
  CHECK(agents(shop.name_space(), "pod") == before);
}
