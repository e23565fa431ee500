// Checks of single values.
#include "config/check.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <numeric>

namespace inpod::config {
namespace {

/// Length of the bracket expression at `at` ("[a-z]", "[!]x]"), or 0 if it never closes.
std::size_t bracket_length(const std::string& glob, std::size_t at) {
  std::size_t end = at + 1;
  if (end < glob.size() && (glob[end] == '!' || glob[end] == '^')) ++end;
  if (end < glob.size() && glob[end] == ']') ++end;
  while (end < glob.size() && glob[end] != ']' && glob[end] != '/') ++end;
  return end < glob.size() && glob[end] == ']' ? end + 1 - at : 0;
}

/// "~" and "~/…": the relay, which knows the home, puts it there.
bool is_below_home(const std::string& path) {
  return path == "~" || path.rfind("~/", 0) == 0;
}

std::optional<std::string> ports_problem(const std::string& ports) {
  const auto dash = ports.find('-');
  const auto first = parse_port(ports.substr(0, dash));
  const auto last = dash == std::string::npos ? first : parse_port(ports.substr(dash + 1));
  if (!first || !last) return "a port is a number from 1 to 65535";
  if (*first > *last) return "the port range ends before it starts";
  return std::nullopt;
}

/// Splits "ADDRESS[/BITS][:PORTS]" and "[V6[/BITS]]:PORTS" or "V6[/BITS]".
void split_network(const std::string& text, std::string& address, std::string& ports) {
  address = text;
  if (!text.empty() && text[0] == '[') {
    const auto end = text.find(']');
    if (end == std::string::npos) return;
    address = text.substr(1, end - 1);
    if (end + 1 < text.size()) {
      if (text[end + 1] == '/') {  // "[::1]/64:80"
        const auto colon = text.find(':', end);
        address += text.substr(end + 1, colon == std::string::npos ? colon : colon - end - 1);
        if (colon != std::string::npos) ports = text.substr(colon + 1);
      } else {
        ports = text.substr(end + 2);
      }
    }
  } else if (std::count(text.begin(), text.end(), ':') == 1) {
    address = text.substr(0, text.find(':'));
    ports = text.substr(text.find(':') + 1);
  }
}

}  // namespace

std::optional<std::string> glob_problem(const std::string& glob) {
  if (glob.empty()) return "it is empty";
  for (std::size_t i = 0; i < glob.size(); ++i) {
    if (glob[i] == '\n' || glob[i] == '\0') return "it holds a line break or a NUL";
    if (glob[i] == '\\' && ++i == glob.size()) return "it ends in a lone backslash";
    if (glob[i] == '[') {
      const auto length = bracket_length(glob, i);
      if (length == 0) return "a \"[\" is never closed";
      i += length - 1;
    }
  }
  return std::nullopt;
}

std::optional<std::string> path_glob_problem(const std::string& glob) {
  if (auto problem = glob_problem(glob)) return problem;
  if (glob[0] != '/' && glob.rfind("**", 0) != 0 && !is_below_home(glob))
    return "it matches whole paths, so it must start with \"/\", \"~/\" or \"**\"";
  return std::nullopt;
}

std::optional<std::string> unix_glob_problem(const std::string& glob) {
  if (!glob.empty() && glob[0] == '@') return glob_problem(glob);
  return path_glob_problem(glob);
}

std::optional<std::string> path_prefix_problem(const std::string& prefix, bool may_be_below_home) {
  const bool below_home = may_be_below_home && is_below_home(prefix);
  if (!below_home && (prefix.empty() || prefix[0] != '/')) return "it must be an absolute path";
  if (prefix.find_first_of(std::string_view("\n\0 ", 3)) != std::string::npos)
    return "it holds a space, a line break or a NUL";
  return std::nullopt;
}

std::optional<std::string> network_problem(const std::string& network) {
  std::string address, ports;
  split_network(network, address, ports);
  std::string bits;
  if (const auto slash = address.find('/'); slash != std::string::npos) {
    bits = address.substr(slash + 1);
    address.resize(slash);
    if (bits.empty()) return "a number of bits must follow the \"/\"";
  }
  unsigned char binary[16];
  const bool v4 = inet_pton(AF_INET, address.c_str(), binary) == 1;
  if (!v4 && inet_pton(AF_INET6, address.c_str(), binary) != 1) return "\"" + address + "\" is no IP address";
  if (!bits.empty()) {
    const auto count = parse_number(bits);
    if (!count || *count > (v4 ? 32U : 128U))
      return "\"/" + bits + "\" is no prefix length of this kind of address";
  }
  if (!ports.empty()) return ports_problem(ports);
  if (network.back() == ':' && v4) return "a port must follow the \":\"";
  return std::nullopt;
}

std::optional<std::string> variable_problem(const std::string& name) {
  if (name.empty()) return "it is empty";
  if (name.find_first_of(std::string_view("=\0", 2)) != std::string::npos) return "it holds a \"=\" or a NUL";
  return std::nullopt;
}

namespace {

/// Of Kubernetes's names, at their ends.
bool is_label_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

}  // namespace

std::optional<std::string> label_problem(const std::string& name) {
  constexpr std::size_t longest = 63;
  const bool plain =
      !name.empty() && name.size() <= longest && is_label_letter(name.front()) &&
      is_label_letter(name.back()) &&
      std::all_of(name.begin(), name.end(), [](char c) { return is_label_letter(c) || c == '-'; });
  if (plain) return std::nullopt;
  return "Kubernetes takes no such name: 1 to 63 of a-z, 0-9 and \"-\", no \"-\" first or last (RFC 1123)";
}

std::optional<std::string> subdomain_problem(const std::string& name) {
  constexpr std::size_t longest = 253;
  bool plain = name.size() <= longest;
  for (std::size_t at = 0; plain && at <= name.size();) {
    const auto end = std::min(name.find('.', at), name.size());
    const auto part = name.substr(at, end - at);
    plain = !part.empty() && is_label_letter(part.front()) && is_label_letter(part.back()) &&
            std::all_of(part.begin(), part.end(), [](char c) { return is_label_letter(c) || c == '-'; });
    at = end + 1;
  }
  if (plain) return std::nullopt;
  return "Kubernetes takes no such name: 1 to 253 of a-z, 0-9, \"-\" and \".\", a letter or digit first and "
         "last and beside each \".\" (RFC 1123)";
}

std::optional<std::uint64_t> parse_number(const std::string& text) {
  if (text.empty() || text.size() > 10) return std::nullopt;
  std::uint64_t value = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    value = value * 10 + static_cast<std::uint64_t>(c - '0');
  }
  return value;
}

std::optional<std::uint16_t> parse_port(const std::string& text) {
  const auto value = parse_number(text);
  if (!value || *value == 0 || *value > 65535) return std::nullopt;
  return static_cast<std::uint16_t>(*value);
}

std::optional<std::string> nearest(const std::string& word, const std::vector<std::string>& candidates) {
  if (word.size() > 64) return std::nullopt;
  std::optional<std::string> best;
  std::size_t best_distance = word.size() / 3 + 2;  // exclusive
  for (const auto& candidate : candidates) {
    // Levenshtein distance, one row at a time.
    std::vector<std::size_t> row(candidate.size() + 1);
    std::iota(row.begin(), row.end(), 0);
    for (std::size_t i = 0; i < word.size(); ++i) {
      std::size_t diagonal = row[0];
      row[0] = i + 1;
      for (std::size_t j = 0; j < candidate.size(); ++j) {
        const std::size_t change = diagonal + (word[i] == candidate[j] ? 0 : 1);
        diagonal = row[j + 1];
        row[j + 1] = std::min({row[j] + 1, row[j + 1] + 1, change});
      }
    }
    if (row.back() < best_distance) {
      best_distance = row.back();
      best = candidate;
    }
  }
  return best;
}

}  // namespace inpod::config
