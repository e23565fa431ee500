// Checks of single values: globs, networks, names, ports; and the near miss that an error suggests.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace inpod::config {

/// What is wrong with it, or nothing.
std::optional<std::string> glob_problem(const std::string& glob);
std::optional<std::string> path_glob_problem(const std::string& glob);
/// Of unix sockets: paths, or "@" and the name of an abstract one.
std::optional<std::string> unix_glob_problem(const std::string& glob);
/// may_be_below_home: a path of this machine, for which "~/" may stand too.
std::optional<std::string> path_prefix_problem(const std::string& prefix, bool may_be_below_home);
std::optional<std::string> network_problem(const std::string& network);
std::optional<std::string> variable_problem(const std::string& name);
/// Of what Kubernetes names by an RFC 1123 label: namespaces, containers.
std::optional<std::string> label_problem(const std::string& name);
/// Of what it names by an RFC 1123 subdomain, labels with dots between them: most objects.
std::optional<std::string> subdomain_problem(const std::string& name);

/// A decimal number of at most 10 digits, whole text.
std::optional<std::uint64_t> parse_number(const std::string& text);
/// 1 … 65535.
std::optional<std::uint16_t> parse_port(const std::string& text);

/// The candidate that was probably meant (at most a third of the letters differ), or nothing.
std::optional<std::string> nearest(const std::string& word, const std::vector<std::string>& candidates);

}  // namespace inpod::config
