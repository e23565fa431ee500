// Namespaces for the tests. See namespaces.hpp.
#include "namespaces.hpp"

#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

#include <thread>

#include "catch.hpp"
#include "protocol/unique_fd.hpp"

namespace inpod::test {
namespace {

void must(const std::string& words) {
  const auto done = run({"sh", "-ec", words}, {}, seconds(30));
  INFO(words << ": " << done.err);
  REQUIRE(done.status == 0);
}

void enter(const std::string& name) {
  const UniqueFd fd(::open(("/run/netns/" + name).c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd || ::setns(fd.get(), CLONE_NEWNET) != 0) throw std::runtime_error("cannot enter " + name);
}

void on_thread(const std::string& name, const std::function<void()>& work) {
  std::exception_ptr failed;
  std::thread([&] {
    try {
      enter(name);
      work();
    } catch (...) {
      failed = std::current_exception();
    }
  }).join();
  if (failed) std::rethrow_exception(failed);
}

std::string fill(std::string url) {
  if (const auto at = url.find("{4}"); at != std::string::npos) url.replace(at, 3, pod_ipv4);
  if (const auto at = url.find("{6}"); at != std::string::npos)
    url.replace(at, 3, std::string("[") + pod_ipv6 + "]");
  return url;
}

}  // namespace

PodNetwork::PodNetwork() {
  if (::geteuid() != 0) FAIL("these tests make network namespaces: run them as root");
  static std::atomic<int> made{0};
  const std::string own = std::to_string(::getpid()) + "-" + std::to_string(++made);
  pod_ = "inpodt" + own + "p";
  client_ = "inpodt" + own + "c";
  must("ip netns add " + pod_ + "; ip netns add " + client_ + "; ip -n " + pod_ + " link set lo up; ip -n " +
       client_ + " link set lo up; ip -n " + pod_ + " link add eth0 type veth peer name eth0 netns " +
       client_);
  const auto both = [&](const std::string& ns, const std::string& addresses) {
    must("ip netns exec " + ns + " sh -ec 'for a in " + addresses +
         "; do ip address add $a dev eth0 $(case $a in *:*) echo nodad;; esac); done; ip link set eth0 up'");
  };
  both(pod_, std::string(pod_ipv4) + "/24 " + pod_ipv6 + "/64");
  both(client_, std::string(client_ipv4) + "/24 " + node_ipv4 + "/24 " + client_ipv6 + "/64");
  must("ip -n " + pod_ + " route add default via " + node_ipv4);
}

PodNetwork::~PodNetwork() {
  servers_.clear();
  for (const auto& name : {pod_, client_}) (void)run({"ip", "netns", "delete", name}, {}, seconds(30));
}

std::vector<std::string> PodNetwork::in_pod(std::vector<std::string> command) const {
  command.insert(command.begin(), {"ip", "netns", "exec", pod_});
  return command;
}
std::vector<std::string> PodNetwork::in_client(std::vector<std::string> command) const {
  command.insert(command.begin(), {"ip", "netns", "exec", client_});
  return command;
}
void PodNetwork::on_pod_thread(const std::function<void()>& work) const {
  on_thread(pod_, work);
}
void PodNetwork::on_client_thread(const std::function<void()>& work) const {
  on_thread(client_, work);
}
void PodNetwork::enter_pod() const {
  enter(pod_);
}

void PodNetwork::serve(int port) {
  servers_.push_back(std::make_unique<Process>(in_pod({"python3", INCOMING_SERVER, std::to_string(port)})));
  if (!servers_.back()->wait_for_output("ready", seconds(60)))
    FAIL("the pod's server did not start: " << servers_.back()->err());
}

Outcome PodNetwork::curl(std::string url, std::vector<std::string> more) const {
  std::vector<std::string> command{"curl",       "-sS", "-g", "--noproxy", "*",
                                   "--max-time", "60",  "-H", "Expect:"};
  command.insert(command.end(), more.begin(), more.end());
  command.push_back(fill(std::move(url)));
  return run(in_client(std::move(command)), {}, seconds(90));
}

Outcome PodNetwork::curl_in_pod(std::string url) const {
  return run(in_pod({"curl", "-sS", "-g", "--noproxy", "*", "--max-time", "60", fill(std::move(url))}), {},
             seconds(90));
}

std::string PodNetwork::rules() const {
  return run(in_pod({"nft", "list", "ruleset"}), {}, seconds(30)).out;
}

}  // namespace inpod::test
