// Parsing and asking of the rules. See rules.hpp.
#include "core/rules.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/un.h>

#include <cstddef>
#include <cstring>

#include "core/glob.hpp"
#include "core/text.hpp"

namespace inpod {
namespace {

/// An IP address and port in one shape. family: 4, 6, or 0 for anything else.
struct Endpoint {
  std::uint8_t ip[16];
  std::uint8_t family = 0;
  std::uint16_t port = 0;
};

Endpoint endpoint_of(const sockaddr* address, socklen_t length) {
  Endpoint endpoint{};
  if (length < sizeof(sa_family_t)) return endpoint;
  if (address->sa_family == AF_INET && length >= sizeof(sockaddr_in)) {
    sockaddr_in in;
    memcpy(&in, address, sizeof in);
    memcpy(endpoint.ip, &in.sin_addr, 4);
    endpoint.family = 4;
    endpoint.port = ntohs(in.sin_port);
  } else if (address->sa_family == AF_INET6 && length >= offsetof(sockaddr_in6, sin6_scope_id)) {
    sockaddr_in6 in{};
    memcpy(&in, address, length < sizeof in ? length : sizeof in);
    endpoint.port = ntohs(in.sin6_port);
    if (IN6_IS_ADDR_V4MAPPED(&in.sin6_addr)) {
      memcpy(endpoint.ip, in.sin6_addr.s6_addr + 12, 4);
      endpoint.family = 4;
    } else {
      memcpy(endpoint.ip, &in.sin6_addr, 16);
      endpoint.family = 6;
    }
  }
  return endpoint;
}

bool is_this_host(const Endpoint& endpoint) {
  static constexpr std::uint8_t nothing[16] = {};
  if (endpoint.family == 4) return endpoint.ip[0] == 127 || memcmp(endpoint.ip, nothing, 4) == 0;
  return endpoint.family == 6 && memcmp(endpoint.ip, nothing, 15) == 0 && endpoint.ip[15] <= 1;
}

bool same_bits(const std::uint8_t* a, const std::uint8_t* b, unsigned bits) {
  if (memcmp(a, b, bits / 8) != 0) return false;
  const unsigned rest = bits % 8;
  return rest == 0 || ((a[bits / 8] ^ b[bits / 8]) >> (8 - rest)) == 0;
}

std::uint64_t first_bytes(std::string_view text) {
  std::uint64_t head = 0;
  if (text.size() >= 8)
    memcpy(&head, text.data(), 8);
  else
    for (std::size_t i = 0; i < text.size(); ++i) reinterpret_cast<char*>(&head)[i] = text[i];
  return head;
}

bool parse_side(std::string_view word, Side& side) {
  side = word == "remote" ? Side::remote : Side::local;
  return word == "remote" || word == "local";
}

/// "PORT[-PORT]" or "*".
bool parse_ports(std::string_view text, std::uint16_t& first, std::uint16_t& last) {
  first = 0, last = 65535;
  if (text == "*") return true;
  std::uint64_t low = 0;
  if (!take_number(text, 65535, low)) return false;
  std::uint64_t high = low;
  if (!text.empty()) {
    if (text[0] != '-') return false;
    text.remove_prefix(1);
    if (!take_number(text, 65535, high) || !text.empty() || high < low) return false;
  }
  first = static_cast<std::uint16_t>(low);
  last = static_cast<std::uint16_t>(high);
  return true;
}

bool parse_ip(std::string_view text, std::uint8_t* ip, std::uint8_t& family) {
  char copy[INET6_ADDRSTRLEN + 1];
  if (text.empty() || text.size() >= sizeof copy) return false;
  memcpy(copy, text.data(), text.size());
  copy[text.size()] = 0;
  family = memchr(copy, ':', text.size()) ? 6 : 4;
  return inet_pton(family == 6 ? AF_INET6 : AF_INET, copy, ip) == 1;
}

std::size_t count(std::string_view text, char wanted) {
  std::size_t number = 0;
  for (const char c : text) number += c == wanted;
  return number;
}

/// Splits "CIDR[:PORTS]"; brackets around an IPv6 range are allowed, and needed only where no "/bits" ends
/// it.
bool split_ports(std::string_view text, std::string_view& range, std::string_view& ports) {
  ports = "*";
  if (!text.empty() && text[0] == '[') {
    text.remove_prefix(1);
    if (count(text, ']') != 1) return false;
    range = take_until(text, ']');
    if (text.empty()) return true;
    if (text[0] != ':') return false;
    text.remove_prefix(1);
    ports = text;
    return true;
  }
  const bool has_bits = count(text, '/') == 1;
  std::string_view rest = text;
  std::string_view address = has_bits ? take_until(rest, '/') : text;
  if (!has_bits && count(text, ':') > 1) {
    range = text;
    return true;
  }
  std::string_view tail = has_bits ? rest : text;
  const std::size_t colons = count(tail, ':');
  if (colons > 1) return false;
  const std::string_view before = take_until(tail, ':');
  if (colons == 1) ports = tail;
  range = has_bits ? std::string_view(text.data(), address.size() + 1 + before.size()) : before;
  return true;
}

}  // namespace

bool is_loopback(const sockaddr* address, socklen_t length) {
  return is_this_host(endpoint_of(address, length));
}

const char* Rules::parse(std::string_view text, std::string_view& bad_line) {
  file_count_ = map_count_ = address_count_ = port_count_ = name_count_ = used_ = 0;
  remote_hostname_ = false;
  while (!text.empty()) {
    const std::string_view line = take_until(text, '\n');
    if (line.empty()) continue;
    if (const char* wrong = parse_line(line)) {
      bad_line = line;
      return wrong;
    }
  }
  return nullptr;
}

const char* Rules::parse_line(std::string_view line) {
  std::string_view rest = line;
  const std::string_view word = take_until(rest, ' ');
  if (word == "file") return parse_file(rest);
  if (word == "map") return parse_map(rest);
  if (word == "outgoing") return parse_outgoing(rest);
  if (word == "incoming") return parse_incoming(rest);
  if (word == "dns") return parse_dns(rest);
  if (word == "hostname") {
    Side side;
    if (!parse_side(rest, side)) return "hostname wants remote or local";
    remote_hostname_ = side == Side::remote;
    return nullptr;
  }
  if (word == "listen_reject") return rest == "0" || rest == "1" ? nullptr : "listen_reject wants 0 or 1";
  return "unknown word";
}

bool Rules::keep(std::string_view text, std::uint32_t& at) {
  if (text.size() > UINT16_MAX || text.size() > max_characters - used_) return false;
  memcpy(text_ + used_, text.data(), text.size());
  at = used_;
  used_ += static_cast<std::uint32_t>(text.size());
  return true;
}

const char* Rules::parse_file(std::string_view rest) {
  const std::string_view mode = take_until(rest, ' ');
  FileRule rule{};
  if (mode == "local")
    rule.mode = FileMode::local;
  else if (mode == "read")
    rule.mode = FileMode::read;
  else if (mode == "write")
    rule.mode = FileMode::write;
  else if (mode == "absent")
    rule.mode = FileMode::absent;
  else
    return "unknown file mode";
  if (!glob_valid(rest)) return "bad glob";
  if (file_count_ == max_files || !keep(rest, rule.at)) return "too many rules";
  rule.length = static_cast<std::uint16_t>(rest.size());
  rule.literal = static_cast<std::uint16_t>(glob_literal_length(rest));
  rule.exact = rule.literal == rule.length;
  rule.head = first_bytes(rest.size() > rule.literal ? std::string_view(rest.data(), rule.literal) : rest);
  rule.mask = rule.literal >= 8 ? ~std::uint64_t{0} : 0;
  if (rule.literal < 8) memset(&rule.mask, 0xff, rule.literal);
  files_[file_count_++] = rule;
  return nullptr;
}

const char* Rules::parse_map(std::string_view rest) {
  std::size_t space = 0;
  while (space + 1 < rest.size() && (rest[space] != ' ' || rest[space + 1] != '/')) ++space;
  const std::string_view from(rest.data(), space);
  if (rest.empty() || rest[0] != '/' || space + 1 >= rest.size()) return "map wants two absolute prefixes";
  rest.remove_prefix(space + 1);
  MapRule rule{};
  if (map_count_ == max_others || !keep(from, rule.from) || !keep(rest, rule.to)) return "too many rules";
  rule.from_length = static_cast<std::uint16_t>(from.size());
  rule.to_length = static_cast<std::uint16_t>(rest.size());
  maps_[map_count_++] = rule;
  return nullptr;
}

const char* Rules::parse_outgoing(std::string_view rest) {
  AddressRule rule{};
  const std::string_view network = take_until(rest, ' ');
  if (network == "tcp")
    rule.network = Network::tcp;
  else if (network == "udp")
    rule.network = Network::udp;
  else if (network == "unix")
    rule.network = Network::unix_socket;
  else
    return "unknown network";
  if (!parse_side(take_until(rest, ' '), rule.side)) return "outgoing wants remote or local";
  if (address_count_ == max_others) return "too many rules";
  rule.last_port = 65535;
  if (rule.network == Network::unix_socket) {
    if (!glob_valid(rest)) return "bad glob";
    if (!keep(rest, rule.glob)) return "too many rules";
    rule.glob_length = static_cast<std::uint16_t>(rest.size());
  } else {
    std::string_view range, ports;
    if (!split_ports(rest, range, ports) || !parse_ports(ports, rule.first_port, rule.last_port))
      return "bad address or port";
    if (range != "*") {
      std::string_view bits = range;
      if (!parse_ip(take_until(bits, '/'), rule.ip, rule.family)) return "bad address";
      std::uint64_t number = rule.family == 4 ? 32 : 128;
      if (count(range, '/') != 0 && (!take_number(bits, number, number) || !bits.empty()))
        return "bad prefix length";
      rule.bits = static_cast<std::uint8_t>(number);
    }
  }
  addresses_[address_count_++] = rule;
  return nullptr;
}

const char* Rules::parse_incoming(std::string_view rest) {
  PortRule rule{};
  if (!parse_side(take_until(rest, ' '), rule.side)) return "incoming wants remote or local";
  if (!parse_ports(rest, rule.first, rule.last)) return "bad port";
  if (port_count_ == max_others) return "too many rules";
  ports_[port_count_++] = rule;
  return nullptr;
}

const char* Rules::parse_dns(std::string_view rest) {
  NameRule rule{};
  if (!parse_side(take_until(rest, ' '), rule.side)) return "dns wants remote or local";
  if (!glob_valid(rest)) return "bad glob";
  if (name_count_ == max_others || !keep(rest, rule.at)) return "too many rules";
  rule.length = static_cast<std::uint16_t>(rest.size());
  names_[name_count_++] = rule;
  return nullptr;
}

FileMode Rules::file(std::string_view path) const {
  const std::uint64_t head = first_bytes(path);
  for (std::uint32_t i = 0; i < file_count_; ++i) {
    const FileRule& rule = files_[i];
    if (((head ^ rule.head) & rule.mask) != 0) continue;
    if (rule.literal > path.size()) continue;
    const std::string_view glob = text(rule.at, rule.length);
    if (rule.exact ? path == glob
                   : memcmp(path.data(), glob.data(), rule.literal) == 0 && glob_match(glob, path))
      return rule.mode;
  }
  return FileMode::local;
}

std::string_view Rules::local_below(std::string_view path, std::uint32_t& next) const {
  while (next < file_count_) {
    const FileRule& rule = files_[next++];
    if (rule.mode != FileMode::local) continue;
    std::string_view start = text(rule.at, rule.literal);
    // "/srv/tools-*" names what lies in /srv; "/srv/tools/**" also the directory itself.
    const std::string_view rest = text(rule.at + rule.literal, std::size_t{rule.length} - rule.literal);
    if (!rule.exact && rest != "/**")
      while (!start.empty() && start.back() != '/') start.remove_suffix(1);
    while (start.ends_with('/')) start.remove_suffix(1);
    if (start.size() > path.size() && starts_with(start, path) && start[path.size()] == '/') return start;
  }
  return {};
}

std::string_view Rules::mapped(std::string_view path, std::string_view& rest) const {
  const MapRule* best = nullptr;
  for (std::uint32_t i = 0; i < map_count_; ++i) {
    const MapRule& rule = maps_[i];
    const std::string_view from = text(rule.from, rule.from_length);
    const bool whole = from.size() == 1 || path.size() == from.size() ||
                       (path.size() > from.size() && path[from.size()] == '/');
    if (whole && starts_with(path, from) && (!best || rule.from_length > best->from_length)) best = &rule;
  }
  if (!best) return {};
  rest = path;
  rest.remove_prefix(best->from_length == 1 ? 0 : best->from_length);
  return text(best->to, best->to_length);
}

Side Rules::outgoing(Network network, const sockaddr* address, socklen_t length) const {
  if (network == Network::unix_socket) {
    sockaddr_un name{};
    constexpr std::size_t start = offsetof(sockaddr_un, sun_path);
    if (length <= start || length > sizeof name || address->sa_family != AF_UNIX) return Side::local;
    memcpy(&name, address, length);
    std::size_t size = length - start;
    if (name.sun_path[0] != 0)
      size = strnlen(name.sun_path, size);
    else
      name.sun_path[0] = '@';
    const std::string_view path(name.sun_path, size);
    for (std::uint32_t i = 0; i < address_count_; ++i)
      if (addresses_[i].network == network &&
          glob_match(text(addresses_[i].glob, addresses_[i].glob_length), path))
        return addresses_[i].side;
    return Side::local;
  }
  const Endpoint endpoint = endpoint_of(address, length);
  if (endpoint.family == 0) return Side::local;
  const bool here = is_this_host(endpoint);
  for (std::uint32_t i = 0; i < address_count_; ++i) {
    const AddressRule& rule = addresses_[i];
    if (rule.network != network || endpoint.port < rule.first_port || endpoint.port > rule.last_port)
      continue;
    if (rule.family != 0 && (rule.family != endpoint.family || !same_bits(rule.ip, endpoint.ip, rule.bits)))
      continue;
    if (here && rule.bits < (endpoint.family == 4 ? 8 : 128)) continue;
    return rule.side;
  }
  return Side::local;
}

Side Rules::incoming(std::uint16_t port) const {
  for (std::uint32_t i = 0; i < port_count_; ++i)
    if (ports_[i].first <= port && port <= ports_[i].last) return ports_[i].side;
  return Side::local;
}

Side Rules::dns(std::string_view name) const {
  for (std::uint32_t i = 0; i < name_count_; ++i)
    if (glob_match(text(names_[i].at, names_[i].length), name)) return names_[i].side;
  return Side::local;
}

}  // namespace inpod
