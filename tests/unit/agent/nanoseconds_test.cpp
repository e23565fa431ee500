// Times of files in nanoseconds, also those that don't fit.
#include "files/nanoseconds.hpp"

#include "catch.hpp"

using inpod::agent::nanoseconds;

TEST_CASE("Nanoseconds since the epoch, and before it", "[nanoseconds]") {
  CHECK(nanoseconds(0, 0) == 0);
  CHECK(nanoseconds(1, 5) == 1'000'000'005);
  CHECK(nanoseconds(-1, 999'999'999) == -1);
  CHECK(nanoseconds(9'223'372'036, 854'775'807) == INT64_MAX);
}

TEST_CASE("Far dates are the first or the last that fits", "[nanoseconds]") {
  CHECK(nanoseconds(9'223'372'036, 854'775'808) == INT64_MAX);
  CHECK(nanoseconds(INT64_MAX, 0) == INT64_MAX);
  CHECK(nanoseconds(15'032'385'535, 0) == INT64_MAX);  // ext4's last second
  CHECK(nanoseconds(-9'300'000'000, 0) == INT64_MIN + 2);
  CHECK(nanoseconds(INT64_MIN, 0) == INT64_MIN + 2);
}
