// Asking the relay for interfaces. See interfaces.hpp.
#include "core/interfaces.hpp"

#include <net/if.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>

#include "core/text.hpp"

namespace inpod::interfaces {

using relay::InterfaceRecord;

const InterfaceRecord* List::find(std::string_view name) const {
  const std::string_view device = take_until(name, ':');
  for (const auto& one : *this)
    if (one.family == 0 && device == one.name) return &one;
  return nullptr;
}

const InterfaceRecord* List::find(std::uint32_t index) const {
  for (const auto& one : *this)
    if (one.family == 0 && one.index == index) return &one;
  return nullptr;
}

const InterfaceRecord* List::first_ipv4(std::string_view name) const {
  const InterfaceRecord* device = find(name);
  const InterfaceRecord* first = nullptr;
  for (const auto& one : *this) {
    if (one.family != AF_INET || !device || one.index != device->index) continue;
    if (name == one.name) return &one;
    if (!first) first = &one;
  }
  return first;
}

bool has_broadcast(const InterfaceRecord& address) {
  return address.other_family != 0 && (address.flags & IFF_BROADCAST) != 0 &&
         memcmp(address.other, address.address, sizeof address.other) != 0;
}

long list(Core& core, List& list) {
  if (!are_remote(core)) return not_ours;
  if (!list.records) return -ENOMEM;
  RelayCall call(relay::Op::interfaces);
  call.into = list.records;
  call.capacity = largest_answer;
  const long result = core.relay.ask(call);
  if (result != 0) {
    core.note_once(
        "network interfaces",
        "the pod's can't be had, and this machine's are not shown in their place: the agent in the "
        "pod may be an older one");
    return result == -EIO ? -ENOBUFS : result;
  }
  list.count = call.received / sizeof(InterfaceRecord);
  for (std::size_t i = 0; i < list.count; ++i) list.records[i].name[sizeof list.records[i].name - 1] = 0;
  return 0;
}

}  // namespace inpod::interfaces
