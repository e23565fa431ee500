// What target.hpp tells of a pod: environment, names and addresses of the target.
#include <fcntl.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <memory>

#include "net/address.hpp"
#include "target/proc.hpp"
#include "target/target.hpp"

namespace inpod::agent {
namespace {

std::string proc_directory(const Target& target) {
  return target.pid ? "/proc/" + std::to_string(target.pid) : "/proc/self";
}

std::vector<protocol::SocketAddress> interface_addresses() {
  std::vector<protocol::SocketAddress> found;
  ifaddrs* first = nullptr;
  if (::getifaddrs(&first) != 0) return found;
  std::unique_ptr<ifaddrs, void (*)(ifaddrs*)> list(first, ::freeifaddrs);
  for (ifaddrs* one = first; one; one = one->ifa_next) {
    if (!one->ifa_addr || !(one->ifa_flags & IFF_UP)) continue;
    if (one->ifa_addr->sa_family == AF_INET || one->ifa_addr->sa_family == AF_INET6)
      found.push_back(from_sockaddr(
          one->ifa_addr, one->ifa_addr->sa_family == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6)));
  }
  return found;
}

}  // namespace

UniqueFd open_working_directory(const Target& target) {
  return UniqueFd(::open((proc_directory(target) + "/cwd").c_str(), O_PATH | O_CLOEXEC));
}

void add_names(protocol::Pod& pod) {
  utsname names{};
  ::uname(&names);
  pod.hostname = names.nodename;
  pod.domainname = names.domainname;
  pod.kernel = names.release;
  pod.machine = names.machine;
}

Result<protocol::Pod> describe_pod(const Target& target) {
  protocol::Pod pod;
  pod.pid = static_cast<std::uint32_t>(target.pid);
  pod.uid = target.credentials.uids[1];
  pod.gid = target.credentials.gids[1];
  pod.addresses = interface_addresses();
  constexpr std::size_t environment_limit = 512 * 1024;  // well below a frame
  TRY_ASSIGN(environ, read_small_file(proc_directory(target) + "/environ", environment_limit));
  for (std::size_t at = 0; at < environ.size();) {
    std::size_t end = std::min(environ.find('\0', at), environ.size());
    if (end > at) pod.environment.push_back(environ.substr(at, end - at));
    at = end + 1;
  }
  return pod;
}

}  // namespace inpod::agent
