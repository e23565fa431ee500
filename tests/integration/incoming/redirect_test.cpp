// The table of stolen ports as the kernel sees it: gone with its agent however that ended, and never shared.
#include "incoming/redirect.hpp"

#include <signal.h>

#include "catch.hpp"
#include "namespaces.hpp"

using namespace inpod;
using namespace inpod::test;

namespace {

std::vector<std::string> holder(const PodNetwork& network, const std::string& client,
                                const std::string& kind) {
  return network.in_pod({INCOMING_HOLDER, "8080", client, kind});
}

}  // namespace

TEST_CASE("an agent that is killed leaves nothing: the pod has its port back at once") {
  for (const std::string kind : {"owner", "guardian", "old"}) {
    DYNAMIC_SECTION(kind) {
      PodNetwork network;
      network.serve(8080);
      Process agent(holder(network, "alice@laptop", kind));
      INFO(agent.err());
      REQUIRE(agent.wait_for_output("ready", seconds(30)));
      CHECK(agent.out().find(kind == "owner" ? " kernel" : " guardian") != std::string::npos);
      CHECK(network.rules().find("stolen by alice@laptop") != std::string::npos);
      for (const auto* url : {"http://{4}:8080/", "http://{6}:8080/"})
        CHECK(network.curl(url, {"--http0.9"}).out.find("stolen") != std::string::npos);
      agent.signal(SIGKILL);
      agent.wait(seconds(10));
      CHECK(eventually(seconds(5), [&] { return network.rules().empty(); }));
      CHECK(network.curl("http://{4}:8080/back").out == "pod /back\n");
      CHECK(network.curl("http://{6}:8080/back").out == "pod /back\n");
    }
  }
}

TEST_CASE("a port that another agent steals is refused with the name of its developer") {
  for (const std::string kind : {"owner", "guardian", "old"}) {
    DYNAMIC_SECTION(kind) {
      PodNetwork network;
      Process alice(holder(network, "alice@laptop", kind));
      REQUIRE(alice.wait_for_output("ready", seconds(30)));
      const auto bob = run(holder(network, "bob@desk", "owner"), {}, seconds(30));
      CHECK(bob.status == EADDRINUSE);
      CHECK(bob.err.find("port 8080 of this pod is already stolen by alice@laptop") == 0);
      alice.signal(SIGKILL);
      alice.wait(seconds(10));
      REQUIRE(eventually(seconds(5), [&] { return network.rules().empty(); }));
      Process again(holder(network, "bob@desk", kind));
      CHECK(again.wait_for_output("ready", seconds(30)));
    }
  }
}

TEST_CASE("a table that even the guardian could not delete is swept by the next agent") {
  PodNetwork network;
  Process alice(holder(network, "alice@laptop", "guardian"));
  REQUIRE(alice.wait_for_output("ready", seconds(30)));
  // The guardian is the agent's only child; a container's end kills both at one stroke.
  const auto children = read_file("/proc/" + std::to_string(alice.pid()) + "/task/" +
                                  std::to_string(alice.pid()) + "/children");
  const pid_t guardian = pid_t(atoi(children.c_str()));
  REQUIRE(guardian > 1);
  REQUIRE(::kill(guardian, SIGKILL) == 0);
  alice.signal(SIGKILL);
  alice.wait(seconds(10));
  CHECK(network.rules().find("alice@laptop") != std::string::npos);
  Process bob(holder(network, "bob@desk", "owner"));
  CHECK(bob.wait_for_output("ready", seconds(30)));
  CHECK(network.rules().find("alice@laptop") == std::string::npos);
}

TEST_CASE("changes are whole: many ports at once, a refused change changes nothing") {
  PodNetwork network;
  network.on_pod_thread([&] {
    auto mine = agent::Redirect::create({});
    auto theirs = agent::Redirect::create({});
    REQUIRE(mine);
    REQUIRE(theirs);
    std::vector<agent::StolenPort> many;
    for (std::uint16_t port = 1000; port < 1200; ++port) many.push_back({port, 40000, "alice@laptop"});
    REQUIRE((*mine)->set(many));
    const auto before = network.rules();
    CHECK(before.find("tcp dport 1199") != std::string::npos);
    REQUIRE((*theirs)->set({{2000, 40001, "bob@desk"}}));
    const auto refused = (*mine)->set({{2000, 40000, "alice@laptop"}});
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code == EADDRINUSE);
    CHECK(network.rules().find("tcp dport 1199") != std::string::npos);
    theirs->reset();
    CHECK((*mine)->set({{2000, 40000, "alice@laptop"}}));
    CHECK(network.rules().find("tcp dport 1199") == std::string::npos);
    CHECK(network.rules().find("2000 stolen by alice@laptop") != std::string::npos);
  });
}

TEST_CASE("without the capability the error names it") {
  PodNetwork network;
  const auto refused = run(network.in_pod({"setpriv", "--bounding-set", "-net_admin", "--inh-caps",
                                           "-net_admin", INCOMING_HOLDER, "8080", "alice@laptop", "owner"}),
                           {}, seconds(30));
  CHECK(refused.status == EPERM);
  CHECK(refused.err.find("NET_ADMIN") != std::string::npos);
}
