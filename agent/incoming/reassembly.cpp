// Reassembly of one direction of a connection. See reassembly.hpp.
#include "incoming/reassembly.hpp"

#include <algorithm>
#include <iterator>

namespace inpod::agent {
namespace {

// What a waiting piece costs beside its bytes: many tiny pieces must not escape the limit.
constexpr std::size_t piece_cost = 96;

}  // namespace

std::int64_t Reassembler::offset(std::uint32_t sequence) const {
  return next_ + std::int32_t(sequence - std::uint32_t(next_));
}

bool Reassembler::plausible(std::uint32_t sequence) const {
  const std::int64_t ahead = offset(sequence) - next_;
  return ahead >= 0 && ahead < (1 << 30);
}

void Reassembler::deliver(std::int64_t at, std::span<const std::uint8_t> payload, protocol::Bytes& out) {
  // In order: but bytes that wait already came first, so up to each of them only.
  std::int64_t end = at + std::int64_t(payload.size());
  while (next_ < end) {
    const std::int64_t stop = waiting_.empty() ? end : std::min(end, waiting_.begin()->first);
    const auto part = payload.subspan(std::size_t(next_ - at), std::size_t(stop - next_));
    out.insert(out.end(), part.begin(), part.end());
    next_ = stop;
    drain(out);
  }
}

void Reassembler::drain(protocol::Bytes& out) {
  while (!waiting_.empty() && waiting_.begin()->first == next_) {
    const auto& bytes = waiting_.begin()->second;
    out.insert(out.end(), bytes.begin(), bytes.end());
    next_ += std::int64_t(bytes.size());
    held_ -= bytes.size() + piece_cost;
    waiting_.erase(waiting_.begin());
  }
}

bool Reassembler::keep(std::int64_t at, std::span<const std::uint8_t> payload) {
  const std::int64_t end = at + std::int64_t(payload.size());
  auto after = waiting_.upper_bound(at);
  std::int64_t from = at;
  if (after != waiting_.begin()) {
    const auto& [start, bytes] = *std::prev(after);
    from = std::max(from, start + std::int64_t(bytes.size()));
  }
  while (from < end) {
    const std::int64_t stop = after == waiting_.end() ? end : std::min(end, after->first);
    if (from < stop) {
      const auto part = payload.subspan(std::size_t(from - at), std::size_t(stop - from));
      if (held_ + part.size() + piece_cost > limit_) return false;
      held_ += part.size() + piece_cost;
      waiting_.emplace_hint(after, from, protocol::Bytes(part.begin(), part.end()));
    }
    if (after == waiting_.end()) break;
    from = std::max(from, after->first + std::int64_t(after->second.size()));
    ++after;
  }
  return true;
}

Reassembler::State Reassembler::add(std::uint32_t sequence, std::span<const std::uint8_t> payload, bool fin,
                                    protocol::Bytes& out) {
  if (state_ != State::open) return state_;
  const std::int64_t at = offset(sequence);
  if (fin && fin_ < 0 && at + std::int64_t(payload.size()) >= next_) fin_ = at + std::int64_t(payload.size());
  std::int64_t end = at + std::int64_t(payload.size());
  if (fin_ >= 0) end = std::min(end, fin_);  // nothing counts behind a FIN
  if (end > next_) {
    const std::int64_t from = std::max(at, next_);
    const auto fresh = payload.subspan(std::size_t(from - at), std::size_t(end - from));
    if (from == next_) {
      deliver(from, fresh, out);
    } else if (!keep(from, fresh)) {
      return state_ = State::gap;
    }
  }
  // A FIN whose place lies before bytes that were already delivered is a contradiction: treat it as reached.
  if (fin_ >= 0 && next_ >= fin_) state_ = State::finished;
  return state_;
}

Reassembler::State Reassembler::acknowledged(std::uint32_t acknowledgement) {
  if (state_ == State::open && offset(acknowledgement) > next_) state_ = State::gap;
  return state_;
}

}  // namespace inpod::agent
