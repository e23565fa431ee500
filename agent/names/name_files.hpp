// NameFiles: the pod's resolv.conf, hosts, host.conf and services, read again whenever one of them has
// changed. `load` blocks and works on paths: call it on one worker thread that is inside the pod's root.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "files/pod_root.hpp"
#include "names/hosts.hpp"
#include "names/resolv_conf.hpp"

namespace inpod::agent {

struct NameFiles {
  ResolvConf resolver;
  std::vector<HostLine> hosts;
  std::vector<ServiceLine> services;
  bool all_lines_of_hosts =
      false;  ///< host.conf(5), "multi on": not only the first line of hosts that has the name
};

class NameFileCache {
 public:
  explicit NameFileCache(const PodRoot& root) : root_(root) {}
  /// The same object as before, as long as no file has changed. Files that are missing count as empty.
  std::shared_ptr<const NameFiles> load();

 private:
  struct Version {
    std::uint64_t device = 0, inode = 0, size = 0;
    std::int64_t modified_ns = 0, changed_ns = 0;
    bool operator==(const Version&) const = default;
  };
  Version version_of(const char* path) const;
  std::string read(const char* path, bool& exists) const;

  const PodRoot& root_;
  std::vector<Version> versions_;
  std::shared_ptr<const NameFiles> files_;
};

}  // namespace inpod::agent
