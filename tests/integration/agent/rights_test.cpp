// What the agent can do once it stands, and what a root process of the target's container can do to it.
#include <linux/capability.h>
#include <signal.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

#include "agent_client.hpp"
#include "catch.hpp"
#include "pod.hpp"
#include "privileges/harden.hpp"
#include "target/credentials.hpp"

using namespace inpod;
using namespace inpod::test;
using agent::capability_bit;

namespace {

/// What container runtimes give by default.
const std::string container_capabilities =
    "-all,+chown,+dac_override,+fowner,+fsetid,+kill,+setgid,+setuid,+setpcap,+net_bind_service,+net_raw,"
    "+sys_chroot,+mknod,+audit_write,+setfcap";

/// The command as root of a container would run it.
std::vector<std::string> in_container(const std::vector<std::string>& command) {
  std::vector<std::string> all{
      "setpriv",        "--bounding-set",      container_capabilities, "--inh-caps", container_capabilities,
      "--ambient-caps", container_capabilities};
  all.insert(all.end(), command.begin(), command.end());
  return all;
}

std::vector<pid_t> children_of(pid_t pid) {
  std::istringstream text(
      read_file("/proc/" + std::to_string(pid) + "/task/" + std::to_string(pid) + "/children"));
  std::vector<pid_t> children;
  for (pid_t child; text >> child;) children.push_back(child);
  return children;
}

std::string name_of(pid_t pid) {
  auto name = read_file("/proc/" + std::to_string(pid) + "/comm");
  return name.substr(0, name.find('\n'));
}

std::vector<std::string> statuses(pid_t pid) {
  std::vector<std::string> all;
  for (const auto& thread : std::filesystem::directory_iterator("/proc/" + std::to_string(pid) + "/task"))
    all.push_back(read_file(thread.path().string() + "/status"));
  return all;
}

bool says(const std::string& status, const std::string& line) {
  return status.find("\n" + line + "\n") != std::string::npos;
}

/// CHECKs that every thread has exactly these capabilities, and can't get more.
void check_threads(pid_t pid, std::uint64_t capabilities) {
  for (const auto& status : statuses(pid)) {
    INFO(status);
    const auto credentials = agent::parse_credentials(status);
    REQUIRE(credentials);
    CHECK(credentials->permitted == capabilities);
    CHECK(credentials->effective == capabilities);
    CHECK(says(status, "CapInh:\t0000000000000000"));
    CHECK(says(status, "CapBnd:\t0000000000000000"));
    CHECK(says(status, "CapAmb:\t0000000000000000"));
    CHECK(says(status, "NoNewPrivs:\t1"));
    CHECK(says(status, "Seccomp:\t2"));
  }
}

/// Makes every thread of the pools that one client can have.
void make_threads(AgentClient& client) {
  std::vector<std::future<Result<Message>>> answers;
  for (int i = 0; i < 40; ++i) {
    protocol::StatFile stat;
    stat.path = "/etc/hosts";
    answers.push_back(client.start(stat));
  }
  answers.push_back(client.start(protocol::GetPod{}));
  answers.push_back(client.start(protocol::GetListeners{}));
  for (auto& answer : answers) {
    REQUIRE(answer.wait_for(seconds(20)) == std::future_status::ready);
    CHECK(answer.get());
  }
}

}  // namespace

TEST_CASE("Every thread of the agent has the target's rights, and its two helpers what they need",
          "[rights]") {
  TestPod pod({"--caps", "-all,+chown,+fowner,+net_raw"});
  AgentProcess agent(pod.pid());
  AgentClient client(agent);
  make_threads(client);
  check_threads(agent.process().pid(),
                capability_bit(CAP_CHOWN) | capability_bit(CAP_FOWNER) | capability_bit(CAP_NET_RAW));
  std::map<std::string, pid_t> helpers;
  for (const pid_t child : children_of(agent.process().pid())) helpers[name_of(child)] = child;
  REQUIRE(helpers.size() == 2);
  REQUIRE(helpers.contains("inpod-network"));
  REQUIRE(helpers.contains("inpod-target"));
  check_threads(helpers["inpod-network"], capability_bit(CAP_NET_ADMIN) | capability_bit(CAP_NET_RAW));
  check_threads(helpers["inpod-target"],
                capability_bit(CAP_SYS_PTRACE) | capability_bit(CAP_DAC_READ_SEARCH));
}

TEST_CASE("A target that is no root has an agent that is none", "[rights]") {
  TestPod pod({"--user", "1000:1000"});
  AgentProcess agent(pod.pid());
  AgentClient client(agent);
  make_threads(client);
  check_threads(agent.process().pid(), 0);
  for (const auto& status : statuses(agent.process().pid()))
    CHECK(says(status, "Uid:\t1000\t1000\t1000\t1000"));
  auto described = client.ask<protocol::Pod>(protocol::GetPod{});
  REQUIRE(described);
  CHECK_FALSE(described->environment.empty());
  CHECK_FALSE(described->working_directory.empty());
}

TEST_CASE("Without a target the agent keeps the rights on files alone", "[rights]") {
  AgentProcess agent(record_for(0));
  AgentClient client(agent);
  make_threads(client);
  check_threads(agent.process().pid(), capability_bit(CAP_CHOWN) | capability_bit(CAP_DAC_OVERRIDE) |
                                           capability_bit(CAP_DAC_READ_SEARCH) | capability_bit(CAP_FOWNER) |
                                           capability_bit(CAP_FSETID));
  CHECK(children_of(agent.process().pid()).size() == 1);
  auto described = client.ask<protocol::Pod>(protocol::GetPod{});
  REQUIRE(described);
  CHECK_FALSE(described->environment.empty());
}

TEST_CASE("Root of the target's container gets at no memory, file or root of the agent", "[rights]") {
  // As in agent.mode ephemeral: same user and pid namespace, uid 0, a container's default capabilities.
  TestPod pod({"--caps", container_capabilities});
  AgentProcess agent(pod.pid());
  AgentClient client(agent);
  make_threads(client);
  const auto attack = [](const std::vector<pid_t>& victims) {
    auto command = in_container({AGENT_ATTACKER});
    for (const pid_t victim : victims) command.push_back(std::to_string(victim));
    auto outcome = run(command);
    INFO(outcome.err);
    CHECK(outcome.status == 0);
    return outcome.out;
  };
  auto processes = children_of(agent.process().pid());
  processes.push_back(agent.process().pid());
  CHECK(attack(processes) == "");
  // The same attacker gets at a process of the same rights that is not hardened.
  Process sleeper(in_container({"sleep", "60"}));
  REQUIRE(eventually(seconds(10), [&] { return name_of(sleeper.pid()) == "sleep"; }));
  const auto allowed = attack({sleeper.pid()});
  for (const std::string way : {" mem\n", " process_vm\n", " ptrace\n", " root/\n", " fd 0\n", " environ\n"})
    CHECK(allowed.find(way) != std::string::npos);
}

TEST_CASE("A container's default rights are enough for a target of the same pod with the same", "[rights]") {
  // An ephemeral container of an old API server, which lets nobody choose its capabilities.
  Process target(in_container({"env", "-i", "WHO=target", "/bin/sleep", "60"}));
  REQUIRE(eventually(seconds(10), [&] { return name_of(target.pid()) == "sleep"; }));
  AgentProcess agent(record_for(target.pid()), {}, true, in_container({}));
  AgentClient client(agent);
  auto described = client.ask<protocol::Pod>(protocol::GetPod{});
  INFO((described ? "" : described.error().text));
  REQUIRE(described);
  CHECK(described->environment == std::vector<std::string>{"WHO=target"});
  CHECK(perform(client, "realpath\t/proc") == "/proc");
}

TEST_CASE("The agent dumps no core", "[rights]") {
  TestPod pod;
  AgentProcess agent(pod.pid());
  const auto limits = read_file("/proc/" + std::to_string(agent.process().pid()) + "/limits");
  const auto line = limits.substr(limits.find("Max core file size"));
  std::istringstream words(line.substr(std::string("Max core file size").size()));
  std::string soft, hard;
  words >> soft >> hard;
  CHECK(soft == "0");
  CHECK(hard == "0");
}

TEST_CASE("The agent leaves when one of its helpers ends: no subscription may die unseen", "[rights]") {
  const std::string which = GENERATE("inpod-network", "inpod-target");
  TestPod pod;
  AgentProcess agent(pod.pid());
  AgentClient client(agent);
  for (const pid_t child : children_of(agent.process().pid()))
    if (name_of(child) == which) REQUIRE(::kill(child, SIGKILL) == 0);
  CHECK(agent.process().wait(seconds(20)).status == 0);
  CHECK(eventually(seconds(5), [&] { return client.closed(); }));
  auto events = client.events();
  REQUIRE(events.size() == 1);
  CHECK(std::get<protocol::Leaving>(events[0]).reason == "one of its privileged processes has ended");
}

TEST_CASE("The helpers end with the agent, however it ends", "[rights]") {
  TestPod pod;
  AgentProcess agent(pod.pid());
  const auto helpers = children_of(agent.process().pid());
  REQUIRE(helpers.size() == 2);
  agent.process().signal(SIGKILL);
  (void)agent.process().wait(seconds(10));
  for (const pid_t helper : helpers) {
    // Gone, or a zombie where nobody reaps orphans.
    CHECK(eventually(seconds(10), [&] {
      std::ifstream status("/proc/" + std::to_string(helper) + "/status");
      const std::string text{std::istreambuf_iterator<char>(status), {}};
      return text.empty() || text.find("State:\tZ") != std::string::npos;
    }));
  }
}

TEST_CASE("Stealing and mirroring work through the helper", "[rights]") {
  TestPod pod({"--caps", container_capabilities});
  AgentProcess agent(pod.pid());
  AgentClient client(agent);
  for (const auto mode : {protocol::IncomingMode::mirror, protocol::IncomingMode::steal}) {
    protocol::Subscribe subscribe;
    subscribe.mode = mode;
    subscribe.port = 8080;
    auto subscribed = client.ask<protocol::Subscribed>(subscribe);
    INFO((subscribed ? "" : subscribed.error().text));
    REQUIRE(subscribed);
    protocol::Unsubscribe unsubscribe;
    unsubscribe.subscription = subscribed->subscription;
    CHECK(client.ask<protocol::Done>(unsubscribe));
  }
}
