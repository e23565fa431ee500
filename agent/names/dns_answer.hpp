// DnsAnswer: what a name server said to one question. Parses replies (RFC 1035), treating them as hostile.
// Pure.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "protocol/messages.hpp"

namespace inpod::agent {

enum class DnsType { a = 1, ptr = 12, aaaa = 28 };

struct DnsAnswer {
  enum class Status {
    found,
    no_data,    ///< the name exists, but has nothing of that type
    no_name,    ///< NXDOMAIN
    try_again,  ///< SERVFAIL, REFUSED, or nobody answered
  };
  Status status = Status::try_again;
  std::string canonical;             ///< of what was found; for PTR: the host's name
  std::vector<std::string> aliases;  ///< the CNAMEs on the way, the name asked for first
  std::vector<protocol::SocketAddress> addresses;
};

/// A reply whose code is NOERROR. One that can't be parsed counts as none: try_again.
DnsAnswer parse_dns_reply(std::span<const std::uint8_t> reply, DnsType type);

}  // namespace inpod::agent
