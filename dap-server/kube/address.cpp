// A URL parser for servers only: scheme, host, port, prefix; user names in it are dropped.
#include "kube/address.hpp"

#include "config/check.hpp"

namespace inpod::kube {

std::optional<ServerAddress> parse_server(const std::string& url) {
  ServerAddress address;
  std::size_t at = 0;
  if (url.rfind("https://", 0) == 0) {
    at = 8;
  } else if (url.rfind("http://", 0) == 0) {
    at = 7, address.tls = false;
  } else {
    return std::nullopt;
  }
  const auto slash = std::min(url.find('/', at), url.size());
  auto authority = url.substr(at, slash - at);
  if (const auto user = authority.rfind('@'); user != std::string::npos) {
    address.has_user = true;
    authority.erase(0, user + 1);
  }
  address.prefix = url.substr(slash);
  while (!address.prefix.empty() && address.prefix.back() == '/') address.prefix.pop_back();

  std::string rest;
  if (!authority.empty() && authority[0] == '[') {
    const auto end = authority.find(']');
    if (end == std::string::npos) return std::nullopt;
    address.host = authority.substr(1, end - 1), rest = authority.substr(end + 1);
  } else {
    const auto colon = std::min(authority.find(':'), authority.size());
    address.host = authority.substr(0, colon), rest = authority.substr(colon);
  }
  if (address.host.empty() || (!rest.empty() && rest[0] != ':')) return std::nullopt;
  address.default_port = rest.empty();
  address.port = rest.empty() ? (address.tls ? "443" : "80") : rest.substr(1);
  if (!config::parse_port(address.port)) return std::nullopt;
  return address;
}

}  // namespace inpod::kube
