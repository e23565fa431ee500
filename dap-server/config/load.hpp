// Loading a Config: file, then launch.json's "cluster", then flags; what comes later wins. Scalars and lists
// replace what stood there, maps are merged key by key.
//
// Every error names the place (file:line), the key, what was expected and what stands there; an unknown key
// comes with the key that was probably meant. Blocking file I/O; any thread.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "config/config.hpp"

namespace inpod::config {

/// .inpod/config.yaml, .yml or .json of `directory` or the nearest directory above it; nothing if there is
/// none.
std::optional<std::string> find_file(const std::string& directory);

/// Reads a config file into `config`; JSON if its name ends in .json, else YAML. On error `config` is left as
/// it was.
Result<void> load_file(const std::string& path, Config& config);

/// Applies an object that was parsed elsewhere. origin: what errors call it, such as "launch.json: cluster".
Result<void> apply_json(const nlohmann::json& object, const std::string& origin, Config& config);

/// Applies one flag. name: dotted key; values: as given (lists: each one item; maps: each KEY=VALUE).
Result<void> apply_flag(const std::string& name, const std::vector<std::string>& values,
                        const std::string& origin, Config& config);

/// JSON schema (draft-07) of the config file.
nlohmann::ordered_json schema();
/// JSON schema (draft-07) of launch.json's attributes of ours: {"cluster": {…}}.
nlohmann::ordered_json launch_schema();
/// docs/config.md.
std::string markdown();

}  // namespace inpod::config
