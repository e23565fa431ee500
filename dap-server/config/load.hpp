// Loading a Config: file, then launch.json's "cluster", then flags; what comes later wins. Scalars and lists
// replace what stood there, maps are merged key by key.
//
// Every error names the place (file:line), the key, what was expected and what stands there; an unknown key
// comes with the key that was probably meant. Blocking file I/O; any thread.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "config/config.hpp"
#include "config/find.hpp"

namespace inpod::config {

/// What became of the config file, for the lines that every start shows.
struct FileReport {
  std::string file;               ///< the one that was read; empty: none
  std::vector<std::string> keys;  ///< that it sets, in its order; values may be secrets
  std::string warning;            ///< a file that was not read, or that others can change; empty: none

  /// "config file FILE sets target, incoming.mode", or "" without a file.
  std::string line() const;
};

/// A found file that asks for rights (Access::rights).
struct AskedRights {
  std::string file;                ///< without symbolic links
  std::string digest;              ///< of its contents, and of files of its project that it hands rights to
  std::vector<std::string> asked;  ///< "KEY: VALUE" for each right, fit for a terminal; may be empty
};

/// Finds the config file of `directory` (find.hpp) and reads it into `config`; a report without a file if
/// there is none. A file that asks for rights without having the user's yes (trust.hpp) is an error, which
/// lists them; `trusted_folder` has it for all that lies there. Relative paths in the file start from the
/// folder that holds .inpod. On error `config` is left as it was.
Result<FileReport> load_found(const std::string& directory, const std::string& trusted_folder,
                              Config& config);

/// What such a file asks for.
Result<AskedRights> rights_of(const FoundFile& file);

/// Reads a file that the user has named into `config`, rights and all, also where others can change it: a
/// warning says so. JSON if its name ends in .json, else YAML. On error `config` is left as it was.
Result<FileReport> load_file(const std::string& path, Config& config);

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
