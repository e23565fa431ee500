// describe_pod of target.hpp: environment, names and addresses of the target.
#include <fcntl.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <memory>
#include <thread>

#include "net/address.hpp"
#include "target/proc.hpp"
#include "target/target.hpp"

namespace inpod::agent {
namespace {

/// uname(2) in the target's UTS namespace. A thread of its own enters it and ends; without the right to enter (an
/// ephemeral container, which shares the pod's UTS namespace anyway) it is the agent's own.
utsname target_uname(pid_t pid) {
  utsname names{};
  if (!pid) {
    ::uname(&names);
    return names;
  }
  std::thread([&] {
    UniqueFd space(::open(("/proc/" + std::to_string(pid) + "/ns/uts").c_str(), O_RDONLY | O_CLOEXEC));
    if (space) ::setns(space.get(), CLONE_NEWUTS);
    ::uname(&names);
  }).join();
  return names;
}

std::vector<protocol::SocketAddress> interface_addresses() {
  std::vector<protocol::SocketAddress> found;
  ifaddrs* first = nullptr;
  if (::getifaddrs(&first) != 0) return found;
  std::unique_ptr<ifaddrs, void (*)(ifaddrs*)> list(first, ::freeifaddrs);
  for (ifaddrs* one = first; one; one = one->ifa_next) {
    if (!one->ifa_addr || !(one->ifa_flags & IFF_UP)) continue;
    if (one->ifa_addr->sa_family == AF_INET || one->ifa_addr->sa_family == AF_INET6)
      found.push_back(from_sockaddr(one->ifa_addr, one->ifa_addr->sa_family == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6)));
  }
  return found;
}

}  // namespace

std::string hostname_of(const Target& target) { return target_uname(target.pid).nodename; }

Result<protocol::Pod> describe_pod(const Target& target, UniqueFd& working_directory_fd) {
  protocol::Pod pod;
  utsname names = target_uname(target.pid);
  pod.hostname = names.nodename;
  pod.domainname = names.domainname;
  pod.kernel = names.release;
  pod.machine = names.machine;
  pod.pid = static_cast<std::uint32_t>(target.pid);
  pod.uid = target.credentials.uids[1];
  pod.gid = target.credentials.gids[1];
  pod.addresses = interface_addresses();
  std::string proc = target.pid ? "/proc/" + std::to_string(target.pid) : "/proc/self";
  working_directory_fd.reset(::open((proc + "/cwd").c_str(), O_PATH | O_CLOEXEC));
  constexpr std::size_t environment_limit = 512 * 1024;  // well below a frame
  TRY_ASSIGN(environ, read_small_file(proc + "/environ", environment_limit));
  for (std::size_t at = 0; at < environ.size();) {
    std::size_t end = std::min(environ.find('\0', at), environ.size());
    if (end > at) pod.environment.push_back(environ.substr(at, end - at));
    at = end + 1;
  }
  return pod;
}

}  // namespace inpod::agent
