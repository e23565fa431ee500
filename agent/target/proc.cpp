// See proc.hpp.
#include "target/proc.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>

#include "protocol/unique_fd.hpp"

namespace inpod::agent {

Result<std::string> read_small_file(const std::string& path, std::size_t limit) {
  UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (!file) return fail_errno(path);
  auto content = read_small_file(file.get(), limit);
  if (!content) return Failed(content.error().context(path));
  return content;
}

Result<std::string> read_small_file(int fd, std::size_t limit) {
  std::string content;
  char piece[4096];
  while (content.size() < limit) {
    ssize_t count = ::read(fd, piece, std::min(sizeof piece, limit - content.size()));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return fail_errno("read");
    if (count == 0) break;
    content.append(piece, static_cast<std::size_t>(count));
  }
  return content;
}

}  // namespace inpod::agent
