// Times of files as the protocol has them: nanoseconds since the epoch.
#pragma once

#include <cstdint>

#include "protocol/messages.hpp"

namespace inpod::agent {

/// Times before 1677 and after 2262 don't fit, and become the first or the last that does. The two lowest
/// numbers mean something else (protocol::time_stays, time_is_now), and are no times.
inline std::int64_t nanoseconds(std::int64_t seconds, std::uint32_t rest) {
  constexpr std::int64_t second = 1'000'000'000, first = INT64_MIN + 2;
  static_assert(protocol::time_stays < first && protocol::time_is_now < first);
  std::int64_t sum;
  const bool fits = !__builtin_mul_overflow(seconds, second, &sum) &&
                    !__builtin_add_overflow(sum, std::int64_t{rest}, &sum);
  if (!fits) return seconds < 0 ? first : INT64_MAX;
  return sum < first ? first : sum;
}

}  // namespace inpod::agent
