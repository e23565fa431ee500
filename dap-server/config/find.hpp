// Finding a project's config file. What lies on the way up may be another user's (/tmp) or of a repository
// that was just cloned, so a file counts only where nobody else can change it (os/protected_path.hpp), and
// its bytes are read once, from the descriptor that was judged. Blocking file I/O; any thread.
#pragma once

#include <optional>
#include <string>

#include "protocol/result.hpp"

namespace inpod::config {

struct FoundFile {
  std::string path;     ///< without symbolic links
  std::string folder;   ///< of the file, or what holds its .inpod: where relative paths in it start
  std::string content;  ///< at most NodeBuilder::max_bytes + 1 bytes
};

struct Found {
  std::optional<FoundFile> file;
  /// Why the file that was found is not read, or which one beside it is not; empty: neither.
  std::string warning;
};

/// .inpod/config.yaml, .yml or .json of `directory` or the nearest directory above it. The search ends with
/// the home directory, a repository's root (.git, .hg, .jj, .svn) or a mount's root, and with a file that
/// others can change: it is not read, nor is one above it. It never looks above `trusted_folder` (empty:
/// none).
Result<Found> find_file(const std::string& directory, const std::string& trusted_folder = {});

/// Reads the file of this name, whoever can change it; a pipe will do.
Result<std::string> read_file(const std::string& path);
/// One that is found by `path` as find_file would; an error where others can change it.
Result<FoundFile> read_found(const std::string& path);

/// Whether `path` is `folder` or below it. Both absolute and without symbolic links.
bool is_within(const std::string& path, const std::string& folder);

}  // namespace inpod::config
