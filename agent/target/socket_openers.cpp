// See socket_openers.hpp.
#include "target/socket_openers.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <charconv>
#include <cstring>
#include <memory>
#include <optional>
#include <set>
#include <string_view>

#include "protocol/unique_fd.hpp"

namespace inpod::agent {
namespace {

constexpr timeval diag_time{0, 200'000};  // for an answer of the kernel's

/// The socket with exactly these ends; 0: none, or no process has it.
std::uint64_t inode_of(int netlink, const TcpEnds& ends) {
  struct {
    nlmsghdr head{};
    inet_diag_req_v2 body{};
  } request;
  request.head.nlmsg_len = sizeof request;
  request.head.nlmsg_type = SOCK_DIAG_BY_FAMILY;
  request.head.nlmsg_flags = NLM_F_REQUEST;
  request.body.sdiag_family = ends.from.family == protocol::AddressFamily::ipv4 ? AF_INET : AF_INET6;
  request.body.sdiag_protocol = IPPROTO_TCP;
  request.body.idiag_states = ~0u;
  auto& id = request.body.id;
  std::memcpy(id.idiag_src, ends.from.ip.data(), sizeof id.idiag_src);
  std::memcpy(id.idiag_dst, ends.to.ip.data(), sizeof id.idiag_dst);
  id.idiag_sport = htons(ends.from.port);
  id.idiag_dport = htons(ends.to.port);
  id.idiag_if = ends.from.scope_id;
  id.idiag_cookie[0] = id.idiag_cookie[1] = INET_DIAG_NOCOOKIE;
  alignas(nlmsghdr) char buffer[4096];
  if (::send(netlink, &request, sizeof request, 0) != sizeof request) return 0;
  const auto got = ::recv(netlink, buffer, sizeof buffer, 0);
  const auto* message = reinterpret_cast<const nlmsghdr*>(buffer);
  if (got < 0 || !NLMSG_OK(message, static_cast<std::size_t>(got)) ||
      message->nlmsg_type != SOCK_DIAG_BY_FAMILY)
    return 0;
  const auto& found = *static_cast<const inet_diag_msg*>(NLMSG_DATA(message));
  return found.id.idiag_dport == id.idiag_dport ? found.idiag_inode : 0;  // else a listener at `from`
}

struct NamespaceId {
  dev_t device = 0;
  ino_t inode = 0;
  bool operator==(const NamespaceId&) const = default;
};

std::optional<NamespaceId> mount_namespace(int directory) {
  struct stat found {};
  if (::fstatat(directory, "ns/mnt", &found, 0) != 0) return std::nullopt;
  return NamespaceId{found.st_dev, found.st_ino};
}

using FolderStream = std::unique_ptr<DIR, int (*)(DIR*)>;

FolderStream open_folder(int directory, const char* name) {
  const int fd = ::openat(directory, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  DIR* stream = fd < 0 ? nullptr : ::fdopendir(fd);
  if (!stream && fd >= 0) ::close(fd);
  return {stream, ::closedir};
}

/// The sockets that the process has open.
void add_sockets(int process, std::set<std::uint64_t>& found) {
  constexpr std::string_view socket = "socket:[";
  const auto files = open_folder(process, "fd");
  while (const dirent* entry = files ? ::readdir(files.get()) : nullptr) {
    char text[64];
    const auto size = ::readlinkat(::dirfd(files.get()), entry->d_name, text, sizeof text);
    const std::string_view link(text, size > 0 ? static_cast<std::size_t>(size) : 0);
    std::uint64_t inode = 0;
    if (!link.starts_with(socket)) continue;
    std::from_chars(text + socket.size(), text + link.size(), inode);
    found.insert(inode);
  }
}

std::set<std::uint64_t> sockets_in(const NamespaceId& wanted) {
  std::set<std::uint64_t> found;
  const auto processes = open_folder(AT_FDCWD, "/proc");
  while (const dirent* entry = processes ? ::readdir(processes.get()) : nullptr) {
    if (entry->d_name[0] < '1' || entry->d_name[0] > '9') continue;
    const UniqueFd process(
        ::openat(::dirfd(processes.get()), entry->d_name, O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (process && mount_namespace(process.get()) == wanted) add_sockets(process.get(), found);
  }
  return found;
}

}  // namespace

std::vector<std::uint8_t> opened_inside(int directory, const std::vector<TcpEnds>& connections) {
  std::vector<std::uint8_t> answers(connections.size(), 0);
  const auto target = mount_namespace(directory);
  const UniqueFd own(::open("/proc/self", O_PATH | O_DIRECTORY | O_CLOEXEC));
  const UniqueFd netlink(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG));
  if (!target || !own || mount_namespace(own.get()) == target || !netlink) return answers;
  ::setsockopt(netlink.get(), SOL_SOCKET, SO_RCVTIMEO, &diag_time, sizeof diag_time);
  std::vector<std::uint64_t> inodes;
  bool any = false;
  for (const auto& ends : connections) {
    inodes.push_back(inode_of(netlink.get(), ends));
    any = any || inodes.back() != 0;
  }
  if (!any) return answers;
  const auto sockets = sockets_in(*target);
  for (std::size_t i = 0; i < answers.size(); ++i) answers[i] = inodes[i] != 0 && sockets.contains(inodes[i]);
  return answers;
}

}  // namespace inpod::agent
