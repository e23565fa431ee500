// sock_diag(7): see socket_diag.hpp.
#include "relay/socket_diag.hpp"

#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>

#include "protocol/unique_fd.hpp"
#include "relay/address.hpp"

namespace inpod::relay {
namespace {

using protocol::AddressFamily;
using protocol::SocketAddress;

constexpr std::uint32_t listening = 1u << 10;  // TCP_LISTEN
constexpr std::uint32_t loopback_interface = 1;

struct DiagRequest {
  nlmsghdr head{};
  inet_diag_req_v2 body{};
};

DiagRequest request_for(int family, int protocol, std::uint16_t flags) {
  DiagRequest request;
  request.head.nlmsg_len = sizeof(request);
  request.head.nlmsg_type = SOCK_DIAG_BY_FAMILY;
  request.head.nlmsg_flags = static_cast<std::uint16_t>(NLM_F_REQUEST | flags);
  request.body.sdiag_family = static_cast<std::uint8_t>(family);
  request.body.sdiag_protocol = static_cast<std::uint8_t>(protocol);
  request.body.idiag_states = ~0u;
  return request;
}

UniqueFd open_netlink() {
  UniqueFd netlink(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG));
  const timeval limit{0, 200000};
  if (netlink) ::setsockopt(netlink.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
  return netlink;
}

bool send_request(int netlink, const DiagRequest& request) {
  sockaddr_nl kernel{};
  kernel.nl_family = AF_NETLINK;
  return ::sendto(netlink, &request, sizeof(request), 0, reinterpret_cast<sockaddr*>(&kernel),
                  sizeof(kernel)) == sizeof(request);
}

std::uint64_t cookie_in(const inet_diag_msg& found) {
  return found.id.idiag_cookie[0] | static_cast<std::uint64_t>(found.id.idiag_cookie[1]) << 32;
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
      cookies.insert(cookie_in(*static_cast<const inet_diag_msg*>(NLMSG_DATA(message))));
    }
  }
}

struct Found {
  std::uint64_t cookie = 0;  ///< 0: no such socket
  std::uint32_t owner = 0;
  bool is_held = false;         ///< by a process; the owner of another one is 0 or stale
  std::uint16_t peer_port = 0;  ///< 0: a listener's
};

/// The one socket that a packet from `from` to `to` would reach.
std::optional<Found> find(int protocol, const SocketAddress& to, const SocketAddress& from) {
  const int family = to.family == AddressFamily::ipv4 ? AF_INET : AF_INET6;
  auto request = request_for(family, protocol, 0);
  auto& id = request.body.id;
  // A socket's own address is the source, but for UDP "src and dst are swapped for historical reasons"
  // (net/ipv4/udp_diag.c).
  const bool swapped = protocol == IPPROTO_UDP;
  const SocketAddress &source = swapped ? from : to, &destination = swapped ? to : from;
  std::memcpy(id.idiag_src, source.ip.data(), source.ip.size());
  std::memcpy(id.idiag_dst, destination.ip.data(), destination.ip.size());
  id.idiag_sport = htons(source.port);
  id.idiag_dport = htons(destination.port);
  id.idiag_if = loopback_interface;
  id.idiag_cookie[0] = id.idiag_cookie[1] = INET_DIAG_NOCOOKIE;
  const UniqueFd netlink = open_netlink();
  if (!netlink || !send_request(netlink.get(), request)) return std::nullopt;
  alignas(nlmsghdr) char buffer[4096];
  const auto got = ::recv(netlink.get(), buffer, sizeof(buffer), 0);
  const auto* message = reinterpret_cast<const nlmsghdr*>(buffer);
  if (got < 0 || !NLMSG_OK(message, static_cast<std::size_t>(got))) return std::nullopt;
  if (message->nlmsg_type == NLMSG_ERROR) {
    const auto code = static_cast<const nlmsgerr*>(NLMSG_DATA(message))->error;
    // Without the kernel's module the answer is ENOENT, too: then it knows no socket of this kind at all.
    if (code == -ENOENT && existing_sockets(swapped ? SocketKind::udp : SocketKind::tcp_listener))
      return Found{};
    return std::nullopt;
  }
  const auto& socket = *static_cast<const inet_diag_msg*>(NLMSG_DATA(message));
  return Found{cookie_in(socket), socket.idiag_uid, socket.idiag_inode != 0, ntohs(socket.id.idiag_dport)};
}

}  // namespace

std::optional<std::unordered_set<std::uint64_t>> existing_sockets(SocketKind kind) {
  const UniqueFd netlink = open_netlink();
  if (!netlink) return std::nullopt;
  std::unordered_set<std::uint64_t> cookies;
  for (const int family : {AF_INET, AF_INET6}) {
    auto request = request_for(family, kind == SocketKind::udp ? IPPROTO_UDP : IPPROTO_TCP, NLM_F_DUMP);
    if (kind == SocketKind::tcp_listener) request.body.idiag_states = listening;
    if (!send_request(netlink.get(), request) || !receive(netlink.get(), cookies)) return std::nullopt;
  }
  return cookies;
}

std::optional<std::uint64_t> udp_socket_at(const SocketAddress& local, const SocketAddress& remote) {
  const auto found = find(IPPROTO_UDP, local, remote);
  if (!found) return std::nullopt;
  return found->cookie;
}

std::optional<std::uint32_t> peer_user(int connection) {
  const auto own = local_address(connection), peer = peer_address(connection);
  if (!own || !peer || own->port == 0) return std::nullopt;
  const auto found = find(IPPROTO_TCP, *peer, *own);
  // Where the peer's socket is gone, the kernel finds a listener at its address.
  if (!found || !found->is_held || found->peer_port != own->port) return std::nullopt;
  return found->owner;
}

}  // namespace inpod::relay
