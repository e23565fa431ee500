// The flags from which every command that needs a session takes its Config: -t, -n, -f, --steal … and one
// long flag for each key of the config's table.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "config/config.hpp"
#include "config/load.hpp"
#include "protocol/result.hpp"

namespace inpod::cli {

class ConfigOptions {
 public:
  /// Flags that say which cluster and namespace.
  void add_cluster(CLI::App& command);
  /// Those, the target, and all keys.
  void add_session(CLI::App& command);
  /// Told what became of the config file, before flags are applied.
  using OnFile = std::function<void(const config::FileReport&)>;
  /// File (-f, or found upward from the current directory), then flags.
  Result<Config> load(const OnFile& on_file = {}) const;
  /// The same, and a target must be there.
  Result<Config> load_with_target(const OnFile& on_file = {}) const;

 private:
  void add_key(CLI::App& command, const std::string& key, const std::string& flags, const std::string& help);

  std::string file_, trusted_folder_;
  std::map<std::string, std::vector<std::string>> values_;  // by dotted key
  std::map<std::string, std::string> switches_;             // boolean keys: "true", "false"
  bool steal_ = false, mirror_ = false;
};

/// The flag by which an editor says that its user trusts a folder: what is found there needs no other yes,
/// and nothing above it is looked at.
void add_trusted_folder(CLI::App& command, std::string& folder);

}  // namespace inpod::cli
