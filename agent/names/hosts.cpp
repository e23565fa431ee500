// See hosts.hpp.
#include "names/hosts.hpp"

#include <algorithm>
#include <charconv>

#include "names/literal.hpp"
#include "names/text.hpp"

namespace inpod::agent {

std::vector<HostLine> parse_hosts(std::string_view text) {
  std::vector<HostLine> result;
  for (std::string_view line; next_line(text, line);) {
    auto words = words_of(line, "#");
    if (words.size() < 2) continue;
    auto address = parse_literal(std::string(words[0]), LiteralForm::strict);
    if (!address) continue;
    HostLine host;
    host.address = *address;
    host.names.assign(words.begin() + 1, words.end());
    result.push_back(std::move(host));
  }
  return result;
}

bool parse_host_conf(std::string_view text) {
  bool multi = false;
  for (std::string_view line; next_line(text, line);) {
    const auto words = words_of(line, "#");
    if (words.size() >= 2 && words[0] == "multi") multi = words[1] == "on";
  }
  return multi;
}

std::vector<ServiceLine> parse_services(std::string_view text) {
  std::vector<ServiceLine> result;
  for (std::string_view line; next_line(text, line);) {
    auto words = words_of(line, "#");
    if (words.size() < 2) continue;
    ServiceLine service;
    auto [end, failure] = std::from_chars(words[1].data(), words[1].data() + words[1].size(), service.port);
    std::size_t digits = static_cast<std::size_t>(end - words[1].data());
    if (failure != std::errc() || words[1].substr(digits, 1) != "/") continue;
    service.name = words[0];
    service.protocol = words[1].substr(digits + 1);
    service.aliases.assign(words.begin() + 2, words.end());
    result.push_back(std::move(service));
  }
  return result;
}

std::vector<ServiceLine> common_services() {
  return parse_services(
      "ftp 21/tcp\nssh 22/tcp\ntelnet 23/tcp\nsmtp 25/tcp mail\ndomain 53/tcp\ndomain 53/udp\nhttp 80/tcp "
      "www\npop3 110/tcp\n"
      "ntp 123/udp\nimap2 143/tcp imap\nsnmp 161/udp\nldap 389/tcp\nhttps 443/tcp\nhttps 443/udp\nsyslog "
      "514/udp\n"
      "submission 587/tcp\nldaps 636/tcp\nimaps 993/tcp\npop3s 995/tcp\nmysql 3306/tcp\npostgresql 5432/tcp "
      "postgres\n"
      "amqp 5672/tcp\nredis 6379/tcp\nhttp-alt 8080/tcp webcache\n");
}

std::optional<std::uint16_t> service_port(const std::vector<ServiceLine>& services, std::string_view name,
                                          std::string_view protocol) {
  for (const ServiceLine& one : services) {
    if (one.protocol != protocol) continue;
    if (one.name == name || std::find(one.aliases.begin(), one.aliases.end(), name) != one.aliases.end())
      return one.port;
  }
  return std::nullopt;
}

std::optional<std::string> service_name(const std::vector<ServiceLine>& services, std::uint16_t port,
                                        std::string_view protocol) {
  for (const ServiceLine& one : services) {
    if (one.port == port && one.protocol == protocol) return one.name;
  }
  return std::nullopt;
}

}  // namespace inpod::agent
