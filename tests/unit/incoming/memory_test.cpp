// The agent's memory: limits as cgroups write them, and when it is short.
#include "incoming/memory.hpp"

#include "catch.hpp"

using namespace inpod::agent;

TEST_CASE("memory limits of both kinds of cgroups, and what is none") {
  CHECK(parse_memory_limit("134217728\n") == 128u << 20);
  CHECK(parse_memory_limit("max\n") == 0);
  CHECK(parse_memory_limit("9223372036854771712\n") == 0);
  CHECK(parse_memory_limit("") == 0);
  CHECK(parse_memory_limit("-1") == 0);
}

TEST_CASE("memory is short when three quarters of it are used") {
  CHECK(MemoryBudget(1 << 20).is_short());
  CHECK_FALSE(MemoryBudget(0).is_short());
  CHECK_FALSE(MemoryBudget(std::uint64_t(1) << 45).is_short());
}
