// What happens when something is killed or cut: the cluster must not notice, and not a byte may be lost.
#include <signal.h>

#include "catch.hpp"
#include "cluster.hpp"

using namespace inpod::test;

namespace {

std::string server_script(const Developer& developer) {
  return developer.write("server.py", read_file(sources + "/tests/debuggees/servers/server.py"));
}

std::vector<std::string> steal(const std::string& script) {
  return {"run", "-t", "deployment/web", "-n", Shop::instance().name_space(), "--steal", "--", "python3", script, "8080"};
}

// Process ids of inpod-agent that act on this test's namespace: the agents run in pods on this very machine.
std::vector<pid_t> agents() {
  const auto found = run({"pgrep", "-f", "^/inpod/"});
  std::vector<pid_t> pids;
  std::size_t at = 0;
  while (at < found.out.size()) {
    const auto end = found.out.find('\n', at);
    pids.push_back(std::stoi(found.out.substr(at, end - at)));
    at = end + 1;
  }
  return pids;
}

// nftables rules of ours in the network namespace of the service's pod.
std::string rules_in_pod() {
  const auto container = kubectl({"-n", Shop::instance().name_space(), "get", "pods", "-l", "app=web", "-o",
                                  "jsonpath={.items[0].status.containerStatuses[0].containerID}"})
                             .out;
  const auto id = container.substr(container.rfind('/') + 1);
  const auto pids = run({"sh", "-c", "grep -l " + id + " /proc/[0-9]*/cgroup 2>/dev/null | head -1 | cut -d/ -f3"}).out;
  return run({"nsenter", "-t", pids.substr(0, pids.find('\n')), "-n", "nft", "list", "ruleset"}).out;
}

}  // namespace

TEST_CASE("killing the agent gives the traffic back within a second, and no rule stays") {
  Developer developer;
  auto& shop = Shop::instance();
  auto server = developer.inpod(steal(server_script(developer)));
  const bool answered = shop.answered_by("by python", seconds(60));
  INFO(server->err());
  REQUIRE(answered);
  REQUIRE(rules_in_pod().find("inpod") != std::string::npos);
  const auto pids = agents();
  REQUIRE(!pids.empty());
  for (const pid_t pid : pids) kill(pid, SIGKILL);
  CHECK(eventually(seconds(1), [] { return rules_in_pod().find("inpod") == std::string::npos; }));
  CHECK(shop.curl("http://web/after").out.find("\"by\": \"pod\"") != std::string::npos);
  CHECK(server->wait_for_error("agent", seconds(30)));  // the user is told
  CHECK(shop.restarts() == 0);
}

TEST_CASE("killing inpod gives the traffic back within 10 s, and the agent leaves after its lease") {
  Developer developer;
  auto& shop = Shop::instance();
  auto arguments = steal(server_script(developer));
  developer.write(".inpod/config.yaml", "agent:\n  lease_seconds: 5\n");
  auto server = developer.inpod(arguments);
  const bool answered = shop.answered_by("by python", seconds(60));
  INFO(server->err());
  REQUIRE(answered);
  server->signal(SIGKILL);
  server->wait(seconds(5));
  CHECK(shop.answered_by_pod(seconds(10)));
  CHECK(rules_in_pod().find("inpod") == std::string::npos);
  const auto left = [&] {
    return kubectl({"-n", shop.name_space(), "get", "pods", "-l", "app.kubernetes.io/managed-by=inpod", "--field-selector",
                    "status.phase=Running", "-o", "name"})
        .out;
  };
  // 60 s in which a lost client may come back, then the lease of 5 s.
  CHECK(eventually(seconds(100), [&] { return left().empty(); }));
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
  CHECK(rules_in_pod().find("inpod") == std::string::npos);
  const auto count = [&] {
    return kubectl({"-n", shop.name_space(), "get", "pods", "-l", "app.kubernetes.io/managed-by=inpod", "-o", "name"}).out;
  };
  const auto before = count();
  const auto again = developer.run({"run", "-t", "deployment/web", "-n", shop.name_space(), "--", "cat", "/etc/web/config.yaml"});
  CHECK(again.status == 0);
  CHECK(count() == before);
}
