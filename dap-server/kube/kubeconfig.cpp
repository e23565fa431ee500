// Merging of kubeconfig files and choice of a context. What stands in each entry is read by
// kubeconfig_entries.cpp.
#include "kube/kubeconfig.hpp"

#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "config/check.hpp"
#include "kube/kubeconfig_entries.hpp"

namespace inpod::kube {
namespace {

namespace fs = std::filesystem;

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

/// Named entries of all files, first file first. An entry keeps the file it came from, for its relative
/// paths.
struct Merged {
  std::vector<std::string> files;
  std::string current_context;
  std::map<std::string, Entry> clusters, users, contexts;
};

Result<void> take_entries(const Entry& file, const char* list, const char* value,
                          std::map<std::string, Entry>& into) {
  TRY_ASSIGN(items, file.member(list));
  if (!items.present()) return {};
  if (!items.node.IsSequence()) return items.wrong("a list");
  for (std::size_t i = 0; i < items.node.size(); ++i) {
    const Entry item{items.node[i], items.file, std::string(list) + "[" + std::to_string(i) + "]"};
    if (!item.node.IsMap()) return item.wrong("a map with name and " + std::string(value));
    TRY_ASSIGN(name, item.text("name"));
    TRY_ASSIGN(content, item.member(value));
    content.place = std::string(list) + "." + name;
    into.emplace(name, content);
  }
  return {};
}

Result<void> merge_file(const std::string& path, Merged& merged) {
  TRY_ASSIGN(content, read_small_file(path));
  Entry file{YAML::Node(), path, ""};
  try {
    file.node = YAML::Load(content);
  } catch (const YAML::Exception& error) {
    return fail(path + ":" + std::to_string(error.mark.line + 1) + ": not valid YAML: " + error.msg,
                "correct the file, or name another one (--kubeconfig, $KUBECONFIG)");
  }
  merged.files.push_back(path);
  if (file.node.IsNull()) return {};
  if (!file.node.IsMap()) return file.wrong("a kubeconfig (a map with clusters, users and contexts)");
  TRY_ASSIGN(current, file.text("current-context"));
  if (merged.current_context.empty()) merged.current_context = current;
  TRY_VOID(take_entries(file, "clusters", "cluster", merged.clusters));
  TRY_VOID(take_entries(file, "users", "user", merged.users));
  return take_entries(file, "contexts", "context", merged.contexts);
}

std::vector<std::string> split_paths(const std::string& list) {
  std::vector<std::string> paths;
  for (std::size_t at = 0; at <= list.size();) {
    const auto end = std::min(list.find(':', at), list.size());
    if (end > at) paths.push_back(list.substr(at, end - at));
    at = end + 1;
  }
  return paths;
}

Result<Merged> load_files(const std::string& explicit_path) {
  Merged merged;
  if (!explicit_path.empty()) {
    TRY_VOID(merge_file(explicit_path, merged));
    return merged;
  }
  auto paths = split_paths(variable("KUBECONFIG"));
  const bool named = !paths.empty();
  if (!named && !variable("HOME").empty()) paths.push_back(variable("HOME") + "/.kube/config");
  for (const auto& path : paths) {
    std::error_code ignored;  // a file of the list that isn't there is no error, as for kubectl
    if (fs::exists(path, ignored)) TRY_VOID(merge_file(path, merged));
  }
  if (named && merged.files.empty()) {
    return Failed(Error{ENOENT, "no file of KUBECONFIG=" + variable("KUBECONFIG") + " exists",
                        "set KUBECONFIG to your kubeconfig, or unset it to use ~/.kube/config"});
  }
  return merged;
}

constexpr auto no_configuration =
    "no Kubernetes configuration: neither $KUBECONFIG nor ~/.kube/config is there";
constexpr auto no_configuration_remedy =
    "get a kubeconfig from your cluster (kind get kubeconfig, gcloud container clusters get-credentials, aws "
    "eks "
    "update-kubeconfig, …) and save it as ~/.kube/config or name it by --kubeconfig; without a cluster, use "
    "the target local:PID";

/// The user's, else the one that stands already, from `origin`. In a path of the API, ".." would name another
/// part of it, with the user's credentials.
Result<void> choose_namespace(const KubeconfigOptions& options, const std::string& origin,
                              Kubeconfig& config) {
  if (!options.namespace_.empty()) config.namespace_ = options.namespace_;
  const auto problem = config::label_problem(config.namespace_);
  if (!problem) return {};
  return fail("namespace \"" + config.namespace_ + "\"" +
                  (options.namespace_.empty() ? " of " + origin : std::string()) + ": " + *problem,
              options.namespace_.empty() ? "correct it there, or give another one by --namespace"
                                         : "give the namespace's own name: kubectl get namespaces");
}

Result<Kubeconfig> in_cluster(const KubeconfigOptions& options) {
  const std::string folder = "/var/run/secrets/kubernetes.io/serviceaccount/";
  const auto host = variable("KUBERNETES_SERVICE_HOST");
  std::error_code ignored;
  if (host.empty() || !fs::exists(folder + "token", ignored))
    return fail(no_configuration, no_configuration_remedy);
  Kubeconfig config;
  config.source = "in-cluster";
  const auto port = variable("KUBERNETES_SERVICE_PORT");
  config.server = "https://" + (host.find(':') == std::string::npos ? host : "[" + host + "]") + ":" +
                  (port.empty() ? "443" : port);
  TRY_ASSIGN(authority, read_small_file(folder + "ca.crt"));
  config.authority = authority;
  config.token_file = folder + "token";
  if (auto own = read_small_file(folder + "namespace")) config.namespace_ = *own;
  TRY_VOID(choose_namespace(options, folder + "namespace", config));
  return config;
}

std::string names_of(const std::map<std::string, Entry>& entries) {
  std::string text;
  std::size_t count = 0;
  for (const auto& [name, entry] : entries) {
    if (++count > 20) return text + ", …";
    text += (text.empty() ? "" : ", ") + name;
  }
  return text;
}

Failed unknown_context(const std::string& name, const Merged& merged) {
  std::vector<std::string> names;
  for (const auto& [known, entry] : merged.contexts) names.push_back(known);
  const auto near = config::nearest(name, names);
  return Failed(Error{ENOENT, "no context \"" + name + "\" in " + join(merged.files, ", "),
                      (near ? "did you mean \"" + *near + "\"? " : std::string()) +
                          "There are: " + names_of(merged.contexts)});
}

Result<Kubeconfig> choose(const Merged& merged, const KubeconfigOptions& options) {
  Kubeconfig config;
  config.source = join(merged.files, ":");
  config.context = options.context.empty() ? merged.current_context : options.context;
  if (config.context.empty()) {
    return fail("no context is chosen: " + config.source + " has no current-context",
                merged.contexts.empty() ? "the file names no context at all; get a complete kubeconfig"
                                        : "kubectl config use-context NAME, or set context to one of: " +
                                              names_of(merged.contexts));
  }
  const auto context = merged.contexts.find(config.context);
  if (context == merged.contexts.end()) return unknown_context(config.context, merged);

  config.loaded_by = options;
  config.loaded_by->context = config.context;

  TRY_ASSIGN(cluster, context->second.text("cluster"));
  TRY_ASSIGN(user, context->second.text("user"));
  TRY_ASSIGN(own_namespace, context->second.text("namespace"));
  config.cluster = cluster, config.user = user;
  if (!own_namespace.empty()) config.namespace_ = own_namespace;
  TRY_VOID(choose_namespace(options, "context \"" + config.context + "\" in " + config.source, config));

  const auto found_cluster = merged.clusters.find(cluster);
  if (found_cluster == merged.clusters.end()) {
    return fail("context \"" + config.context + "\" names cluster \"" + cluster + "\", which is in none of " +
                    join(merged.files, ", "),
                "there are: " + names_of(merged.clusters));
  }
  TRY_VOID(read_cluster(found_cluster->second, config));
  if (user.empty()) return config;
  const auto found_user = merged.users.find(user);
  if (found_user == merged.users.end()) {
    return fail("context \"" + config.context + "\" names user \"" + user + "\", which is in none of " +
                    join(merged.files, ", "),
                "there are: " + names_of(merged.users));
  }
  TRY_VOID(read_user(found_user->second, config));
  return config;
}

}  // namespace

Result<Kubeconfig> load_kubeconfig(const KubeconfigOptions& options) {
  TRY_ASSIGN(merged, load_files(options.path));
  if (merged.contexts.empty() && merged.clusters.empty() && options.context.empty()) {
    if (merged.files.empty()) return in_cluster(options);
    return fail(join(merged.files, ", ") + " names no cluster and no context",
                "get a complete kubeconfig from your cluster");
  }
  return choose(merged, options);
}

}  // namespace inpod::kube
