// See memory.hpp.
#include "incoming/memory.hpp"

#include <fcntl.h>
#include <malloc.h>
#include <unistd.h>

#include <charconv>
#include <string>

#include "protocol/unique_fd.hpp"

namespace inpod::agent {
namespace {

constexpr std::uint64_t no_limit = 1ull << 50;  // v1 says "none" by a number near 2^63

std::string first_bytes(const char* path) {
  const UniqueFd file(::open(path, O_RDONLY | O_CLOEXEC));
  char text[128];
  const auto size = file ? ::read(file.get(), text, sizeof text) : 0;
  return {text, size > 0 ? static_cast<std::size_t>(size) : 0};
}

/// Resident pages, the second number of /proc/self/statm.
std::uint64_t resident_bytes() {
  const auto text = first_bytes("/proc/self/statm");
  const auto space = text.find(' ');
  std::uint64_t pages = 0;
  if (space != text.npos) std::from_chars(text.data() + space + 1, text.data() + text.size(), pages);
  return pages * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

}  // namespace

std::uint64_t parse_memory_limit(std::string_view text) {
  std::uint64_t limit = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), limit);
  return error == std::errc{} && limit < no_limit ? limit : 0;
}

MemoryBudget::MemoryBudget() : bytes_(0) {
  for (const char* path : {"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"})
    if (const auto limit = parse_memory_limit(first_bytes(path)); limit != 0) bytes_ = limit;
}

bool MemoryBudget::is_short() const {
  const auto most = bytes_ / 4 * 3;
  if (bytes_ == 0 || resident_bytes() < most) return false;
  ::malloc_trim(0);  // what was freed may still be counted
  return resident_bytes() >= most;
}

}  // namespace inpod::agent
