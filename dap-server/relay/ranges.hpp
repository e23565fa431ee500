// Ranges: a set of bytes as disjoint, merged, half-open intervals: which parts of a file a memfd holds.
#pragma once

#include <cstdint>
#include <map>
#include <optional>

namespace inpod::relay {

struct Range {
  std::uint64_t begin = 0, end = 0;
  std::uint64_t size() const { return end - begin; }
  bool operator==(const Range&) const = default;
};

class Ranges {
 public:
  void add(Range range);
  void remove(Range range);
  void clear() { intervals_.clear(), total_ = 0; }
  bool contains(Range range) const { return range.end <= range.begin || first_gap(range.begin) >= range.end; }
  /// The interval that holds `offset`.
  std::optional<Range> around(std::uint64_t offset) const;
  /// The first offset at or after `offset` that is not in the set.
  std::uint64_t first_gap(std::uint64_t offset) const;
  /// The first interval that ends after `offset`.
  std::optional<Range> next(std::uint64_t offset) const;
  /// Bytes in the set.
  std::uint64_t total() const { return total_; }

 private:
  std::map<std::uint64_t, std::uint64_t> intervals_;  // begin → end
  std::uint64_t total_ = 0;
};

}  // namespace inpod::relay
