// Applying a parsed document to a Config by the key table. Internal to config/.
#pragma once

#include <string>
#include <vector>

#include "config/keys.hpp"
#include "config/node.hpp"

namespace inpod::config {

/// A key that a document sets.
struct SetKey {
  const Key* key = nullptr;
  std::string value;  ///< as to_line gives it
  std::string path;   ///< of a key with Check::path: the file that it names
  bool needs_trust = false;
};

/// All of it or, on error, nothing. folder: what relative paths in the document start from; empty: this
/// process's directory.
Result<std::vector<SetKey>> apply(const Node& node, const std::string& origin, const std::string& folder,
                                  Config& config);

}  // namespace inpod::config
