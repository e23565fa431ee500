// FdTable: what the layer knows of each descriptor of this process, one atomic word each.
//
// A fixed array, so that looking an fd up costs one load, from any thread or signal handler. Descriptors from
// `capacity` on can't be ours (opening a remote file there fails with EMFILE). The words describe the open
// file, so dup copies one; truth that must outlive the process is in the relay.
#pragma once

#include <atomic>
#include <cstdint>

namespace inpod {

enum class FdKind : std::uint8_t {
  none = 0,        ///< not ours
  snapshot = 1,    ///< memfd with the file's content
  handle = 2,      ///< placeholder; I/O goes to the relay
  directory = 3,   ///< memfd of directory entries
  connecting = 4,  ///< socket that the layer connected to the relay; its errors may stand for others
  listener = 5,    ///< socket that is bound for a port of the pod
  netlink = 6,     ///< NETLINK_ROUTE socket (netlink.hpp)
};

/// One entry. Bits: kind 3, then access 2 (O_ACCMODE), append 1, slot 13, changeable 1 and handle 44; or
/// shares 1, families 2, and from 16 on the two ports and the address.
class FdEntry {
 public:
  constexpr FdEntry() = default;
  constexpr explicit FdEntry(std::uint64_t word) : word_(word) {}
  static constexpr std::uint64_t largest_handle = (std::uint64_t{1} << 44) - 1;
  static constexpr std::uint32_t no_slot = 0x1fff;

  /// changeable: the rules let the program change the file, whatever it was opened for.
  static constexpr FdEntry file(FdKind kind, std::uint64_t handle, std::uint32_t slot, unsigned access,
                                bool append, bool changeable) {
    return FdEntry(static_cast<std::uint64_t>(kind) | (access & 3u) << 3 | (append ? 1u << 5 : 0u) |
                   static_cast<std::uint64_t>(slot & no_slot) << 6 | (changeable ? 1u << 19 : 0u) |
                   handle << 20);
  }
  static constexpr FdEntry connecting() { return FdEntry(static_cast<std::uint64_t>(FdKind::connecting)); }
  /// wanted: the port the program asked for; local: the one it is really bound to; shares: it has set
  /// SO_REUSEADDR, which the kernel is told of only when it listens (sockets.hpp, bind); families: whose
  /// connections it takes, as relay::BoundFamily; address: a hash of the one it asked for, 0 for all.
  static constexpr FdEntry listener(std::uint16_t wanted, std::uint16_t local, bool shares = false,
                                    unsigned families = 3, std::uint16_t address = 0) {
    return FdEntry(static_cast<std::uint64_t>(FdKind::listener) | (shares ? 1u << 3 : 0u) |
                   (families & 3u) << 4 | static_cast<std::uint64_t>(wanted) << 16 |
                   static_cast<std::uint64_t>(local) << 32 | static_cast<std::uint64_t>(address) << 48);
  }

  constexpr FdKind kind() const { return static_cast<FdKind>(word_ & 7); }
  constexpr bool is_file() const { return kind() >= FdKind::snapshot && kind() <= FdKind::directory; }
  constexpr unsigned access() const { return (word_ >> 3) & 3; }
  constexpr bool append() const { return (word_ >> 5 & 1) != 0; }
  constexpr std::uint32_t slot() const { return (word_ >> 6) & no_slot; }
  constexpr bool changeable() const { return (word_ >> 19 & 1) != 0; }
  constexpr std::uint64_t handle() const { return word_ >> 20; }
  constexpr FdEntry with_append(bool on) const {
    return FdEntry(on ? word_ | 1u << 5 : word_ & ~(std::uint64_t{1} << 5));
  }
  /// Of a listener that does not listen yet.
  constexpr bool shares() const { return kind() == FdKind::listener && (word_ >> 3 & 1) != 0; }
  constexpr FdEntry with_shares(bool on) const {
    return FdEntry(on ? word_ | 1u << 3 : word_ & ~(std::uint64_t{1} << 3));
  }
  /// Of two listeners: whether a kernel lets them have their addresses only by SO_REUSEADDR or SO_REUSEPORT.
  constexpr bool overlaps(FdEntry other) const {
    return wanted_port() == other.wanted_port() && (word_ & other.word_ & 3u << 4) != 0 &&
           (address() == 0 || other.address() == 0 || address() == other.address());
  }
  constexpr std::uint16_t wanted_port() const { return static_cast<std::uint16_t>(word_ >> 16); }
  constexpr std::uint16_t local_port() const { return static_cast<std::uint16_t>(word_ >> 32); }
  constexpr std::uint16_t address() const { return static_cast<std::uint16_t>(word_ >> 48); }
  constexpr std::uint64_t word() const { return word_; }
  constexpr explicit operator bool() const { return word_ != 0; }
  constexpr bool operator==(const FdEntry&) const = default;

 private:
  std::uint64_t word_ = 0;
};

class FdTable {
 public:
  static constexpr int capacity = 65536;

  FdEntry get(int fd) const {
    return static_cast<unsigned>(fd) < capacity ? FdEntry(entries_[fd].load(std::memory_order_acquire))
                                                : FdEntry();
  }
  /// False: fd is past the table.
  bool set(int fd, FdEntry entry) {
    if (static_cast<unsigned>(fd) >= capacity) return false;
    entries_[fd].store(entry.word(), std::memory_order_release);
    if (entry) {
      int top = top_.load(std::memory_order_relaxed);
      while (fd >= top && !top_.compare_exchange_weak(top, fd + 1, std::memory_order_acq_rel)) {
      }
    }
    return true;
  }
  /// Only while fd still has the entry `from`; fd is one that has had an entry.
  void replace(int fd, FdEntry from, FdEntry to) {
    std::uint64_t expected = from.word();
    entries_[fd].compare_exchange_strong(expected, to.word(), std::memory_order_acq_rel);
  }
  FdEntry take(int fd) {
    return static_cast<unsigned>(fd) < capacity ? FdEntry(entries_[fd].exchange(0, std::memory_order_acq_rel))
                                                : FdEntry();
  }
  /// One more than the highest fd that ever had an entry.
  int top() const { return top_.load(std::memory_order_acquire); }
  /// Whether any descriptor but `except` refers to this handle.
  bool holds(std::uint64_t handle, int except = -1) const {
    for (int fd = 0, end = top(); fd < end; ++fd) {
      const FdEntry entry = get(fd);
      if (fd != except && entry.is_file() && entry.handle() == handle) return true;
    }
    return false;
  }

 private:
  std::atomic<std::uint64_t> entries_[capacity] = {};
  std::atomic<int> top_ = 0;
};

}  // namespace inpod
