// resolv.conf(5) as glibc understands it. Pure.
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/messages.hpp"

namespace inpod::agent {

struct ResolvConf {
  std::vector<protocol::SocketAddress> servers;  ///< at most 3, never empty: 127.0.0.1 where none is named
  std::vector<std::string> search;
  int dots = 1;  ///< option ndots
  std::chrono::seconds timeout{5};
  int attempts = 2;
  bool rotate = false, use_tcp = false, no_ipv6 = false;  // options rotate, use-vc, no-aaaa
};

/// hostname: its domain is searched where neither "search" nor "domain" stands in the text.
ResolvConf parse_resolv_conf(std::string_view text, std::string_view hostname);
/// The names to ask for, in order, for what a program wants to resolve (resolv.conf(5), search and ndots).
std::vector<std::string> names_to_try(const ResolvConf& configuration, const std::string& name);

}  // namespace inpod::agent
