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

constexpr std::size_t most_environment = 512 * 1024;  ///< bytes that are read

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

/// A variable that was cut comes as its name alone, and an entry without "=" says that more are missing: the
/// session tells the user of both. Each entry takes a length in the message, so that many short ones become
/// twice what they were.
std::vector<std::string> split_environment(std::string_view text) {
  constexpr std::size_t most_encoded = 960 * 1024;  // of a message's 1 MiB
  std::vector<std::string> entries;
  std::size_t encoded = 0;
  bool cut = text.size() >= most_environment;
  for (std::size_t at = 0; at < text.size();) {
    const auto end = std::min(text.find('\0', at), text.size());
    auto entry = text.substr(at, end - at);
    at = end + 1;
    if (entry.empty()) continue;
    encoded += sizeof(std::uint32_t) + entry.size();
    if (encoded > most_encoded) {
      cut = true;
      break;
    }
    if (cut && end == text.size()) entry = entry.substr(0, entry.find('='));
    entries.emplace_back(entry);
  }
  if (cut) entries.emplace_back("all-behind-the-first-512-KiB");
  return entries;
}

}  // namespace

void add_names(protocol::Pod& pod) {
  utsname names{};
  ::uname(&names);
  pod.hostname = names.nodename;
  pod.domainname = names.domainname;
  pod.kernel = names.release;
  pod.machine = names.machine;
}

Result<TargetState> read_target_state(int directory) {
  UniqueFd environ(::openat(directory, "environ", O_RDONLY | O_CLOEXEC));
  if (!environ) return fail_errno("the target's environment");
  TRY_ASSIGN(text, read_small_file(environ.get(), most_environment));
  return TargetState{std::move(text), UniqueFd(::openat(directory, "cwd", O_PATH | O_CLOEXEC))};
}

TargetState own_state() {
  TargetState state;
  for (char** entry = environ; *entry; ++entry) state.environment.append(*entry).push_back('\0');
  state.working_directory.reset(::open(".", O_PATH | O_CLOEXEC));
  return state;
}

protocol::Pod describe_pod(const Target& target, std::string_view environment) {
  protocol::Pod pod;
  pod.pid = static_cast<std::uint32_t>(target.pid);
  pod.uid = target.credentials.uids[1];
  pod.gid = target.credentials.gids[1];
  pod.addresses = interface_addresses();
  pod.environment = split_environment(environment);
  return pod;
}

}  // namespace inpod::agent
