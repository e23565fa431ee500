// See netlink.hpp.
#include "core/netlink.hpp"

#include <linux/if.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>

#include "core/interfaces.hpp"
#include "core/raw.hpp"

namespace inpod::netlink {
namespace {

using interfaces::List;
using relay::InterfaceRecord;

constexpr std::string_view subject = "NETLINK_ROUTE";

/// Messages one behind the other in fixed memory. What does not fit is counted only.
class Messages {
 public:
  Messages(void* into, std::size_t capacity) : at_(static_cast<char*>(into)), capacity_(capacity) {}

  template <class Body>
  void begin(std::uint16_t type, std::uint16_t flags, const nlmsghdr& like, const Body& body) {
    begin_ = size_;
    const nlmsghdr header{0, type, flags, like.nlmsg_seq, like.nlmsg_pid};
    add(&header, sizeof header);
    add(&body, sizeof body);
  }
  void attribute(std::uint16_t type, const void* data, std::size_t size) {
    const rtattr head{static_cast<unsigned short>(RTA_LENGTH(size)), type};
    add(&head, sizeof head);
    add(data, size);
  }
  template <class Number>
  void number(std::uint16_t type, Number value) {
    attribute(type, &value, sizeof value);
  }
  void end() {
    const auto length = static_cast<std::uint32_t>(size_ - begin_);
    if (size_ <= capacity_) memcpy(at_ + begin_, &length, sizeof length);
  }
  std::size_t size() const { return size_; }

 private:
  void add(const void* data, std::size_t size) {
    const std::size_t padded = NLMSG_ALIGN(size);
    if (size_ + padded <= capacity_) {
      memcpy(at_ + size_, data, size);
      memset(at_ + size_ + size, 0, padded - size);
    }
    size_ += padded;
  }
  char* at_;
  std::size_t capacity_, size_ = 0, begin_ = 0;
};

std::uint8_t state_of(std::uint32_t flags) {
  constexpr std::uint8_t unknown = 0, down = 2, up = 6;  // RFC 2863, IF_OPER_*
  if ((flags & IFF_LOOPBACK) != 0) return unknown;
  return (flags & IFF_RUNNING) != 0 ? up : down;
}

void add_link(Messages& to, const InterfaceRecord& one, const nlmsghdr& like, std::uint16_t flags) {
  ifinfomsg body{};
  body.ifi_type = one.type;
  body.ifi_index = static_cast<int>(one.index);
  body.ifi_flags = one.flags;
  to.begin(RTM_NEWLINK, flags, like, body);
  to.attribute(IFLA_IFNAME, one.name, strlen(one.name) + 1);
  to.number(IFLA_OPERSTATE, state_of(one.flags));
  to.number(IFLA_MTU, one.mtu);
  to.attribute(IFLA_ADDRESS, one.hardware, one.hardware_length);
  to.attribute(IFLA_BROADCAST, one.hardware_broadcast, one.hardware_length);
  if (one.has_statistics != 0) to.attribute(IFLA_STATS, one.statistics, sizeof one.statistics);
  to.end();
}

std::uint8_t scope_of(const InterfaceRecord& one) {
  const std::uint8_t* ip = one.address;
  static constexpr std::uint8_t loopback[16] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
  const bool ipv4 = one.family == AF_INET;
  if (ipv4 ? ip[0] == 127 : memcmp(ip, loopback, sizeof loopback) == 0) return RT_SCOPE_HOST;
  const bool link = ipv4 ? ip[0] == 169 && ip[1] == 254 : ip[0] == 0xfe && (ip[1] & 0xc0) == 0x80;
  return link ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE;
}

void add_address(Messages& to, const InterfaceRecord& one, const nlmsghdr& like) {
  const bool ipv4 = one.family == AF_INET;
  const std::size_t size = ipv4 ? 4 : 16;
  const bool broadcast = interfaces::has_broadcast(one);
  const bool peer = one.other_family != 0 && (one.flags & IFF_BROADCAST) == 0;
  ifaddrmsg body{};
  body.ifa_family = one.family;
  body.ifa_prefixlen = one.prefix;
  body.ifa_flags = IFA_F_PERMANENT;
  body.ifa_scope = scope_of(one);
  body.ifa_index = one.index;
  to.begin(RTM_NEWADDR, NLM_F_MULTI, like, body);
  to.attribute(IFA_ADDRESS, peer ? one.other : one.address, size);
  if (ipv4 || peer) to.attribute(IFA_LOCAL, one.address, size);
  if (broadcast) to.attribute(IFA_BROADCAST, one.other, size);
  if (ipv4) to.attribute(IFA_LABEL, one.name, strlen(one.name) + 1);
  to.number(IFA_FLAGS, std::uint32_t{IFA_F_PERMANENT});
  to.end();
}

void add_error(Messages& to, const nlmsghdr& like, int code, std::uint16_t type = RTM_GETLINK) {
  nlmsgerr body{};
  body.error = -code;
  body.msg = {sizeof(nlmsghdr) + sizeof(ifinfomsg), type, NLM_F_REQUEST, like.nlmsg_seq, 0};
  to.begin(NLMSG_ERROR, 0, like, body);
  to.end();
}

void add_plain(Messages& to, const nlmsghdr& like, std::uint16_t type, std::uint16_t flags) {
  to.begin(type, flags, like, std::int32_t{0});
  to.end();
}

/// What the program waits for on the socket.
enum class Waits : unsigned { nothing = 0, links = 1, addresses = 2, link = 3, refusal = 4 };

/// acknowledged: of a single interface, an acknowledgement is wanted too. about: the number of the interface,
/// or the type of the message that is refused.
FdEntry waiting(Waits what, bool acknowledged, unsigned family, std::uint32_t about) {
  return FdEntry(static_cast<std::uint64_t>(FdKind::netlink) | static_cast<unsigned>(what) << 3 |
                 (acknowledged ? 1u << 6 : 0u) | (family & 0xff) << 7 |
                 static_cast<std::uint64_t>(about) << 20);
}
Waits waits_of(FdEntry entry) {
  return static_cast<Waits>(entry.word() >> 3 & 7);
}
bool acknowledged_of(FdEntry entry) {
  return (entry.word() >> 6 & 1) != 0;
}
unsigned family_of(FdEntry entry) {
  return entry.word() >> 7 & 0xff;
}
std::uint32_t about_of(FdEntry entry) {
  return static_cast<std::uint32_t>(entry.word() >> 20);
}

/// The header at the front of what lies there; false: there is none.
bool header_of(const void* data, std::size_t size, nlmsghdr& header) {
  if (size < sizeof header) return false;
  memcpy(&header, data, sizeof header);
  return header.nlmsg_len >= sizeof header;
}

bool ends_dump(const char* data, std::size_t size) {
  nlmsghdr header;
  for (std::size_t at = 0; at < size && header_of(data + at, size - at, header);
       at += NLMSG_ALIGN(header.nlmsg_len))
    if (header.nlmsg_type == NLMSG_DONE || header.nlmsg_type == NLMSG_ERROR) return true;
  return false;
}

/// Takes the rest of this machine's dump off the socket: the pod's is told in one datagram. The kernel puts
/// each next datagram there as the one before it is taken.
void take_rest(int fd, void* into, std::size_t got, std::size_t capacity) {
  for (;;) {
    if (ends_dump(static_cast<const char*>(into), got < capacity ? got : capacity)) return;
    iovec part{into, capacity};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    const long more = raw::receive_message(fd, &message, MSG_DONTWAIT | MSG_TRUNC);
    if (more <= 0) return;
    got = static_cast<std::size_t>(more);
  }
}

/// Asks this machine's kernel for an acknowledgement alone, so that the socket gets ready for the refusal,
/// which is told in its place. 0 or -errno.
long ask_for_refusal(Core& core, int fd, const nlmsghdr& refused) {
  nlmsghdr request{sizeof request, NLMSG_NOOP, NLM_F_REQUEST | NLM_F_ACK, refused.nlmsg_seq,
                   refused.nlmsg_pid};
  iovec part{&request, sizeof request};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  const long sent = raw::send_message(fd, &message, MSG_NOSIGNAL);
  if (sent < 0) return sent;
  core.fds.set(fd, waiting(Waits::refusal, false, 0, refused.nlmsg_type));
  return 0;
}

/// A request to make nothing of no name, by which `ip` learns what the kernel understands.
bool changes_nothing(const char* data, std::size_t size, const nlmsghdr& header) {
  ifinfomsg body{};
  if (header.nlmsg_type != RTM_NEWLINK || header.nlmsg_len != NLMSG_LENGTH(sizeof body)) return false;
  if (size < header.nlmsg_len) return false;
  memcpy(&body, data + NLMSG_LENGTH(0), sizeof body);
  return body.ifi_index == 0;
}

/// Everything of the dump, in one datagram.
void add_dump(Messages& to, const List& list, FdEntry entry, const nlmsghdr& like) {
  for (const auto& one : list) {
    if (waits_of(entry) == Waits::links && one.family == 0) add_link(to, one, like, NLM_F_MULTI);
    const bool wanted = family_of(entry) == AF_UNSPEC || family_of(entry) == one.family;
    if (waits_of(entry) == Waits::addresses && one.family != 0 && wanted) add_address(to, one, like);
  }
}

/// The interface that a request without NLM_F_DUMP asks for, by number or by name.
void read_link_request(const char* data, std::size_t size, std::uint32_t& index, std::string_view& name) {
  ifinfomsg body{};
  std::size_t at = NLMSG_LENGTH(0);
  if (size < at + sizeof body) return;
  memcpy(&body, data + at, sizeof body);
  index = static_cast<std::uint32_t>(body.ifi_index);
  rtattr head{};
  for (at += NLMSG_ALIGN(sizeof body); at + sizeof head <= size; at += RTA_ALIGN(head.rta_len)) {
    memcpy(&head, data + at, sizeof head);
    if (head.rta_len < sizeof head || head.rta_len > size - at) return;
    if (head.rta_type == IFLA_IFNAME)
      name = {data + at + sizeof head, strnlen(data + at + sizeof head, head.rta_len - sizeof head)};
  }
}

}  // namespace

void opened(Core& core, int fd) {
  if (interfaces::are_remote(core) && core.owner() == Owner::us)
    core.fds.set(fd, waiting(Waits::nothing, false, 0, 0));
}

long sending(Core& core, int fd, const void* request, std::size_t size, void* memory) {
  nlmsghdr header;
  if (!header_of(request, size, header) || header.nlmsg_type < RTM_BASE) return not_ours;
  const auto* data = static_cast<const char*>(request);
  constexpr unsigned kinds = 4, get = 2;  // NEW, DEL, GET, SET of each object
  if ((header.nlmsg_type - RTM_BASE) % kinds != get) {
    if (!changes_nothing(data, size, header))
      core.note_once(subject, "the pod's network is not changed from outside it (EPERM)");
    return ask_for_refusal(core, fd, header);
  }
  const bool dump = (header.nlmsg_flags & NLM_F_DUMP) == NLM_F_DUMP;
  const unsigned family = size > sizeof header ? static_cast<unsigned char>(data[sizeof header]) : AF_UNSPEC;
  if (dump && header.nlmsg_type == RTM_GETLINK) {
    core.fds.set(fd, waiting(Waits::links, false, 0, 0));
  } else if (dump && header.nlmsg_type == RTM_GETADDR) {
    core.fds.set(fd, waiting(Waits::addresses, false, family, 0));
  } else if (header.nlmsg_type == RTM_GETLINK) {
    std::uint32_t index = 0;
    std::string_view name;
    read_link_request(data, size < header.nlmsg_len ? size : header.nlmsg_len, index, name);
    List list(memory);
    if (index == 0 && interfaces::list(core, list) == 0)
      if (const auto* found = list.find(name)) index = found->index;
    core.fds.set(fd, waiting(Waits::link, (header.nlmsg_flags & NLM_F_ACK) != 0, 0, index));
  } else {
    core.note_once(subject,
                   "routes, neighbours and rules are this machine's: only interfaces and addresses "
                   "are the pod's");
  }
  return not_ours;
}

void subscribing(Core& core, int fd) {
  if (core.fds.get(fd).kind() == FdKind::netlink)
    core.note_once(subject, "what changes in the network is told of this machine, not of the pod");
}

std::size_t received(Core& core, int fd, void* into, std::size_t got, std::size_t capacity, bool peeked,
                     void* memory) {
  const FdEntry entry = core.fds.get(fd);
  const Waits waits = waits_of(entry);
  const std::size_t there = got < capacity ? got : capacity;
  nlmsghdr like{};
  const bool has_header = header_of(into, there, like);
  // News, which the kernel tells unasked, is nobody's answer.
  const bool news = has_header && like.nlmsg_type >= RTM_BASE && like.nlmsg_pid == 0 &&
                    (like.nlmsg_flags & NLM_F_MULTI) == 0;
  if (waits == Waits::nothing || news) return got;
  const bool dumps = waits == Waits::links || waits == Waits::addresses;
  if (dumps && !peeked) take_rest(fd, into, got, capacity);
  List list(memory);
  const long had = waits == Waits::refusal ? 0 : interfaces::list(core, list);
  Messages answer(into, capacity);
  if (waits == Waits::refusal) {
    add_error(answer, like, EPERM, static_cast<std::uint16_t>(about_of(entry)));
  } else if (had != 0) {
    add_error(answer, like, static_cast<int>(had == not_ours ? EIO : -had));
  } else if (waits == Waits::link) {
    const auto* found = list.find(about_of(entry));
    found ? add_link(answer, *found, like, 0) : add_error(answer, like, ENODEV);
    if (found && acknowledged_of(entry) && like.nlmsg_type == NLMSG_ERROR) add_error(answer, like, 0);
  } else {
    add_dump(answer, list, entry, like);
    add_plain(answer, like, NLMSG_DONE, NLM_F_MULTI);
  }
  if (!peeked) core.fds.set(fd, waiting(Waits::nothing, false, 0, 0));
  if (answer.size() > capacity && !peeked)
    core.note_once(subject, "the pod's interfaces do not fit where the program wants them");
  return answer.size();
}

}  // namespace inpod::netlink
