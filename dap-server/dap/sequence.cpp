// See sequence.hpp.
#include "dap/sequence.hpp"

#include <charconv>

namespace inpod::dap {

std::int64_t Sequence::open(Open request) {
  const std::int64_t number = next();
  open_.emplace(number, std::move(request));
  if (open_.size() > max_open) open_.erase(open_.begin());
  return number;
}

std::optional<Sequence::Open> Sequence::close(std::string_view number) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), value);
  if (error != std::errc() || end != number.data() + number.size()) return std::nullopt;
  auto node = open_.extract(value);
  return node.empty() ? std::nullopt : std::optional(std::move(node.mapped()));
}

std::optional<std::int64_t> Sequence::find(std::string_view origin) const {
  for (const auto& [number, request] : open_)
    if (!origin.empty() && request.origin == origin) return number;
  return std::nullopt;
}

std::vector<Sequence::Open> Sequence::close_all() {
  std::vector<Open> all;
  for (auto& [number, request] : open_) all.push_back(std::move(request));
  open_.clear();
  return all;
}

}  // namespace inpod::dap
