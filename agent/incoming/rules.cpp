// Rules of stolen ports as netlink messages. See rules.hpp; linux/netfilter/nf_tables.h describes each
// attribute.
#include "incoming/rules.hpp"

#include <arpa/inet.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_nat.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "incoming/mark.hpp"
#include "protocol/printable.hpp"

namespace inpod::agent {
namespace {

constexpr std::uint32_t dstnat_priority = std::uint32_t(-100);
const StolenPort anchor{0, 1, {}, false};  // matches nothing: no connection has port 0
constexpr std::string_view stolen_by = " stolen by ";
constexpr std::uint8_t comment_type = 0;      // NFTNL_UDATA_RULE_COMMENT of libnftnl: nft shows it
constexpr std::size_t longest_comment = 128;  // what nft itself allows
constexpr std::uint32_t tcp_destination = 2, tcp_flags = 13;  // offsets in the TCP header
constexpr std::uint8_t fin_syn_rst_ack = 0x17, syn = 0x02;

struct Hook {
  const char* chain;
  std::uint32_t number;
};
constexpr Hook hooks[] = {{"prerouting", NF_INET_PRE_ROUTING}, {"output", NF_INET_LOCAL_OUT}};

template <class T>
std::span<const std::uint8_t> raw(const T& value) {
  return {reinterpret_cast<const std::uint8_t*>(&value), sizeof value};
}

/// Writes the expressions of one rule; each works on register 1.
class Expressions {
 public:
  explicit Expressions(NetlinkMessages& out) : out_(out) {}

  void load_meta(std::uint32_t key) {
    begin("meta");
    out_.number(NFTA_META_DREG, NFT_REG_1);
    out_.number(NFTA_META_KEY, key);
    end();
  }
  void load_tcp(std::uint32_t offset, std::uint32_t length) {
    begin("payload");
    out_.number(NFTA_PAYLOAD_DREG, NFT_REG_1);
    out_.number(NFTA_PAYLOAD_BASE, NFT_PAYLOAD_TRANSPORT_HEADER);
    out_.number(NFTA_PAYLOAD_OFFSET, offset);
    out_.number(NFTA_PAYLOAD_LEN, length);
    end();
  }
  void load_destination_type() {
    begin("fib");
    out_.number(NFTA_FIB_DREG, NFT_REG_1);
    out_.number(NFTA_FIB_RESULT, NFT_FIB_RESULT_ADDRTYPE);
    out_.number(NFTA_FIB_FLAGS, NFTA_FIB_F_DADDR);
    end();
  }
  void mask(std::uint8_t bits) {
    begin("bitwise");
    out_.number(NFTA_BITWISE_SREG, NFT_REG_1);
    out_.number(NFTA_BITWISE_DREG, NFT_REG_1);
    out_.number(NFTA_BITWISE_LEN, 1);
    value(NFTA_BITWISE_MASK, raw(bits));
    value(NFTA_BITWISE_XOR, raw(std::uint8_t(0)));
    end();
  }
  void compare(std::uint32_t operation, std::span<const std::uint8_t> with) {
    begin("cmp");
    out_.number(NFTA_CMP_SREG, NFT_REG_1);
    out_.number(NFTA_CMP_OP, operation);
    value(NFTA_CMP_DATA, with);
    end();
  }
  void redirect_to(std::uint16_t port) {
    const std::uint16_t network = htons(port);
    begin("immediate");
    out_.number(NFTA_IMMEDIATE_DREG, NFT_REG_1);
    value(NFTA_IMMEDIATE_DATA, raw(network));
    end();
    begin("redir");
    out_.number(NFTA_REDIR_REG_PROTO_MIN, NFT_REG_1);
    out_.number(NFTA_REDIR_FLAGS, NF_NAT_RANGE_PROTO_SPECIFIED);
    end();
  }

 private:
  void begin(std::string_view name) {
    out_.open(NFTA_LIST_ELEM);
    out_.text(NFTA_EXPR_NAME, name);
    out_.open(NFTA_EXPR_DATA);
  }
  void end() {
    out_.close();
    out_.close();
  }
  void value(std::uint16_t type, std::span<const std::uint8_t> bytes) {
    out_.open(type);
    out_.bytes(NFTA_DATA_VALUE, bytes);
    out_.close();
  }
  NetlinkMessages& out_;
};

protocol::Bytes comment(const StolenPort& stolen) {
  std::string text =
      std::to_string(stolen.port) + std::string(stolen_by) + protocol::printable(stolen.client);
  text.resize(std::min(text.size(), longest_comment - 1));
  protocol::Bytes data{comment_type, std::uint8_t(text.size() + 1)};
  data.insert(data.end(), text.begin(), text.end());
  data.push_back(0);
  return data;
}

void add_rule(NetlinkMessages& batch, std::uint8_t family, const std::string& table, const char* chain,
              const StolenPort& stolen) {
  batch.begin(NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND, family);
  batch.text(NFTA_RULE_TABLE, table);
  batch.text(NFTA_RULE_CHAIN, chain);
  batch.open(NFTA_RULE_EXPRESSIONS);
  Expressions rule(batch);
  rule.load_meta(NFT_META_MARK);
  rule.compare(NFT_CMP_NEQ, raw(own_mark));
  rule.load_meta(NFT_META_L4PROTO);
  rule.compare(NFT_CMP_EQ, raw(std::uint8_t(IPPROTO_TCP)));
  rule.load_tcp(tcp_destination, 2);
  rule.compare(NFT_CMP_EQ, raw(htons(stolen.suspended ? anchor.port : stolen.port)));
  rule.load_tcp(tcp_flags, 1);
  rule.mask(fin_syn_rst_ack);
  rule.compare(NFT_CMP_EQ, raw(syn));
  rule.load_destination_type();
  rule.compare(NFT_CMP_EQ, raw(std::uint32_t(RTN_LOCAL)));
  rule.redirect_to(stolen.listener);
  batch.close();
  if (!stolen.client.empty()) batch.bytes(NFTA_RULE_USERDATA, comment(stolen));
  batch.end();
}

}  // namespace

void add_table(NetlinkMessages& batch, std::uint8_t family, const std::string& table, std::uint32_t flags) {
  batch.begin(NFT_MSG_NEWTABLE, NLM_F_ACK | NLM_F_CREATE, family);
  batch.text(NFTA_TABLE_NAME, table);
  batch.number(NFTA_TABLE_FLAGS, flags);
  batch.end();
  for (const auto& hook : hooks) {
    batch.begin(NFT_MSG_NEWCHAIN, NLM_F_ACK | NLM_F_CREATE, family);
    batch.text(NFTA_CHAIN_TABLE, table);
    batch.text(NFTA_CHAIN_NAME, hook.chain);
    batch.text(NFTA_CHAIN_TYPE, "nat");
    batch.number(NFTA_CHAIN_POLICY, NF_ACCEPT);
    batch.open(NFTA_CHAIN_HOOK);
    batch.number(NFTA_HOOK_HOOKNUM, hook.number);
    batch.number(NFTA_HOOK_PRIORITY, dstnat_priority);
    batch.close();
    batch.end();
  }
}

void replace_rules(NetlinkMessages& batch, std::uint8_t family, const std::string& table,
                   const std::vector<StolenPort>& ports) {
  for (const auto& hook : hooks) {
    batch.begin(NFT_MSG_DELRULE, NLM_F_ACK, family);  // without a handle: all of the chain
    batch.text(NFTA_RULE_TABLE, table);
    batch.text(NFTA_RULE_CHAIN, hook.chain);
    batch.end();
    for (const auto& stolen : ports) add_rule(batch, family, table, hook.chain, stolen);
    if (ports.empty()) add_rule(batch, family, table, hook.chain, anchor);
  }
}

void delete_table(NetlinkMessages& batch, std::uint8_t family, const std::string& table) {
  batch.begin(NFT_MSG_DELTABLE, NLM_F_ACK, family);
  batch.text(NFTA_TABLE_NAME, table);
  batch.end();
}

std::optional<StolenBy> read_comment(std::span<const std::uint8_t> user_data) {
  // Type, length, value; one behind the other.
  while (user_data.size() >= 2) {
    const std::size_t length = user_data[1];
    if (user_data.size() < 2 + length) return std::nullopt;
    if (user_data[0] == comment_type) {
      std::string_view text(reinterpret_cast<const char*>(user_data.data()) + 2, length);
      text = text.substr(0, text.find('\0'));
      StolenBy found;
      const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), found.port);
      text.remove_prefix(std::size_t(rest - text.data()));
      if (error != std::errc{} || !text.starts_with(stolen_by)) return std::nullopt;
      found.client = text.substr(stolen_by.size());
      return found;
    }
    user_data = user_data.subspan(2 + length);
  }
  return std::nullopt;
}

}  // namespace inpod::agent
