// See dns_answer.hpp. glibc's message parser is used (ns_initparse and its like in <arpa/nameser.h>); of
// c-ares, the parsers would bring in getaddrinfo and with it the name service switch, which a static program
// can't have.
#include "names/dns_answer.hpp"

#include <arpa/nameser.h>
#include <resolv.h>

#include <algorithm>

namespace inpod::agent {
namespace {

/// The name in a record's data; false if it is malformed.
bool name_in(const ns_msg& message, const ns_rr& record, std::string& name) {
  char text[NS_MAXDNAME];
  if (::dn_expand(ns_msg_base(message), ns_msg_end(message), ns_rr_rdata(record), text, sizeof text) < 0)
    return false;
  name = text;
  return true;
}

bool take_address(const ns_rr& record, DnsType type, DnsAnswer& answer) {
  std::size_t length = type == DnsType::a ? 4 : 16;
  if (ns_rr_rdlen(record) != length) return false;
  protocol::SocketAddress address;
  address.family = type == DnsType::a ? protocol::AddressFamily::ipv4 : protocol::AddressFamily::ipv6;
  std::copy_n(ns_rr_rdata(record), length, address.ip.begin());
  answer.addresses.push_back(std::move(address));
  return true;
}

/// false: malformed.
bool take(const ns_msg& message, const ns_rr& record, DnsType type, DnsAnswer& answer) {
  if (ns_rr_class(record) != ns_c_in) return true;
  if (ns_rr_type(record) == ns_t_cname) {
    answer.aliases.emplace_back(ns_rr_name(record));
    return name_in(message, record, answer.canonical);
  }
  if (ns_rr_type(record) != static_cast<int>(type)) return true;
  if (type == DnsType::ptr) {
    if (answer.status != DnsAnswer::Status::found && !name_in(message, record, answer.canonical))
      return false;
  } else {
    if (!take_address(record, type, answer)) return false;
    answer.canonical = ns_rr_name(record);
  }
  answer.status = DnsAnswer::Status::found;
  return true;
}

}  // namespace

DnsAnswer parse_dns_reply(std::span<const std::uint8_t> reply, DnsType type) {
  DnsAnswer answer;
  ns_msg message;
  if (::ns_initparse(reply.data(), static_cast<int>(reply.size()), &message) != 0) return {};
  answer.status = DnsAnswer::Status::no_data;
  for (int i = 0; i < ns_msg_count(message, ns_s_an); ++i) {
    ns_rr record;
    if (::ns_parserr(&message, ns_s_an, i, &record) != 0 || !take(message, record, type, answer)) return {};
  }
  return answer;
}

}  // namespace inpod::agent
