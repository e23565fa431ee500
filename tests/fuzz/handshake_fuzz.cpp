// Any bytes as a handshake: refused, or one whose one binary form they are.
#include "protocol/codec.hpp"
#include "require.hpp"

using namespace inpod::protocol;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::span<const std::uint8_t> input(data, size);
  auto handshake = decode_handshake(input);
  if (!handshake) return 0;
  auto bytes = encode(*handshake);
  fuzz_require(bytes && std::equal(bytes->begin(), bytes->end(), input.begin(), input.end()));
  return 0;
}
