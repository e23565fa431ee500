// What the end-to-end tests share: one namespace of their own in the real cluster with a service, its
// ConfigMap, Secret and client pod, and `inpod` run as an ordinary user (never root) with a home of its own.
#pragma once

#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "support/process.hpp"

namespace inpod::test {

/// kubectl with the admin's kubeconfig ($KUBECONFIG).
Outcome kubectl(std::vector<std::string> arguments, const std::string& input = {},
                milliseconds bound = seconds(60));

/// A developer: an uid without a name on this machine, a home, a runtime folder and a copy of the kubeconfig.
class Developer {
 public:
  explicit Developer(uid_t uid = 23456);
  const std::string& home() const { return home_.path(); }
  const std::string& kubeconfig() const { return kubeconfig_; }
  ProcessOptions options() const;
  /// `inpod ARGUMENTS` as this developer, in their home.
  std::unique_ptr<Process> inpod(std::vector<std::string> arguments, ProcessOptions options) const;
  std::unique_ptr<Process> inpod(std::vector<std::string> arguments) const {
    return inpod(std::move(arguments), options());
  }
  Outcome run(std::vector<std::string> arguments, milliseconds bound = seconds(90)) const;
  /// `inpod dap -- ADAPTER…` as this developer, for DapClient (which starts what it is given as root).
  std::vector<std::string> dap_command(const std::vector<std::string>& adapter,
                                       const ProcessOptions& options) const;
  std::vector<std::string> dap_command(const std::vector<std::string>& adapter) const {
    return dap_command(adapter, options());
  }
  /// A copy of the kubeconfig with these `kubectl config` commands done to it; returns its path.
  std::string kubeconfig_with(const std::string& name,
                              const std::vector<std::vector<std::string>>& changes) const;
  /// A kubeconfig of a new service account with exactly these rules (the YAML list of a Role) in the
  /// namespace.
  std::string limited_kubeconfig(const std::string& name_space, const std::string& name,
                                 const std::string& rules) const;
  /// A file in the home that this developer owns; returns its path.
  std::string write(const std::string& name, const std::string& text, unsigned mode = 0644) const;

 private:
  uid_t uid_;
  TemporaryDirectory home_;
  std::string kubeconfig_;
};

/// The namespace and what lives in it. Made once for a test program, deleted at its end.
class Shop {
 public:
  static Shop& instance();
  ~Shop();
  const std::string& name_space() const { return name_; }
  /// The only pod of deployment/web.
  std::string pod() const;
  std::string pod_ip() const;
  /// Whether the pods' processes are on this machine: those of tests/cluster/up are; a cluster of the user's
  /// may be anywhere.
  bool is_here() const;
  /// The client's pod serves /srv on port 8081, and takes connections on port 5000 that it never answers.
  std::string client_ip() const;
  /// What a client pod gets from `curl URL` (with `arguments` before it), with status 0, or curl's own exit
  /// code.
  Outcome curl(const std::string& url, std::vector<std::string> arguments = {}) const;
  Outcome in_client(std::vector<std::string> command, const std::string& input = {},
                    milliseconds bound = seconds(60)) const;
  Outcome in_pod(std::vector<std::string> command) const;
  /// True once the service is answered by the pod itself again (bounded).
  bool answered_by_pod(milliseconds bound) const;
  bool answered_by(const std::string& whom, milliseconds bound) const;
  /// Makes pod/bare, whose image has no shell, and waits until it is ready. Not again if it is there.
  void make_bare_pod() const;
  /// Number of restarts of the service's container, and whether it is ready.
  int restarts() const;
  bool ready() const;

 private:
  Shop();
  std::string name_;
};

/// Applies YAML to a namespace; throws what kubectl says when that fails.
void apply_yaml(const std::string& name_space, const std::string& yaml);
/// Names of the Jobs or pods ("job", "pod") of agents in a namespace, one a line; `more` goes to kubectl.
std::string agents(const std::string& name_space, const std::string& kind,
                   const std::vector<std::string>& more = {});
/// Processes of this machine in the containers with these ids. The test cluster's pods run on this very
/// machine.
std::vector<pid_t> processes_of(const std::vector<std::string>& container_ids);
/// Container ids of the pods that a label selector finds.
std::vector<std::string> containers_of(const std::string& name_space, const std::string& selector);
/// Each line of a text, without its end.
std::vector<std::string> lines_of(const std::string& text);
/// Each line of a text as the JSON that it is.
std::vector<nlohmann::json> json_lines(const std::string& text);

/// The network namespace of the service's pod, as it is now.
class PodNetwork {
 public:
  PodNetwork();
  /// Whether a table of inpod's stands there.
  bool has_rules() const;

 private:
  std::string pid_;
};

extern const std::string binaries;  ///< folder with inpod and the debuggees
extern const std::string sources;   ///< the project's root

}  // namespace inpod::test
