// The nf_tables rules of stolen ports, as netlink messages: what `nft` would call
//
//   table inet inpod_<hex> { flags owner
//     chain prerouting { type nat hook prerouting priority dstnat
//       meta mark != 0x20d5 tcp flags & (fin|syn|rst|ack) == syn fib daddr type local tcp dport P redirect to
//       :L }
//     chain output     { type nat hook output priority dstnat  … the same rule … } }
//
// Only a SYN is redirected: where connection tracking starts with this table, the kernel takes the next
// packet of a connection that was already open for a new one, and would redirect it into nowhere. Only
// packets to an address of the pod itself are: its own connections to others' port P leave alone. Each rule's
// comment tells whose it is. Pure functions, no I/O.
#pragma once

#include <boost/describe.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "incoming/netlink.hpp"

namespace inpod::agent {

constexpr std::string_view table_prefix = "inpod_";

struct StolenPort {
  std::uint16_t port = 0;      ///< of the pod
  std::uint16_t listener = 0;  ///< of ours, where its connections go
  std::string client;          ///< "user@host"
  bool suspended = false;      ///< reserved for the client, but not redirected
};
BOOST_DESCRIBE_STRUCT(StolenPort, (), (port, listener, client, suspended))

/// What the rule's comment says: "8080 stolen by alice@laptop".
struct StolenBy {
  std::uint16_t port = 0;
  std::string client;
};

/// Appends the table and its two chains (made when they are not there). flags: NFT_TABLE_F_OWNER or 0.
void add_table(NetlinkMessages& batch, std::uint8_t family, const std::string& table, std::uint32_t flags);
/// Appends: all rules of the table go, one rule a port and chain comes. Without ports, one that matches
/// nothing: the kernel tracks and translates connections only while some rule needs it, and open ones still
/// do.
void replace_rules(NetlinkMessages& batch, std::uint8_t family, const std::string& table,
                   const std::vector<StolenPort>& ports);
void delete_table(NetlinkMessages& batch, std::uint8_t family, const std::string& table);

/// Reads a rule's user data as written by replace_rules; nothing for any other rule.
std::optional<StolenBy> read_comment(std::span<const std::uint8_t> user_data);

}  // namespace inpod::agent
