// See literal.hpp.
#include "names/literal.hpp"

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>

#include <charconv>
#include <cstring>

namespace inpod::agent {
using protocol::AddressFamily;
using protocol::SocketAddress;

namespace {

/// As __inet6_scopeid_pton: link-local addresses take an interface's name; everything takes a number.
std::optional<std::uint32_t> scope_number(const in6_addr& address, const std::string& scope) {
  bool local = IN6_IS_ADDR_LINKLOCAL(&address) || IN6_IS_ADDR_MC_LINKLOCAL(&address);
  if (local) {
    if (unsigned index = ::if_nametoindex(scope.c_str())) return index;
  }
  std::uint32_t number = 0;
  auto [end, failure] = std::from_chars(scope.data(), scope.data() + scope.size(), number);
  if (failure != std::errc() || end != scope.data() + scope.size() || scope.empty()) return std::nullopt;
  return number;
}

}  // namespace

std::optional<SocketAddress> parse_literal(const std::string& text, LiteralForm form) {
  SocketAddress result;
  in_addr four{};
  // inet_aton stops at a blank and calls the rest a comment; a name with a blank is no literal.
  bool four_given = form == LiteralForm::strict ? ::inet_pton(AF_INET, text.c_str(), &four) == 1
                                                : text.find_first_of(" \t\n\v\f\r") == text.npos &&
                                                      ::inet_aton(text.c_str(), &four) != 0;
  if (four_given) {
    result.family = AddressFamily::ipv4;
    memcpy(result.ip.data(), &four, 4);
    return result;
  }
  std::size_t percent = form == LiteralForm::loose ? text.find('%') : text.npos;
  in6_addr six{};
  if (::inet_pton(AF_INET6, text.substr(0, percent).c_str(), &six) != 1) return std::nullopt;
  if (percent != text.npos) {
    auto scope = scope_number(six, text.substr(percent + 1));
    if (!scope) return result;
    result.scope_id = *scope;
  }
  result.family = AddressFamily::ipv6;
  memcpy(result.ip.data(), &six, 16);
  return result;
}

std::string literal_of(const SocketAddress& address) {
  char text[INET6_ADDRSTRLEN] = "";
  if (address.family == AddressFamily::ipv4) ::inet_ntop(AF_INET, address.ip.data(), text, sizeof text);
  if (address.family != AddressFamily::ipv6) return text;
  ::inet_ntop(AF_INET6, address.ip.data(), text, sizeof text);
  if (!address.scope_id) return text;
  in6_addr six;
  memcpy(&six, address.ip.data(), 16);
  char name[IF_NAMESIZE];
  bool local = IN6_IS_ADDR_LINKLOCAL(&six) || IN6_IS_ADDR_MC_LINKLOCAL(&six);
  bool named = local && ::if_indextoname(address.scope_id, name);
  return std::string(text) + "%" + (named ? std::string(name) : std::to_string(address.scope_id));
}

}  // namespace inpod::agent
