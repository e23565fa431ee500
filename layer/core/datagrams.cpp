// See datagrams.hpp.
#include "core/datagrams.hpp"

#include <linux/errqueue.h>
#include <netinet/in.h>

#include <cerrno>
#include <cstring>

#include "core/raw.hpp"

namespace inpod::sockets {
namespace {

/// How op bound (relay_protocol.hpp) is meant.
enum class Bound : std::uint64_t { as_said = 0, elsewhere = 1, not_yet = 2 };

long tell(Core& core, int fd, const sockaddr* address, socklen_t length, Bound how) {
  RelayCall call(relay::Op::bound);
  call.request.b = static_cast<std::uint64_t>(how);
  call.send_fd = fd;
  call.set_address(address, length);
  const long result = core.relay.ask(call);
  return result == -EIO ? -EADDRNOTAVAIL : result;
}

bool is_unspecified(const sockaddr* address) {
  if (address->sa_family == AF_INET)
    return reinterpret_cast<const sockaddr_in*>(address)->sin_addr.s_addr == INADDR_ANY;
  return IN6_IS_ADDR_UNSPECIFIED(&reinterpret_cast<const sockaddr_in6*>(address)->sin6_addr);
}

bool is_multicast(const sockaddr* address) {
  if (address->sa_family == AF_INET)
    return IN_MULTICAST(ntohl(reinterpret_cast<const sockaddr_in*>(address)->sin_addr.s_addr));
  return IN6_IS_ADDR_MULTICAST(&reinterpret_cast<const sockaddr_in6*>(address)->sin6_addr);
}

/// Loopback of the same kind: of IPv4 also in its mapped form, and for the unspecified address of both.
Address loopback_like(const sockaddr* address, std::uint16_t port) {
  Address here;
  memset(&here.storage, 0, sizeof here.storage);
  if (address->sa_family == AF_INET) {
    auto* in = reinterpret_cast<sockaddr_in*>(here.get());
    in->sin_family = AF_INET;
    in->sin_port = htons(port);
    in->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    here.length = sizeof *in;
    return here;
  }
  auto* in = reinterpret_cast<sockaddr_in6*>(here.get());
  in->sin6_family = AF_INET6;
  in->sin6_port = htons(port);
  in->sin6_addr = in6addr_loopback;
  if (IN6_IS_ADDR_V4MAPPED(&reinterpret_cast<const sockaddr_in6*>(address)->sin6_addr)) {
    memset(in->sin6_addr.s6_addr + 10, 0xff, 2);
    const in_addr_t loopback = htonl(INADDR_LOOPBACK);
    memset(in->sin6_addr.s6_addr, 0, 10);
    memcpy(in->sin6_addr.s6_addr + 12, &loopback, sizeof loopback);
  }
  here.length = sizeof *in;
  return here;
}

bool is_taken(long result) {
  return result == -EADDRINUSE || result == -EACCES;  // by another, or by root alone
}

/// IPv4's address of a mapped one.
in_addr ipv4_of(const Address& address) {
  in_addr found{};
  if (address.get()->sa_family == AF_INET)
    found = reinterpret_cast<const sockaddr_in*>(address.get())->sin_addr;
  else
    memcpy(&found, reinterpret_cast<const sockaddr_in6*>(address.get())->sin6_addr.s6_addr + 12,
           sizeof found);
  return found;
}

bool is(const cmsghdr* header, int level, int type, std::size_t size) {
  return header->cmsg_level == level && header->cmsg_type == type && header->cmsg_len >= CMSG_LEN(size);
}

/// Calls `use` with the place of each part in memory that may not be aligned for it.
template <class T, class Use>
void change(cmsghdr* header, Use use) {
  T value;
  memcpy(&value, CMSG_DATA(header), sizeof value);
  use(value);
  memcpy(CMSG_DATA(header), &value, sizeof value);
}

struct Report {  // what IP_RECVERR gives
  sock_extended_err error;
  sockaddr_in offender;
};
struct Report6 {
  sock_extended_err error;
  sockaddr_in6 offender;
};

}  // namespace

long bind_datagram(Core& core, int fd, const sockaddr* address, socklen_t length) {
  const bool all = is_unspecified(address);
  const std::uint16_t port = ntohs(reinterpret_cast<const sockaddr_in*>(address)->sin_port);
  if (is_multicast(address) || (is_loopback(address, length) && !all) || (all && port == 0)) return not_ours;
  if (!all && core.rules.outgoing(Network::udp, address, length) == Side::local) return not_ours;
  if (port != 0 && core.rules.incoming(port) == Side::local) return not_ours;
  if (!all)
    if (const long refused = tell(core, fd, address, length, Bound::not_yet); refused != 0) return refused;
  const Address here = loopback_like(address, port);
  long result = all ? raw::bind(fd, address, length) : raw::bind(fd, here.get(), here.length);
  if (result == 0) {
    tell(core, fd, address, length, Bound::as_said);
    return 0;
  }
  if (!is_taken(result)) return result;
  const Address free = loopback_like(address, 0);
  result = raw::bind(fd, free.get(), free.length);
  return result != 0 ? result : tell(core, fd, address, length, Bound::elsewhere);
}

void correct_control(msghdr& message, const Address& local, const Address& peer) {
  if (!message.msg_control || message.msg_controllen < sizeof(cmsghdr)) return;
  for (cmsghdr* header = CMSG_FIRSTHDR(&message); header; header = CMSG_NXTHDR(&message, header)) {
    if (local.length != 0 && is(header, IPPROTO_IP, IP_PKTINFO, sizeof(in_pktinfo)))
      change<in_pktinfo>(header,
                         [&](in_pktinfo& info) { info.ipi_spec_dst = info.ipi_addr = ipv4_of(local); });
    if (local.length != 0 && is(header, IPPROTO_IP, IP_ORIGDSTADDR, sizeof(sockaddr_in)))
      change<sockaddr_in>(header, [&](sockaddr_in& name) { name.sin_addr = ipv4_of(local); });
    if (local.get()->sa_family == AF_INET6 && local.length != 0 &&
        is(header, IPPROTO_IPV6, IPV6_PKTINFO, sizeof(in6_pktinfo)))
      change<in6_pktinfo>(header, [&](in6_pktinfo& info) {
        info.ipi6_addr = reinterpret_cast<const sockaddr_in6*>(local.get())->sin6_addr;
      });
    if (is(header, IPPROTO_IP, IP_RECVERR, sizeof(Report)))
      change<Report>(header, [&](Report& report) { report.offender.sin_addr = ipv4_of(peer); });
    if (peer.get()->sa_family == AF_INET6 && is(header, IPPROTO_IPV6, IPV6_RECVERR, sizeof(Report6)))
      change<Report6>(header, [&](Report6& report) {
        report.offender.sin6_addr = reinterpret_cast<const sockaddr_in6*>(peer.get())->sin6_addr;
      });
  }
}

long PodControl::apply(msghdr& message) {
  if (!message.msg_control || message.msg_controllen < sizeof(cmsghdr)) return 0;
  bool wishes = false;
  for (cmsghdr* header = CMSG_FIRSTHDR(&message); header; header = CMSG_NXTHDR(&message, header))
    wishes = wishes || is(header, IPPROTO_IP, IP_PKTINFO, sizeof(in_pktinfo)) ||
             is(header, IPPROTO_IPV6, IPV6_PKTINFO, sizeof(in6_pktinfo));
  if (!wishes) return 0;
  if (message.msg_controllen > capacity) return -EINVAL;
  memcpy(copy_, message.msg_control, message.msg_controllen);
  message.msg_control = copy_;
  for (cmsghdr* header = CMSG_FIRSTHDR(&message); header; header = CMSG_NXTHDR(&message, header)) {
    if (is(header, IPPROTO_IP, IP_PKTINFO, sizeof(in_pktinfo)))
      change<in_pktinfo>(header, [](in_pktinfo& info) { info = {}; });
    if (is(header, IPPROTO_IPV6, IPV6_PKTINFO, sizeof(in6_pktinfo)))
      change<in6_pktinfo>(header, [](in6_pktinfo& info) { info = {}; });
  }
  return 0;
}

}  // namespace inpod::sockets
