// The pod's network interfaces. The caller lays the answers out as libc and the kernel do.
//
// They are the pod's where its host name is (rule `hostname`): a program that looks up its own name and one
// that asks for its addresses agree. Nothing allocates.
#pragma once

#include <cstddef>
#include <string_view>

#include "core/core.hpp"

namespace inpod::interfaces {

constexpr std::size_t largest_answer = relay::max_data;

/// All interfaces, then all their addresses. Points into memory of the caller's: largest_answer bytes,
/// aligned for numbers. Null: -ENOMEM.
struct List {
  explicit List(void* memory) : records(static_cast<relay::InterfaceRecord*>(memory)) {}
  relay::InterfaceRecord* records;
  std::size_t count = 0;

  const relay::InterfaceRecord* begin() const { return records; }
  const relay::InterfaceRecord* end() const { return records + count; }
  /// An interface, by its name (without an alias) or number. Null: there is none.
  const relay::InterfaceRecord* find(std::string_view name) const;
  const relay::InterfaceRecord* find(std::uint32_t index) const;
  /// The IPv4 address that netdevice(7) tells for this name or label. Null: it has none.
  const relay::InterfaceRecord* first_ipv4(std::string_view name) const;
};

inline bool are_remote(const Core& core) {
  return core.rules.remote_hostname();
}

/// Whether an address's `other` is a broadcast address: where there is none, libc repeats the address itself.
bool has_broadcast(const relay::InterfaceRecord& address);

/// 0, not_ours (this machine's, by rule), or -errno: they could not be had, and a note has told that.
long list(Core& core, List& list);

}  // namespace inpod::interfaces
