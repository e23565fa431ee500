// sock_diag(7): see socket_diag.hpp.
#include "relay/socket_diag.hpp"

#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "protocol/unique_fd.hpp"

namespace inpod::relay {
namespace {

constexpr std::uint32_t listening = 1u << 10;  // TCP_LISTEN

struct DumpRequest {
  nlmsghdr head{};
  inet_diag_req_v2 body{};
};

bool send_request(int netlink, SocketKind kind, int family) {
  DumpRequest request;
  request.head.nlmsg_len = sizeof(request);
  request.head.nlmsg_type = SOCK_DIAG_BY_FAMILY;
  request.head.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
  request.body.sdiag_family = static_cast<std::uint8_t>(family);
  request.body.sdiag_protocol = kind == SocketKind::udp ? IPPROTO_UDP : IPPROTO_TCP;
  request.body.idiag_states = kind == SocketKind::udp ? ~0u : listening;
  sockaddr_nl kernel{};
  kernel.nl_family = AF_NETLINK;
  return ::sendto(netlink, &request, sizeof(request), 0, reinterpret_cast<sockaddr*>(&kernel),
                  sizeof(kernel)) == sizeof(request);
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

}  // namespace

std::optional<std::unordered_set<std::uint64_t>> existing_sockets(SocketKind kind) {
  UniqueFd netlink(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG));
  if (!netlink) return std::nullopt;
  const timeval limit{0, 200000};
  ::setsockopt(netlink.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
  std::unordered_set<std::uint64_t> cookies;
  for (const int family : {AF_INET, AF_INET6})
    if (!send_request(netlink.get(), kind, family) || !receive(netlink.get(), cookies)) return std::nullopt;
  return cookies;
}

}  // namespace inpod::relay
