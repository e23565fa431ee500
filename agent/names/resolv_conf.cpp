// See resolv_conf.hpp. The bounds are glibc's (MAXNS, RES_MAXNDOTS, RES_MAXRETRANS, RES_MAXRETRY).
#include "names/resolv_conf.hpp"

#include <algorithm>
#include <charconv>

#include "names/literal.hpp"
#include "names/text.hpp"

namespace inpod::agent {
namespace {

constexpr std::size_t max_servers = 3;
constexpr std::uint16_t dns_port = 53;

bool number_option(std::string_view word, std::string_view name, int most, int& value) {
  if (word.substr(0, name.size()) != name) return false;
  word.remove_prefix(name.size());
  int given = 0;
  if (std::from_chars(word.data(), word.data() + word.size(), given).ec == std::errc() && given >= 0)
    value = std::min(given, most);
  return true;
}

void read_option(std::string_view word, ResolvConf& result) {
  int seconds = static_cast<int>(result.timeout.count());
  if (number_option(word, "ndots:", 15, result.dots) || number_option(word, "attempts:", 5, result.attempts))
    return;
  if (number_option(word, "timeout:", 30, seconds)) result.timeout = std::chrono::seconds(seconds);
  result.rotate |= word == "rotate";
  result.use_tcp |= word == "use-vc";
  result.no_ipv6 |= word == "no-aaaa";
}

}  // namespace

ResolvConf parse_resolv_conf(std::string_view text, std::string_view hostname) {
  ResolvConf result;
  bool searching = false;
  for (std::string_view line; next_line(text, line);) {
    if (line.substr(0, 1) == "#" || line.substr(0, 1) == ";") continue;
    auto words = words_of(line, "");
    if (words.size() < 2) continue;
    if (words[0] == "nameserver" && result.servers.size() < max_servers) {
      if (auto server = parse_literal(std::string(words[1]), LiteralForm::loose);
          server && server->family != protocol::AddressFamily::none) {
        server->port = dns_port;
        result.servers.push_back(std::move(*server));
      }
    } else if (words[0] == "search" || words[0] == "domain") {  // the last one counts
      searching = true;
      std::size_t count = words[0] == "domain" ? 2 : words.size();
      result.search.assign(words.begin() + 1, words.begin() + static_cast<std::ptrdiff_t>(count));
    } else if (words[0] == "options") {
      for (std::size_t i = 1; i < words.size(); ++i) read_option(words[i], result);
    }
  }
  if (std::size_t dot = hostname.find('.'); !searching && dot != hostname.npos && dot + 1 < hostname.size())
    result.search.emplace_back(hostname.substr(dot + 1));
  if (result.servers.empty()) {
    result.servers.push_back(*parse_literal("127.0.0.1", LiteralForm::strict));
    result.servers[0].port = dns_port;
  }
  result.attempts = std::max(result.attempts, 1);
  result.timeout = std::max(result.timeout, std::chrono::seconds(1));
  return result;
}

std::vector<std::string> names_to_try(const ResolvConf& configuration, const std::string& name) {
  if (!name.empty() && name.back() == '.') return {name};
  auto dots = std::count(name.begin(), name.end(), '.');
  bool as_it_is_first = dots >= configuration.dots;
  std::vector<std::string> result;
  if (as_it_is_first) result.push_back(name);
  for (const std::string& domain : configuration.search)
    result.push_back(domain == "." ? name : name + "." + domain);
  if (!as_it_is_first) result.push_back(name);
  return result;
}

}  // namespace inpod::agent
