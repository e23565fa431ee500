// Times of files: nanoseconds since the epoch, as the relay's protocol has them, and the timespec of libc.
#pragma once

#include <time.h>

#include <cstdint>

namespace inpod::layer {

constexpr std::int64_t second_ns = 1'000'000'000;

/// What stands for UTIME_OMIT and UTIME_NOW in protocol::ChangeAttributes.
constexpr std::int64_t time_stays = INT64_MIN, time_is_now = INT64_MIN + 1;

/// Seconds and nanoseconds since the epoch; before it, nanoseconds still count forward.
inline timespec time_of(std::int64_t ns) {
  std::int64_t seconds = ns / second_ns, rest = ns % second_ns;
  if (rest < 0) rest += second_ns, --seconds;
  return {seconds, rest};
}

/// Times before 1677 and after 2262 become those: as a file system does with what it can't keep.
inline std::int64_t nanoseconds_of(const timespec& time) {
  std::int64_t sum;
  const bool fits = !__builtin_mul_overflow(time.tv_sec, second_ns, &sum) &&
                    !__builtin_add_overflow(sum, time.tv_nsec, &sum) && sum > time_is_now;
  return fits ? sum : time.tv_sec < 0 ? time_is_now + 1 : INT64_MAX;
}

}  // namespace inpod::layer
