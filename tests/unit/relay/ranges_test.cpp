#include "relay/ranges.hpp"

#include <random>

#include "catch.hpp"

using inpod::relay::Range;
using inpod::relay::Ranges;

TEST_CASE("ranges merge when they touch") {
  Ranges ranges;
  ranges.add({10, 20});
  ranges.add({30, 40});
  CHECK(ranges.total() == 20);
  ranges.add({20, 30});
  CHECK(ranges.around(15) == Range{10, 40});
  CHECK(ranges.first_gap(10) == 40);
  CHECK(ranges.first_gap(5) == 5);
  CHECK(ranges.total() == 30);
}

TEST_CASE("removing splits and shortens") {
  Ranges ranges;
  ranges.add({0, 100});
  ranges.remove({40, 60});
  CHECK(ranges.around(0) == Range{0, 40});
  CHECK(ranges.around(60) == Range{60, 100});
  CHECK_FALSE(ranges.around(50));
  CHECK(ranges.next(50) == Range{60, 100});
  ranges.remove({90, ~std::uint64_t{0}});
  CHECK(ranges.total() == 70);
}

TEST_CASE("ranges agree with a plain bitmap on random operations") {
  std::mt19937 random(7);
  Ranges ranges;
  std::vector<bool> bitmap(300);
  for (int step = 0; step < 5000; ++step) {
    const std::uint64_t a = random() % 300, b = std::min<std::uint64_t>(300, a + random() % 40);
    const bool add = random() % 2;
    add ? ranges.add({a, b}) : ranges.remove({a, b});
    for (auto i = a; i < b; ++i) bitmap[i] = add;
    std::uint64_t total = 0;
    for (std::uint64_t i = 0; i < 300; ++i) {
      total += bitmap[i];
      REQUIRE(ranges.around(i).has_value() == bitmap[i]);
    }
    REQUIRE(ranges.total() == total);
  }
}
