// SlotTable: the memfd of relay_protocol.hpp's Slots, by which debuggees see without a call which bytes of a
// snapshot file are there. Written here alone; debuggees get a descriptor that can't be mapped writable.
// Freed slots are used again in the order of their freeing, so that a late reader of an old slot finds a
// stranger's handle as rarely as can be.
#pragma once

#include <deque>
#include <memory>
#include <optional>

#include "core/relay_protocol.hpp"
#include "protocol/result.hpp"
#include "protocol/unique_fd.hpp"
#include "relay/ranges.hpp"

namespace inpod::relay {

/// A memfd with the close-on-exec flag; named `name` in /proc. ENFILE where inpod has no descriptors left.
Result<UniqueFd> make_memfd(const std::string& name);
/// An empty one that can't be read (EBADF) nor written (EPERM): what passes by the hooks fails, instead of
/// being lost.
Result<UniqueFd> make_placeholder_memfd(const std::string& name);
/// Another open file description of the same file (own offset): O_RDONLY or O_RDWR.
Result<UniqueFd> reopen(int fd, int flags);

class SlotTable {
 public:
  static Result<std::unique_ptr<SlotTable>> create();
  ~SlotTable();

  int readable_fd() const { return readable_.get(); }
  /// A slot for `handle`, empty; none when all are taken.
  std::optional<std::uint32_t> take(std::uint64_t handle);
  void free(std::uint32_t slot);
  /// Says that [range) of a file of `size` bytes may be read. Safe against readers that load end, begin,
  /// read, and load both again: a range that moves is empty in between.
  void publish(std::uint32_t slot, std::uint64_t size, Range range);

 private:
  SlotTable() = default;
  UniqueFd fd_, readable_;
  Slot* slots_ = nullptr;
  std::deque<std::uint32_t> free_;
};

}  // namespace inpod::relay
