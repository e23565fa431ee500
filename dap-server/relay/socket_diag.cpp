// sock_diag(7): see socket_diag.hpp.
#include "relay/socket_diag.hpp"

#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "protocol/unique_fd.hpp"

namespace inpod::relay {
namespace {

constexpr std::uint32_t listening = 1u << 10;  // TCP_LISTEN

struct DiagRequest {
  nlmsghdr head{};
  inet_diag_req_v2 body{};
};

UniqueFd open_netlink() {
  UniqueFd netlink(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG));
  const timeval limit{0, 200000};
  if (netlink) ::setsockopt(netlink.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
  return netlink;
}

bool send_to_kernel(int netlink, DiagRequest& request) {
  request.head.nlmsg_len = sizeof(request);
  request.head.nlmsg_type = SOCK_DIAG_BY_FAMILY;
  sockaddr_nl kernel{};
  kernel.nl_family = AF_NETLINK;
  return ::sendto(netlink, &request, sizeof(request), 0, reinterpret_cast<sockaddr*>(&kernel),
                  sizeof(kernel)) == sizeof(request);
}

bool send_dump_request(int netlink, SocketKind kind, int family) {
  DiagRequest request;
  request.head.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
  request.body.sdiag_family = static_cast<std::uint8_t>(family);
  request.body.sdiag_protocol = kind == SocketKind::udp ? IPPROTO_UDP : IPPROTO_TCP;
  request.body.idiag_states = kind == SocketKind::udp ? ~0u : listening;
  return send_to_kernel(netlink, request);
}

/// Reads the dump to its end.
bool receive(int netlink, std::unordered_set<std::uint64_t>& cookies) {
  alignas(nlmsghdr) char buffer[32 << 10];
  for (;;) {
    const auto got = ::recv(netlink, buffer, sizeof(buffer), 0);
    if (got <= 0) return false;
    auto left = static_cast<std::size_t>(got);
    for (auto* message = reinterpret_cast<nlmsghdr*>(buffer); NLMSG_OK(message, left);
         message = NLMSG_NEXT(message, left)) {
      if (message->nlmsg_type == NLMSG_DONE) return true;
      if (message->nlmsg_type != SOCK_DIAG_BY_FAMILY) return false;
      const auto* found = static_cast<const inet_diag_msg*>(NLMSG_DATA(message));
      cookies.insert(found->id.idiag_cookie[0] | static_cast<std::uint64_t>(found->id.idiag_cookie[1]) << 32);
    }
  }
}

/// Address and port as sock_diag wants them. A mapped address (::ffff:127.0.0.1) becomes the IPv4 address
/// that the peer's own socket may have.
struct DiagAddress {
  int family = AF_UNSPEC;
  std::array<std::uint32_t, 4> words{};
  std::uint16_t port = 0;  ///< in network byte order
};

using GetName = int (*)(int, sockaddr*, socklen_t*);

std::optional<DiagAddress> diag_address_of(int socket, GetName get_name) {
  sockaddr_storage storage{};
  socklen_t length = sizeof(storage);
  if (get_name(socket, reinterpret_cast<sockaddr*>(&storage), &length) != 0) return std::nullopt;
  DiagAddress address;
  address.family = storage.ss_family;
  if (storage.ss_family == AF_INET) {
    const auto& four = reinterpret_cast<const sockaddr_in&>(storage);
    address.words[0] = four.sin_addr.s_addr;
    address.port = four.sin_port;
    return address;
  }
  if (storage.ss_family != AF_INET6) return std::nullopt;
  const auto& six = reinterpret_cast<const sockaddr_in6&>(storage);
  std::memcpy(address.words.data(), &six.sin6_addr, sizeof(address.words));
  address.port = six.sin6_port;
  if (IN6_IS_ADDR_V4MAPPED(&six.sin6_addr)) {
    address.family = AF_INET;
    address.words = {address.words[3]};
  }
  return address;
}

}  // namespace

std::optional<std::unordered_set<std::uint64_t>> existing_sockets(SocketKind kind) {
  const UniqueFd netlink = open_netlink();
  if (!netlink) return std::nullopt;
  std::unordered_set<std::uint64_t> cookies;
  for (const int family : {AF_INET, AF_INET6})
    if (!send_dump_request(netlink.get(), kind, family) || !receive(netlink.get(), cookies))
      return std::nullopt;
  return cookies;
}

std::optional<uid_t> peer_user(int connection) {
  const auto own = diag_address_of(connection, &::getsockname),
             peer = diag_address_of(connection, &::getpeername);
  const UniqueFd netlink = open_netlink();
  if (!own || !peer || !netlink) return std::nullopt;
  DiagRequest request;
  request.head.nlmsg_flags = NLM_F_REQUEST;
  auto& body = request.body;
  body.sdiag_family = static_cast<std::uint8_t>(peer->family);
  body.sdiag_protocol = IPPROTO_TCP;
  body.idiag_states = ~0u;
  // As the peer's socket sees it: we are its destination.
  body.id.idiag_sport = peer->port;
  body.id.idiag_dport = own->port;
  std::copy(peer->words.begin(), peer->words.end(), body.id.idiag_src);
  std::copy(own->words.begin(), own->words.end(), body.id.idiag_dst);
  body.id.idiag_cookie[0] = body.id.idiag_cookie[1] = static_cast<std::uint32_t>(INET_DIAG_NOCOOKIE);
  alignas(nlmsghdr) std::array<char, 4096> buffer;
  if (!send_to_kernel(netlink.get(), request)) return std::nullopt;
  const auto got = ::recv(netlink.get(), buffer.data(), buffer.size(), 0);
  const auto* message = reinterpret_cast<const nlmsghdr*>(buffer.data());
  if (got < static_cast<ssize_t>(NLMSG_LENGTH(sizeof(inet_diag_msg))) ||
      message->nlmsg_type != SOCK_DIAG_BY_FAMILY)
    return std::nullopt;
  const auto* found = static_cast<const inet_diag_msg*>(NLMSG_DATA(message));
  // A socket that was closed already has no inode, and its uid is then 0 or stale. Where the peer's socket is
  // gone, the kernel finds a listener at its address.
  if (found->idiag_inode == 0 || found->id.idiag_dport != own->port) return std::nullopt;
  return found->idiag_uid;
}

}  // namespace inpod::relay
