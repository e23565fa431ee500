// MemoryBudget: how near this process is to what its container may use, so that stealing stops before the
// kernel ends the agent.
#pragma once

#include <cstdint>
#include <string_view>

namespace inpod::agent {

class MemoryBudget {
 public:
  /// Reads the container's limit (cgroups(7), v1 or v2). 0: there is none, and memory is never short.
  MemoryBudget();
  explicit MemoryBudget(std::uint64_t bytes) : bytes_(bytes) {}
  std::uint64_t bytes() const { return bytes_; }
  /// Three quarters of the budget are in use. Reads one small file of /proc.
  bool is_short() const;

 private:
  std::uint64_t bytes_;
};

/// The number in a cgroup's file of a memory limit; 0 for "max", what no machine has, and any other text.
std::uint64_t parse_memory_limit(std::string_view text);

}  // namespace inpod::agent
