// Any bytes as a datagram with its peer: refused, or one whose one binary form they are.
#include <algorithm>

#include "protocol/datagram_frame.hpp"
#include "require.hpp"

using namespace inpod::protocol;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::span<const std::uint8_t> input(data, size);
  const auto frame = decode_datagram(input);
  if (!frame) return 0;
  const auto bytes = encode(frame->kind, frame->peer, frame->code, frame->data);
  fuzz_require(std::equal(bytes.begin(), bytes.end(), input.begin(), input.end()));
  return 0;
}
