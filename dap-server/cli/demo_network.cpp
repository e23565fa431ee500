// rtnetlink(7) requests, one socket and one answer each.
#include "cli/demo_network.hpp"

#include <arpa/inet.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>
#include <sys/socket.h>

#include <vector>

#include "protocol/unique_fd.hpp"

namespace inpod::cli {
namespace {

/// A netlink message that grows by attributes; nested ones are opened and closed.
class Request {
 public:
  template <class Body>
  Request(std::uint16_t type, std::uint16_t flags, const Body& body) {
    nlmsghdr header{};
    header.nlmsg_type = type;
    header.nlmsg_flags = static_cast<std::uint16_t>(NLM_F_REQUEST | NLM_F_ACK | flags);
    append(&header, sizeof header);
    append(&body, sizeof body);
  }
  void attribute(std::uint16_t type, const void* data, std::size_t size) {
    rtattr head{};
    head.rta_type = type;
    head.rta_len = static_cast<std::uint16_t>(RTA_LENGTH(size));
    append(&head, sizeof head);
    append(data, size);
  }
  void text(std::uint16_t type, const std::string& value) {
    attribute(type, value.c_str(), value.size() + 1);
  }
  std::size_t open(std::uint16_t type) {
    const std::size_t at = bytes_.size();
    attribute(type, nullptr, 0);
    return at;
  }
  void close(std::size_t at) {
    const auto length = static_cast<std::uint16_t>(bytes_.size() - at);
    memcpy(bytes_.data() + at, &length, sizeof length);  // rta_len is rtattr's first member
  }
  template <class Body>
  void raw(const Body& body) {
    append(&body, sizeof body);
  }

  /// Sends it and reads the kernel's acknowledgement.
  Result<void> execute(const std::string& what) {
    const auto total = static_cast<std::uint32_t>(bytes_.size());
    memcpy(bytes_.data(), &total, sizeof total);  // nlmsg_len is nlmsghdr's first member
    const UniqueFd socket(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE));
    alignas(nlmsghdr) char answer[4096];
    if (!socket || send(socket.get(), bytes_.data(), bytes_.size(), 0) < 0) return fail_errno(what);
    const ssize_t got = recv(socket.get(), answer, sizeof answer, 0);
    if (got < static_cast<ssize_t>(NLMSG_LENGTH(sizeof(nlmsgerr)))) return fail_errno(what, EIO);
    const auto* error = static_cast<const nlmsgerr*>(NLMSG_DATA(reinterpret_cast<nlmsghdr*>(answer)));
    if (error->error != 0) return fail_errno(what, -error->error);
    return {};
  }

 private:
  void append(const void* data, std::size_t size) {
    const auto* bytes = static_cast<const char*>(data);
    if (size > 0) bytes_.insert(bytes_.end(), bytes, bytes + size);
    bytes_.resize(NLMSG_ALIGN(bytes_.size()));
  }
  std::vector<char> bytes_;
};

Result<void> add_address(unsigned index, const std::string& address) {
  const auto slash = address.find('/');
  const std::string ip = address.substr(0, slash);
  const int family = ip.find(':') == std::string::npos ? AF_INET : AF_INET6;
  unsigned char binary[16];
  if (inet_pton(family, ip.c_str(), binary) != 1) return fail("not an address: " + ip);
  ifaddrmsg body{};
  body.ifa_family = static_cast<std::uint8_t>(family);
  body.ifa_prefixlen = static_cast<std::uint8_t>(std::stoi(address.substr(slash + 1)));
  body.ifa_flags = IFA_F_NODAD;
  body.ifa_index = index;
  Request request(RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, body);
  request.attribute(IFA_LOCAL, binary, family == AF_INET ? 4 : 16);
  request.attribute(IFA_ADDRESS, binary, family == AF_INET ? 4 : 16);
  return request.execute("cannot add address " + address);
}

}  // namespace

Result<void> make_veth(const std::string& name, const std::string& peer, int peer_pid) {
  ifinfomsg body{};
  Request request(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, body);
  request.text(IFLA_IFNAME, name);
  const auto info = request.open(IFLA_LINKINFO);
  request.text(IFLA_INFO_KIND, "veth");
  const auto data = request.open(IFLA_INFO_DATA);
  const auto other = request.open(VETH_INFO_PEER);
  request.raw(body);
  request.text(IFLA_IFNAME, peer);
  request.attribute(IFLA_NET_NS_PID, &peer_pid, sizeof peer_pid);
  request.close(other);
  request.close(data);
  request.close(info);
  return request.execute("cannot make a veth pair");
}

Result<void> set_up_link(const std::string& name, const std::string& ipv4, const std::string& ipv6) {
  const unsigned index = if_nametoindex(name.c_str());
  if (index == 0) return fail_errno("no network link " + name);
  for (const auto& address : {ipv4, ipv6}) {
    if (address.empty()) continue;
    const auto added = add_address(index, address);
    // A kernel without IPv6 still makes a demo.
    if (!added && address == ipv4) return added;
  }
  ifinfomsg body{};
  body.ifi_index = static_cast<int>(index);
  body.ifi_flags = IFF_UP;
  body.ifi_change = IFF_UP;
  return Request(RTM_NEWLINK, 0, body).execute("cannot set link " + name + " up");
}

Result<void> add_default_route(const std::string& gateway) {
  in_addr address{};
  if (inet_pton(AF_INET, gateway.c_str(), &address) != 1) return fail("not an IPv4 address: " + gateway);
  rtmsg body{};
  body.rtm_family = AF_INET;
  body.rtm_table = RT_TABLE_MAIN;
  body.rtm_protocol = RTPROT_BOOT;
  body.rtm_scope = RT_SCOPE_UNIVERSE;
  body.rtm_type = RTN_UNICAST;
  Request request(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, body);
  request.attribute(RTA_GATEWAY, &address, sizeof address);
  return request.execute("cannot add a default route");
}

}  // namespace inpod::cli
