// The key table: every key of the config, once. Parsing, validation, command-line flags, the JSON schema and
// docs/config.md all come from it; a new key is one row in keys.cpp and one field in config.hpp.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <variant>

#include "config/config.hpp"

namespace inpod::config {

/// Where a key's value lives in a Config; the type of the pointer is the type of the key.
using Field = std::variant<std::string*, bool*, std::uint32_t*, protocol::IncomingMode*,
                           std::vector<std::string>*, std::vector<std::uint16_t>*,
                           std::map<std::string, std::string>*, std::map<std::uint16_t, std::uint16_t>*>;

/// What is checked beyond the type.
enum class Check {
  none,
  choice,     ///< one of `choices`
  range,      ///< minimum … maximum
  path,       ///< a path of this machine; "~/" in front is the home directory
  path_glob,  ///< globs that match whole absolute paths: start with / or **
  unix_glob,  ///< the same, and "@" in front of globs of abstract unix sockets' names
  name_glob,  ///< globs of names
  prefix,     ///< a map of absolute path prefixes
  network,    ///< CIDR[:PORT[-PORT]]
  variable,   ///< names of environment variables
  label,      ///< a name as Kubernetes takes it for namespaces; empty: none is given
};

/// Finds a key's value in a Config.
struct Access {
  Field (*find)(Config&);
  /// The values (`any_value`: all) that a found file sets only with the user's yes, `inpod trust`: with them
  /// it gets more than a program that the user runs anyway, or reaches past that program.
  std::vector<std::string> rights = {};
  Field operator()(Config& config) const { return find(config); }
};
constexpr const char* any_value = "*";

struct Key {
  std::string name;  ///< "agent.lease_seconds"
  Access field;
  std::string help;     ///< one or more sentences, Markdown
  std::string example;  ///< as YAML, in flow style
  Check check = Check::none;
  std::vector<std::string> choices = {};
  std::uint32_t minimum = 0, maximum = 0;
};

std::span<const Key> keys();
/// The row of a dotted name, or nullptr.
const Key* find_key(const std::string& name);

/// "text", "true or false", "a list of text", …: for errors and docs.
std::string expected_type(const Key& key);

}  // namespace inpod::config
