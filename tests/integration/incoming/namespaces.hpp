// PodNetwork: two network namespaces joined by a veth pair, a "pod" with a real HTTP server, and a "client"
// outside.
//
// Names carry the test's pid; everything is removed at the end, whatever happened. Needs root and iproute2.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "support/process.hpp"

namespace inpod::test {

constexpr const char* pod_ipv4 = "10.77.0.2";
constexpr const char* pod_ipv6 = "fd77::2";
constexpr const char* client_ipv4 = "10.77.0.9";  // an ordinary client
constexpr const char* node_ipv4 = "10.77.0.1";    // the same host as the pod's default gateway: "the node"
constexpr const char* client_ipv6 = "fd77::9";

class PodNetwork {
 public:
  PodNetwork();
  ~PodNetwork();
  PodNetwork(const PodNetwork&) = delete;
  PodNetwork& operator=(const PodNetwork&) = delete;

  /// A command as run inside.
  std::vector<std::string> in_pod(std::vector<std::string> command) const;
  std::vector<std::string> in_client(std::vector<std::string> command) const;
  /// Runs `work` on a thread of its own whose network namespace is the pod's (the client's), and waits for
  /// it.
  void on_pod_thread(const std::function<void()>& work) const;
  void on_client_thread(const std::function<void()>& work) const;
  /// Moves the calling thread into the pod's network namespace.
  void enter_pod() const;

  /// server.py on this port of the pod.
  void serve(int port);
  /// curl from the client: its standard output. The URL's host may be {4} or {6}.
  Outcome curl(std::string url, std::vector<std::string> more = {}) const;
  Outcome curl_in_pod(std::string url) const;
  /// `nft list ruleset` in the pod.
  std::string rules() const;

 private:
  std::string pod_, client_;
  std::vector<std::unique_ptr<Process>> servers_;
};

}  // namespace inpod::test
