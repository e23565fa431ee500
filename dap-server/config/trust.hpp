// The user's yes to config files: which file, by its path without symbolic links, with which contents. Kept
// in ${XDG_STATE_HOME:-~/.local/state}/inpod/trust, one file for each, written whole and renamed into place,
// so concurrent writers need no lock: the last one counts. A store that others can change is an error.
// Blocking file I/O; any thread.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "protocol/result.hpp"

namespace inpod::config {

enum class Trust { none, changed, given };

struct TrustedFile {
  std::string path, digest;
  std::string since;  ///< RFC 3339, UTC
};

/// `digest`: digest_of what is about to be used. `changed`: the yes was for other contents.
Result<Trust> trust_in(const std::string& path, const std::string& digest);
Result<void> give_trust(const std::string& path, const std::string& digest);
/// False: there was none.
Result<bool> revoke_trust(const std::string& path);
Result<std::vector<TrustedFile>> trusted_files();

/// SHA-256, in hexadecimal, of `content` and of the files (with their names) that it hands out rights to.
Result<std::string> digest_of(const std::string& content, const std::vector<std::string>& files);

/// A path as it can be typed or pasted into a shell: a folder may be called $(reboot).
std::string shell_word(const std::string& path);

}  // namespace inpod::config
