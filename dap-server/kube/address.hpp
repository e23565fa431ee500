// The parts of an API server's URL. Pure; any thread.
#pragma once

#include <optional>
#include <string>

namespace inpod::kube {

struct ServerAddress {
  bool tls = true;
  std::string host;    ///< without brackets
  std::string port;    ///< always there
  std::string prefix;  ///< of every path ("/k8s/clusters/c-1"), or empty; no slash at the end
  bool default_port = false;
  bool has_user = false;  ///< the URL held a user name, which is dropped

  std::string bracketed_host() const { return host.find(':') == std::string::npos ? host : "[" + host + "]"; }
  std::string host_header() const { return default_port ? bracketed_host() : bracketed_host() + ":" + port; }
};

/// Nothing when it is no http or https URL with a host and a sane port.
std::optional<ServerAddress> parse_server(const std::string& url);

}  // namespace inpod::kube
