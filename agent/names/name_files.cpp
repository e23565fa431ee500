// See name_files.hpp.
#include "names/name_files.hpp"

#include <fcntl.h>
#include <sys/utsname.h>

#include "files/file_operations.hpp"
#include "target/proc.hpp"

namespace inpod::agent {
namespace {
constexpr const char* resolv_conf = "/etc/resolv.conf";
constexpr const char* hosts = "/etc/hosts";
constexpr const char* host_conf = "/etc/host.conf";
constexpr const char* services = "/etc/services";
}  // namespace

NameFileCache::Version NameFileCache::version_of(const char* path) const {
  protocol::StatFile request;
  request.path = path;
  protocol::Message answer = stat_path(root_, request);
  auto* stat = std::get_if<protocol::FileStat>(&answer);
  if (!stat) return {};
  return {stat->device, stat->inode, stat->size, stat->modified_ns, stat->changed_ns};
}

std::string NameFileCache::read(const char* path, bool& exists) const {
  auto fd = root_.open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
  exists = fd.has_value();
  if (!fd) return {};
  return read_small_file(fd->get()).value_or(std::string());
}

std::shared_ptr<const NameFiles> NameFileCache::load() {
  std::vector<Version> now{version_of(resolv_conf), version_of(hosts), version_of(host_conf),
                           version_of(services)};
  if (files_ && now == versions_) return files_;
  auto fresh = std::make_shared<NameFiles>();
  bool exists = false;
  utsname names{};
  ::uname(&names);
  fresh->resolver = parse_resolv_conf(read(resolv_conf, exists), names.nodename);
  fresh->hosts = parse_hosts(read(hosts, exists));
  fresh->all_lines_of_hosts = parse_host_conf(read(host_conf, exists));
  fresh->services = parse_services(read(services, exists));
  if (!exists) fresh->services = common_services();
  versions_ = std::move(now);
  files_ = std::move(fresh);
  return files_;
}

}  // namespace inpod::agent
