// IP addresses written as text, for the files in /etc and for getaddrinfo. Pure, but for scope names, which
// are interfaces of the calling thread's network namespace.
#pragma once

#include <optional>
#include <string>

#include "protocol/messages.hpp"

namespace inpod::agent {

enum class LiteralForm {
  strict,  ///< inet_pton(3): four decimal numbers; IPv6
  loose,   ///< also what inet_aton(3) takes ("127.1", "0x7f000001"), and an IPv6 "%scope"
};
/// family none of the result: an IPv6 address whose scope does not exist.
std::optional<protocol::SocketAddress> parse_literal(const std::string& text, LiteralForm form);
/// inet_ntop(3), with "%scope" where there is one. "" for other families.
std::string literal_of(const protocol::SocketAddress& address);

}  // namespace inpod::agent
