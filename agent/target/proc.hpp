// Reads small files of /proc and the target's root as a whole, with a bound.
#pragma once

#include <string>

#include "protocol/result.hpp"

namespace inpod::agent {

/// The file's content, at most `limit` bytes of it (no error when there is more). Never waits on a FIFO.
Result<std::string> read_small_file(const std::string& path, std::size_t limit = 1 << 20);
/// The same of an open file, from where it stands.
Result<std::string> read_small_file(int fd, std::size_t limit = 1 << 20);

}  // namespace inpod::agent
