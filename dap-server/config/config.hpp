// Config: everything a user can say about a cluster session, from .inpod/config.yaml, launch.json's "cluster"
// or flags.
//
// One description (config.cpp's key table) drives parsing, validation with suggestions, the JSON schema and
// the docs. Plain data: copy freely, any thread.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "protocol/messages.hpp"
#include "protocol/result.hpp"

namespace inpod {

struct AgentConfig {
  std::string mode = "job";  ///< job | ephemeral
  std::string image;         ///< an image that holds inpod-agent; empty: stream ours into the target's image
  std::string bootstrap_image;         ///< what the agent's pod is made of; empty: the target's image
  std::string namespace_;              ///< key "namespace": where the agent's Job goes; empty: the target's
  std::uint32_t lease_seconds = 300;   ///< how long it lingers for the next launch
  std::uint32_t startup_seconds = 60;  ///< how long to wait for it
  bool privileged = false;
  std::string path;  ///< local inpod-agent executable; empty: beside inpod
  std::map<std::string, std::string> labels, annotations, node_selector;
  /// Kubernetes quantities by resource, of the Job's container; an empty one counts as not set. Limits too,
  /// since quotas on them refuse pods without.
  std::map<std::string, std::string> requests{{"cpu", "10m"}, {"memory", "32Mi"}},
      limits{{"cpu", "500m"}, {"memory", "256Mi"}};
  std::vector<std::string> tolerations;  ///< KEY[=VALUE][:EFFECT]; empty: every taint
  std::string priority_class;
  std::vector<std::string> image_pull_secrets;  ///< beside the target's
  std::string seccomp_profile;                  ///< its type; empty: the cluster's default
};

struct FilesConfig {
  std::string mode = "read";  ///< read | write | local: for what no list names and no default covers
  std::vector<std::string> local, read, write,
      absent;                              ///< globs, in this order of precedence: absent, local, write, read
  std::map<std::string, std::string> map;  ///< prefix → prefix in the pod
};

struct EnvironmentConfig {
  std::vector<std::string> include, exclude;  ///< globs of names; empty include: all
  std::map<std::string, std::string> set;
  std::vector<std::string> unset;
};

struct DnsConfig {
  bool enabled = true;
  std::vector<std::string> local;  ///< globs of names resolved on this machine
};

struct OutgoingConfig {
  bool tcp = true, udp = true, unix_sockets = false;
  std::vector<std::string> local;             ///< CIDR[:PORT[-PORT]] that leave from this machine
  std::vector<std::uint16_t> loopback_ports;  ///< of 127.0.0.0/8 and ::1 that are the pod's
  std::vector<std::string> remote_unix;       ///< globs of unix socket paths that are the pod's
};

struct IncomingConfig {
  protocol::IncomingMode mode = protocol::IncomingMode::mirror;
  bool enabled = true;
  std::vector<std::uint16_t> ports;  ///< only these; empty: every port the program listens on
  std::vector<std::uint16_t> ignore_ports;
  std::map<std::uint16_t, std::uint16_t> map;  ///< program's port → pod's port
  bool own = false;  ///< steal: also what the target's own container asks of its port
};

struct Config {
  std::string target;  ///< pod/NAME, deployment/NAME, …, label:K=V, local:PID, targetless; "/container/NAME"
                       ///< may follow
  std::string kubeconfig, context, namespace_;
  std::string interception = "auto";  ///< auto | preload | syscalls | none
  /// Whether calls are intercepted at all; else the environment alone is the pod's.
  bool intercepts() const { return interception != "none"; }
  bool hostname = true;
  AgentConfig agent;
  FilesConfig files;
  EnvironmentConfig environment;
  DnsConfig dns;
  OutgoingConfig outgoing;
  IncomingConfig incoming;
};

}  // namespace inpod
