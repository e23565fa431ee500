// Kubeconfig: which API server, how to trust it, and who we are, from the files kubectl reads.
//
// Reads $KUBECONFIG (several files, merged: the first that names a thing wins, relative paths count from
// their own file's folder), else ~/.kube/config, else the service account that Kubernetes mounts into pods.
// Files named by it (certificates) are read here; tokens in files are left to Credentials, because they
// change. Touches no network.
// https://kubernetes.io/docs/concepts/configuration/organize-cluster-access-kubeconfig/
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "protocol/result.hpp"

namespace inpod::kube {

/// A credential plugin: a program that prints an ExecCredential.
/// https://kubernetes.io/docs/reference/access-authn-authz/authentication/#client-go-credential-plugins
struct ExecPlugin {
  std::string api_version;  ///< client.authentication.k8s.io/v1 or …/v1beta1
  std::string command;      ///< a path, or a name to find in PATH
  std::vector<std::string> arguments;
  std::map<std::string, std::string> environment;  ///< added to ours
  std::string install_hint;
  std::string interactive_mode = "IfAvailable";  ///< Never | IfAvailable | Always
  bool provide_cluster_info = false;
};

struct KubeconfigOptions {
  std::string path;        ///< only this file; empty: as described above
  std::string context;     ///< empty: current-context
  std::string namespace_;  ///< empty: the context's, else "default"
};

/// One context with all that it names. Certificates and keys are PEM text, never paths.
struct Kubeconfig {
  std::string source;                  ///< files it came from, or "in-cluster"
  std::string context, cluster, user;  ///< names; empty in-cluster
  std::string namespace_ = "default";
  std::string server;           ///< URL without a slash at the end
  std::string authority;        ///< PEM; empty: the system's
  std::string tls_server_name;  ///< name that the certificate must have; empty: the server's own
  bool insecure = false;        ///< don't verify the server's certificate
  std::string proxy;  ///< http://, https:// or socks5:// URL; empty: as $HTTPS_PROXY and $NO_PROXY say

  std::string client_certificate, client_key;  ///< PEM
  std::string token, token_file;               ///< a file wins: it is read anew when it changes
  std::string username, password;
  std::optional<ExecPlugin> exec;
  std::string exec_cluster_config;  ///< for plugins: JSON of the cluster's extension
                                    ///< client.authentication.k8s.io/exec, or empty
  std::string impersonate_user, impersonate_uid;
  std::vector<std::string> impersonate_groups;
  std::map<std::string, std::vector<std::string>> impersonate_extra;

  /// What loads this context again, whatever current-context says by then; nothing where no file did.
  std::optional<KubeconfigOptions> loaded_by;
};

/// Errors: a file that is missing or isn't YAML (with its line), an unknown context (near names are listed),
/// a user or cluster that the context names but no file has, an auth-provider (removed from Kubernetes), no
/// configuration at all.
Result<Kubeconfig> load_kubeconfig(const KubeconfigOptions& options);

}  // namespace inpod::kube
