// Ranges: see ranges.hpp.
#include "relay/ranges.hpp"

#include <algorithm>

namespace inpod::relay {

void Ranges::add(Range range) {
  if (range.end <= range.begin) return;
  auto at = intervals_.upper_bound(range.begin);
  if (at != intervals_.begin() && std::prev(at)->second >= range.begin) --at;
  while (at != intervals_.end() && at->first <= range.end) {
    range = {std::min(range.begin, at->first), std::max(range.end, at->second)};
    total_ -= at->second - at->first;
    at = intervals_.erase(at);
  }
  intervals_.emplace(range.begin, range.end);
  total_ += range.size();
}

void Ranges::remove(Range range) {
  if (range.end <= range.begin) return;
  auto at = intervals_.upper_bound(range.begin);
  if (at != intervals_.begin() && std::prev(at)->second > range.begin) --at;
  while (at != intervals_.end() && at->first < range.end) {
    const Range old{at->first, at->second};
    total_ -= old.size();
    at = intervals_.erase(at);
    if (old.begin < range.begin)
      intervals_.emplace(old.begin, range.begin), total_ += range.begin - old.begin;
    if (old.end > range.end) intervals_.emplace(range.end, old.end), total_ += old.end - range.end;
  }
}

std::optional<Range> Ranges::around(std::uint64_t offset) const {
  auto at = intervals_.upper_bound(offset);
  if (at == intervals_.begin()) return std::nullopt;
  --at;
  if (at->second <= offset) return std::nullopt;
  return Range{at->first, at->second};
}

std::uint64_t Ranges::first_gap(std::uint64_t offset) const {
  const auto range = around(offset);
  return range ? range->end : offset;
}

std::optional<Range> Ranges::next(std::uint64_t offset) const {
  if (const auto range = around(offset)) return range;
  const auto at = intervals_.upper_bound(offset);
  if (at == intervals_.end()) return std::nullopt;
  return Range{at->first, at->second};
}

}  // namespace inpod::relay
