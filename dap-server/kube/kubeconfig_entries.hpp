// The entries of a kubeconfig: typed access to YAML with errors that name file, line and place; clusters and
// users. Only for kubeconfig.cpp.
#pragma once

#include <yaml-cpp/node/node.h>

#include <string>
#include <vector>

#include "kube/kubeconfig.hpp"

namespace inpod::kube {

/// A YAML value, the file it is in, and its place there ("users.alice"). Accessors never throw.
struct Entry {
  YAML::Node node;
  std::string file, place;

  bool present() const { return node.IsDefined() && !node.IsNull(); }
  Failed wrong(const std::string& expected) const;
  Result<Entry> member(const std::string& key) const;
  /// Empty where the key is absent.
  Result<std::string> text(const std::string& key) const;
  Result<std::vector<std::string>> texts(const std::string& key) const;
  Result<bool> flag(const std::string& key) const;
  /// A path relative to the file's folder made absolute.
  std::string resolve(const std::string& path) const;
};

Result<void> read_cluster(const Entry& cluster, Kubeconfig& config);
Result<void> read_user(const Entry& user, Kubeconfig& config);

/// At most 4 MiB; one newline at the end is dropped.
Result<std::string> read_small_file(const std::string& path);
std::string join(const std::vector<std::string>& parts, const std::string& between);

}  // namespace inpod::kube
