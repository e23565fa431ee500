// Addresses of pod and node. See addresses.hpp; the formats are those of proc(5) and the kernel's fib_trie.
#include "incoming/addresses.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <sys/stat.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <vector>

#include "protocol/unique_fd.hpp"

namespace inpod::agent {
namespace {

constexpr auto refresh = std::chrono::milliseconds(500);
constexpr std::size_t largest_file = 1 << 20;

/// The file's text, or what could be read of it.
std::string read_file(const char* path) {
  const UniqueFd fd(::open(path, O_RDONLY | O_CLOEXEC));
  std::string text;
  char piece[4096];
  ssize_t got;
  while (text.size() < largest_file && (got = ::read(fd.get(), piece, sizeof piece)) > 0)
    text.append(piece, std::size_t(got));
  return text;
}

std::vector<std::string> words_of(std::string_view line) {
  constexpr std::string_view spaces = " \t";
  std::vector<std::string> words;
  for (std::size_t at; (at = line.find_first_not_of(spaces)) != std::string_view::npos;) {
    line.remove_prefix(at);
    const auto word = line.substr(0, line.find_first_of(spaces));
    words.emplace_back(word);
    line.remove_prefix(word.size());
  }
  return words;
}

template <class Each>
void each_line(std::string_view text, Each each) {
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    each(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
}

std::optional<IpAddress> ipv6_from_hex(const std::string& hex) {
  IpAddress ip{};
  if (hex.size() != 2 * ip.size()) return std::nullopt;
  for (std::size_t i = 0; i < ip.size(); ++i) {
    const char* at = hex.data() + 2 * i;
    if (std::from_chars(at, at + 2, ip[i], 16).ptr != at + 2) return std::nullopt;
  }
  return ip;
}

std::optional<IpAddress> ipv4_from_text(const std::string& text) {
  std::array<std::uint8_t, 4> bytes;
  if (inet_pton(AF_INET, text.c_str(), bytes.data()) != 1) return std::nullopt;
  return mapped_ipv4(bytes);
}

bool is_loopback(const IpAddress& ip) {
  return is_ipv4(ip) ? ip[12] == 127 : ip == IpAddress{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
}

bool same_namespace(const char* a, const char* b) {
  struct stat first {
  }, second{};
  return ::stat(a, &first) == 0 && ::stat(b, &second) == 0 && first.st_ino == second.st_ino &&
         first.st_dev == second.st_dev;
}

}  // namespace

bool LocalAddresses::contains(const IpAddress& ip) {
  if (is_loopback(ip) || known_.contains(ip)) return true;
  const auto now = std::chrono::steady_clock::now();
  if (now - read_ < refresh) return false;
  read_ = now;
  known_.clear();
  ifaddrs* list = nullptr;
  if (::getifaddrs(&list) != 0) return false;
  for (const auto* one = list; one != nullptr; one = one->ifa_next)
    if (one->ifa_addr != nullptr &&
        (one->ifa_addr->sa_family == AF_INET || one->ifa_addr->sa_family == AF_INET6))
      known_.insert(endpoint_of(one->ifa_addr).ip);
  ::freeifaddrs(list);
  return known_.contains(ip);
}

void add_ipv4_gateways(std::string_view route, std::set<IpAddress>& found) {
  each_line(route, [&](std::string_view line) {
    const auto words =
        words_of(line);  // interface, destination, gateway, …: hexadecimal as on a little-endian host
    if (words.size() < 8 || words[1] != "00000000" || words[7] != "00000000") return;
    std::uint32_t gateway = 0;
    const auto& hex = words[2];
    if (std::from_chars(hex.data(), hex.data() + hex.size(), gateway, 16).ptr != hex.data() + hex.size() ||
        gateway == 0)
      return;
    std::array<std::uint8_t, 4> bytes;
    memcpy(bytes.data(), &gateway, bytes.size());
    found.insert(mapped_ipv4(bytes));
  });
}

void add_ipv6_gateways(std::string_view ipv6_route, std::set<IpAddress>& found) {
  each_line(ipv6_route, [&](std::string_view line) {
    const auto words =
        words_of(line);  // destination, its prefix length, source, its prefix length, next hop, …
    if (words.size() < 5 || words[1] != "00") return;
    const auto gateway = ipv6_from_hex(words[4]);
    if (gateway && *gateway != IpAddress{}) found.insert(*gateway);
  });
}

void add_ipv4_locals(std::string_view fib_trie, std::set<IpAddress>& found) {
  std::string last;
  each_line(fib_trie, [&](std::string_view line) {
    const auto words = words_of(line);
    if (words.size() == 2 && words[0] == "|--") last = words[1];
    if (words.size() < 3 || words[0] != "/32" || words[1] != "host" || words[2] != "LOCAL") return;
    if (const auto ip = ipv4_from_text(last); ip && !is_loopback(*ip)) found.insert(*ip);
  });
}

void add_ipv6_locals(std::string_view if_inet6, std::set<IpAddress>& found) {
  each_line(if_inet6, [&](std::string_view line) {
    const auto words = words_of(line);
    if (words.empty()) return;
    if (const auto ip = ipv6_from_hex(words[0]); ip && !is_loopback(*ip)) found.insert(*ip);
  });
}

std::set<IpAddress> node_addresses() {
  std::set<IpAddress> found;
  add_ipv4_gateways(read_file("/proc/thread-self/net/route"), found);
  add_ipv6_gateways(read_file("/proc/thread-self/net/ipv6_route"), found);
  if (!same_namespace("/proc/1/ns/net", "/proc/thread-self/ns/net")) {
    add_ipv4_locals(read_file("/proc/1/net/fib_trie"), found);
    add_ipv6_locals(read_file("/proc/1/net/if_inet6"), found);
  }
  return found;
}

}  // namespace inpod::agent
