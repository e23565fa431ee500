// hosts(5), host.conf(5) and services(5) as glibc's "files" service understands them. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/messages.hpp"

namespace inpod::agent {

struct HostLine {
  protocol::SocketAddress address;
  std::vector<std::string> names;  ///< the first is the canonical one; never empty
};
std::vector<HostLine> parse_hosts(std::string_view text);

/// Whether it says "multi on".
bool parse_host_conf(std::string_view text);

struct ServiceLine {
  std::string name, protocol;
  std::uint16_t port = 0;
  std::vector<std::string> aliases;
};
std::vector<ServiceLine> parse_services(std::string_view text);
/// For pods whose image has no /etc/services: the few that programs ask for.
std::vector<ServiceLine> common_services();
std::optional<std::uint16_t> service_port(const std::vector<ServiceLine>& services, std::string_view name,
                                          std::string_view protocol);
std::optional<std::string> service_name(const std::vector<ServiceLine>& services, std::uint16_t port,
                                        std::string_view protocol);

}  // namespace inpod::agent
