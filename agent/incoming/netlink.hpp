// Netlink messages for nf_tables, and the socket they go through (netlink(7), linux/netfilter/nfnetlink.h).
//
// Written by hand on purpose: libnftables, libnftnl and libmnl are the usual way, but the agent is one static
// executable and Debian ships libmnl and libnftables without a static archive; the nft and iptables programs
// can't be counted on in the image that the agent runs in. What a redirect needs is a dozen message kinds.
//
// nf_tables handles a request inside sendmsg(2), so every answer is there when it returns: nothing here
// waits.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string_view>
#include <vector>

#include "protocol/messages.hpp"
#include "protocol/result.hpp"
#include "protocol/unique_fd.hpp"

struct nlmsghdr;

namespace inpod::agent {

/// Builds netlink messages one behind the other. Misuse (unbalanced begin/end) is a bug of the caller.
class NetlinkMessages {
 public:
  /// A message of nf_tables (NFT_MSG_*); NLM_F_REQUEST is added. Its sequence number is its place, from 1.
  void begin(std::uint16_t type, std::uint16_t flags, std::uint8_t family);
  void end();
  /// Brackets of a transaction. generation ≠ 0: it fails with ERESTART when the rule set has changed since.
  void begin_batch(std::uint32_t generation = 0);
  void end_batch();

  void text(std::uint16_t type, std::string_view value);  ///< with its NUL
  void number(std::uint16_t type, std::uint32_t value);   ///< 32 bits, network order
  void bytes(std::uint16_t type, std::span<const std::uint8_t> value);
  void open(std::uint16_t type);  ///< begins a nested attribute
  void close();

  const protocol::Bytes& data() const { return data_; }
  std::uint32_t count() const { return count_; }

 private:
  void message(std::uint16_t type, std::uint16_t flags, std::uint8_t family, std::uint16_t resource);
  void pad();

  protocol::Bytes data_;
  std::size_t message_at_ = 0;
  std::vector<std::size_t> nested_;
  std::uint32_t count_ = 0;
};

/// The attributes of one message, read from the kernel: the last of each type below `most`.
class NetlinkAttributes {
 public:
  explicit NetlinkAttributes(std::span<const std::uint8_t> payload);
  std::span<const std::uint8_t> find(std::uint16_t type) const;  ///< empty when absent
  std::string_view text(std::uint16_t type) const;
  std::uint32_t number(std::uint16_t type) const;  ///< from network order; 0 when absent

 private:
  static constexpr std::size_t most = 32;
  std::span<const std::uint8_t> found_[most];
};

/// A socket to the netfilter subsystem of the calling thread's network namespace.
class NetfilterSocket {
 public:
  /// EPROTONOSUPPORT: the kernel has no nfnetlink.
  static Result<NetfilterSocket> open();
  /// Sends a batch, of which at least one message must ask for NLM_F_ACK. The first error the kernel reports
  /// comes back with its errno; `failed` gets the sequence number of the message it is about.
  Result<void> transact(const NetlinkMessages& batch, std::uint32_t* failed = nullptr);
  using Answer =
      std::function<void(std::uint8_t family, std::uint16_t type, std::span<const std::uint8_t> payload)>;
  /// Sends one request or dump and calls `each` with the type (NFT_MSG_*) and payload (behind nfgenmsg) of
  /// every answer. EINTR: the rule set changed during the dump.
  Result<void> query(const NetlinkMessages& request, const Answer& each);

 private:
  explicit NetfilterSocket(UniqueFd fd) : fd_(std::move(fd)) {}
  Result<void> send(const NetlinkMessages& messages);
  Result<void> receive(const std::function<void(const nlmsghdr&, std::span<const std::uint8_t>)>& each);
  UniqueFd fd_;
};

}  // namespace inpod::agent
