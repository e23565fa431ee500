// Fuzz: the recognition of health checks, on the first bytes of a stolen connection. A verdict never changes
// as more bytes come, and there is always one at the end.
#include "incoming/probe.hpp"

#include <cstdlib>

using namespace inpod::agent;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const std::vector<inpod::protocol::Probe> probes{{"http", "/healthz", 80}, {"tcp", "", 80}};
  const std::span<const std::uint8_t> bytes(data, size);
  for (const bool from_node : {false, true}) {
    Opening verdict = Opening::unknown;
    for (std::size_t length = 0; length <= size; length += 1 + length / 8) {
      const auto now = judge_opening(bytes.first(length), false, from_node, probes);
      if (verdict != Opening::unknown && now != verdict) abort();
      verdict = now;
    }
    if (judge_opening(bytes, true, from_node, probes) == Opening::unknown) abort();
  }
  return 0;
}
