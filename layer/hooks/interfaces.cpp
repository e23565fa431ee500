// The network interfaces and their addresses: getifaddrs, if_nametoindex and its relatives, and the ioctls of
// netdevice(7). What a server registers as its own address is the pod's. They allocate, as libc's do.
#include "hooks/interfaces.hpp"

#include <ifaddrs.h>
#include <linux/if_link.h>
#include <linux/if_packet.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <netinet/in.h>
#include <sys/ioctl.h>

#include <climits>
#include <cstdarg>
#include <cstdlib>
#include <cstring>

#include "core/interfaces.hpp"
#include "core/raw.hpp"
#include "hooks/memory.hpp"
#include "layer.hpp"

using namespace inpod;
using namespace inpod::layer;
using interfaces::List;
using relay::InterfaceRecord;

namespace {

/// One element of getifaddrs(3) with all that it points to. glibc's freeifaddrs frees the first one's memory,
/// which is that of all.
struct Element {
  union Address {
    sockaddr any;
    sockaddr_in in;
    sockaddr_in6 in6;
    sockaddr_ll link;
  };
  ifaddrs head;
  char name[IF_NAMESIZE];
  Address address, mask, other;
  rtnl_link_stats statistics;
};

void fill_ip(Element::Address& into, int family, const std::uint8_t* ip, std::uint32_t scope) {
  into.any.sa_family = static_cast<sa_family_t>(family);
  if (family == AF_INET) {
    memcpy(&into.in.sin_addr, ip, sizeof into.in.sin_addr);
  } else {
    memcpy(&into.in6.sin6_addr, ip, sizeof into.in6.sin6_addr);
    into.in6.sin6_scope_id = scope;
  }
}

void fill_mask(Element::Address& into, const InterfaceRecord& record) {
  std::uint8_t mask[16] = {};
  for (unsigned bit = 0; bit < record.prefix && bit < 128; ++bit)
    mask[bit / 8] = static_cast<std::uint8_t>(mask[bit / 8] | 0x80u >> bit % 8);
  fill_ip(into, record.family, mask, 0);
}

void fill_link(Element::Address& into, const InterfaceRecord& record, const std::uint8_t* hardware) {
  into.link.sll_family = AF_PACKET;
  into.link.sll_ifindex = static_cast<int>(record.index);
  into.link.sll_hatype = record.type;
  into.link.sll_halen = record.hardware_length;
  memcpy(into.link.sll_addr, hardware, sizeof into.link.sll_addr);
}

void fill_element(Element& into, const InterfaceRecord& record) {
  memcpy(into.name, record.name, sizeof into.name);
  into.head.ifa_name = into.name;
  into.head.ifa_flags = record.flags;
  into.head.ifa_addr = &into.address.any;
  if (record.family == 0) {
    fill_link(into.address, record, record.hardware);
    fill_link(into.other, record, record.hardware_broadcast);
    into.head.ifa_broadaddr = &into.other.any;
    static_assert(sizeof record.statistics >= sizeof into.statistics);
    memcpy(&into.statistics, record.statistics, sizeof into.statistics);
    if (record.has_statistics != 0) into.head.ifa_data = &into.statistics;
    return;
  }
  fill_ip(into.address, record.family, record.address, record.scope_id);
  fill_mask(into.mask, record);
  into.head.ifa_netmask = &into.mask.any;
  if (record.other_family == 0) return;
  fill_ip(into.other, record.other_family, record.other, 0);
  into.head.ifa_broadaddr = &into.other.any;
}

long make_elements(const List& list, ifaddrs** first) {
  *first = nullptr;
  if (list.count == 0) return 0;
  auto* elements = static_cast<Element*>(calloc(list.count, sizeof(Element)));
  if (!elements) return -ENOMEM;
  for (std::size_t i = 0; i < list.count; ++i) {
    fill_element(elements[i], list.records[i]);
    if (i != 0) elements[i - 1].head.ifa_next = &elements[i].head;
  }
  *first = &elements[0].head;
  return 0;
}

struct if_nameindex* make_names(const List& list) {
  std::size_t count = 0;
  for (const auto& one : list) count += one.family == 0;
  auto* names = static_cast<struct if_nameindex*>(calloc(count + 1, sizeof(struct if_nameindex)));
  if (!names) return nullptr;
  auto* next = names;
  for (const auto& one : list) {
    if (one.family != 0) continue;
    next->if_index = one.index;
    next->if_name = strdup(one.name);
    if (!next->if_name) {
      if_freenameindex(names);
      return nullptr;
    }
    ++next;
  }
  return names;
}

void fill_request(sockaddr& into, const InterfaceRecord& record, const std::uint8_t* ip) {
  sockaddr_in in{};
  in.sin_family = AF_INET;
  memcpy(&in.sin_addr, ip, sizeof in.sin_addr);
  if (record.family == AF_INET) memcpy(&into, &in, sizeof in);
}

/// SIOCGIFCONF: the IPv4 addresses, as many as fit; without room for any, how much they need.
long tell_all(const List& list, ifconf& into) {
  const int room = into.ifc_req ? into.ifc_len : INT32_MAX;
  int used = 0;
  for (const auto& one : list) {
    if (one.family != AF_INET) continue;
    if (room - used < static_cast<int>(sizeof(ifreq))) break;
    if (into.ifc_req) {
      ifreq request{};
      memcpy(request.ifr_name, one.name, sizeof request.ifr_name);
      fill_request(request.ifr_addr, one, one.address);
      memcpy(into.ifc_buf + used, &request, sizeof request);
    }
    used += static_cast<int>(sizeof(ifreq));
  }
  into.ifc_len = used;
  return 0;
}

/// The ioctls about an IPv4 address.
long tell_address(unsigned long request, const InterfaceRecord* found, ifreq& into) {
  if (!found) return -EADDRNOTAVAIL;
  Element::Address mask{};
  fill_mask(mask, *found);
  static constexpr std::uint8_t none[4] = {};
  const bool point_to_point = found->other_family == AF_INET && (found->flags & IFF_BROADCAST) == 0;
  if (request == SIOCGIFADDR) fill_request(into.ifr_addr, *found, found->address);
  if (request == SIOCGIFNETMASK) memcpy(&into.ifr_addr, &mask.in, sizeof mask.in);
  if (request == SIOCGIFBRDADDR)
    fill_request(into.ifr_addr, *found, interfaces::has_broadcast(*found) ? found->other : none);
  if (request == SIOCGIFDSTADDR)
    fill_request(into.ifr_addr, *found, point_to_point ? found->other : found->address);
  return 0;
}

/// The ioctls about an interface.
long tell_interface(unsigned long request, const InterfaceRecord& found, ifreq& into) {
  switch (request) {
    case SIOCGIFFLAGS:
      into.ifr_flags = static_cast<short>(found.flags);
      return 0;
    case SIOCGIFINDEX:
      into.ifr_ifindex = static_cast<int>(found.index);
      return 0;
    case SIOCGIFMTU:
      into.ifr_mtu = static_cast<int>(found.mtu);
      return 0;
    case SIOCGIFMETRIC:
      into.ifr_metric = 0;  // as the kernel: it has none
      return 0;
    case SIOCGIFHWADDR:
      into.ifr_hwaddr.sa_family = found.type;
      memset(into.ifr_hwaddr.sa_data, 0, sizeof into.ifr_hwaddr.sa_data);
      memcpy(into.ifr_hwaddr.sa_data, found.hardware, sizeof found.hardware);
      return 0;
    default:
      return -EOPNOTSUPP;  // as an interface that lacks it
  }
}

enum class About { nothing, all, name, address, interface, change };

About about(unsigned long request) {
  switch (request) {
    case SIOCGIFCONF:
      return About::all;
    case SIOCGIFNAME:
      return About::name;
    case SIOCGIFADDR:
    case SIOCGIFNETMASK:
    case SIOCGIFBRDADDR:
    case SIOCGIFDSTADDR:
      return About::address;
    case SIOCGIFFLAGS:
    case SIOCGIFINDEX:
    case SIOCGIFMTU:
    case SIOCGIFMETRIC:
    case SIOCGIFHWADDR:
    case SIOCGIFMAP:
    case SIOCGIFTXQLEN:
    case SIOCETHTOOL:
      return About::interface;
    case SIOCSIFFLAGS:
    case SIOCSIFADDR:
    case SIOCSIFDSTADDR:
    case SIOCSIFBRDADDR:
    case SIOCSIFNETMASK:
    case SIOCSIFMTU:
    case SIOCSIFNAME:
    case SIOCSIFHWADDR:
      return About::change;
    default:
      return About::nothing;
  }
}

bool is_socket(int fd) {
  int family = 0;
  socklen_t size = sizeof family;
  return raw::get_option(fd, SOL_SOCKET, SO_DOMAIN, &family, &size) == 0;
}

long answer_ioctl(int fd, unsigned long request, void* argument) {
  const About what = about(request);
  if (what == About::nothing || !argument || !interfaces::are_remote(core) || !is_socket(fd)) return not_ours;
  if (what == About::change) {
    core.note_once("network interfaces", "those of the pod are not changed from outside it (EPERM)");
    return -EPERM;
  }
  const Memory memory(interfaces::largest_answer);
  List list(memory.get());
  const int saved = errno;
  const long had = interfaces::list(core, list);
  errno = saved;
  if (had != 0) return had;
  if (what == About::all) return tell_all(list, *static_cast<ifconf*>(argument));
  auto& into = *static_cast<ifreq*>(argument);
  if (what == About::name) {
    const auto* found = list.find(static_cast<std::uint32_t>(into.ifr_ifindex));
    if (found) memcpy(into.ifr_name, found->name, sizeof into.ifr_name);
    return found ? 0 : -ENODEV;
  }
  const std::string_view name(into.ifr_name, strnlen(into.ifr_name, sizeof into.ifr_name));
  const auto* found = list.find(name);
  if (!found) return -ENODEV;
  return what == About::address ? tell_address(request, list.first_ipv4(name), into)
                                : tell_interface(request, *found, into);
}

/// The list for a hook that asks about one interface. 0, not_ours or -errno.
long list_for_hook(List& list) {
  return active() ? interfaces::list(core, list) : not_ours;
}

}  // namespace

namespace inpod::layer {

long bind_to_device(int fd, int name, const void* value, socklen_t length) {
  int family = 0, index = 0;
  socklen_t size = sizeof family;
  if (!value || raw::get_option(fd, SOL_SOCKET, SO_DOMAIN, &family, &size) != 0) return not_ours;
  if (family != AF_INET && family != AF_INET6) return not_ours;
  const bool by_name = name == SO_BINDTODEVICE;
  if (!by_name && length < sizeof index) return not_ours;
  if (!by_name) memcpy(&index, value, sizeof index);
  const auto* text = static_cast<const char*>(value);
  const std::string_view device(text, by_name ? strnlen(text, length) : 0);
  if (by_name ? device.empty() || device.size() >= IF_NAMESIZE : index == 0) return not_ours;
  const Memory memory(interfaces::largest_answer);
  List list(memory.get());
  constexpr std::string_view not_carried =
      "SO_BINDTODEVICE is not carried: the pod's routes choose the interface";
  const long had = interfaces::list(core, list);
  if (had == not_ours && (by_name ? device != "lo" : index != 1)) {
    core.note_once("SO_BINDTODEVICE", not_carried);
    return 0;
  }
  if (had != 0) return had;
  const auto* found = by_name ? list.find(device) : list.find(static_cast<std::uint32_t>(index));
  if (!found && by_name) return -ENODEV;
  if (!found) {  // The kernel takes any number, and knows no route from it.
    constexpr int none = INT_MAX;
    return index < 0 ? not_ours : raw::set_option(fd, SOL_SOCKET, name, &none, sizeof none);
  }
  if ((found->flags & IFF_LOOPBACK) != 0) return not_ours;
  unsigned others = 0;
  for (const auto& one : list)
    others += one.family == 0 && &one != found && (one.flags & (IFF_LOOPBACK | IFF_UP)) == IFF_UP;
  if (others != 0) core.note_once("SO_BINDTODEVICE", not_carried);
  return 0;
}

}  // namespace inpod::layer

HOOK(int, getifaddrs, (ifaddrs * *first)) {
  const Memory memory(interfaces::largest_answer);
  List list(memory.get());
  const long had = list_for_hook(list);
  if (had == not_ours) return original(getifaddrs)(first);
  return result<int>(had != 0 ? had : make_elements(list, first));
}

HOOK(unsigned, if_nametoindex, (const char* name)) {
  const Memory memory(interfaces::largest_answer);
  List list(memory.get());
  const long had = list_for_hook(list);
  if (had == not_ours) return original(if_nametoindex)(name);
  const auto* found = had == 0 ? list.find(std::string_view(name)) : nullptr;
  if (!found) errno = had == 0 ? ENODEV : static_cast<int>(-had);
  return found ? found->index : 0;
}

HOOK(char*, if_indextoname, (unsigned index, char* into)) {
  const Memory memory(interfaces::largest_answer);
  List list(memory.get());
  const long had = list_for_hook(list);
  if (had == not_ours) return original(if_indextoname)(index, into);
  const auto* found = had == 0 ? list.find(index) : nullptr;
  if (!found) errno = had == 0 ? ENXIO : static_cast<int>(-had);
  return found ? static_cast<char*>(memcpy(into, found->name, IF_NAMESIZE)) : nullptr;
}

HOOK(struct if_nameindex*, if_nameindex, ()) {
  const Memory memory(interfaces::largest_answer);
  List list(memory.get());
  const long had = list_for_hook(list);
  if (had == not_ours) return original(if_nameindex)();
  if (had != 0) errno = static_cast<int>(-had);
  struct if_nameindex* names = had == 0 ? make_names(list) : nullptr;
  if (had == 0 && !names) errno = ENOBUFS;
  return names;
}

HOOK(int, ioctl, (int fd, unsigned long request, ...)) {
  va_list arguments;
  va_start(arguments, request);
  void* argument = va_arg(arguments, void*);
  va_end(arguments);
  if ((request & ~0xfful) == 0x8900 && active())
    if (const long value = answer_ioctl(fd, request, argument); value != not_ours) return result<int>(value);
  return original(ioctl)(fd, request, argument);
}
