// Any bytes as a message: refused, or a message whose one binary form they are and which has a JSON form.
#include <nlohmann/json.hpp>

#include "protocol/codec.hpp"
#include "protocol/json.hpp"
#include "require.hpp"

using namespace inpod::protocol;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::span<const std::uint8_t> input(data, size);
  auto message = decode_message(input);
  if (!message) return 0;
  auto bytes = encode(*message);
  fuzz_require(bytes && std::equal(bytes->begin(), bytes->end(), input.begin(), input.end()));
  auto back = from_json(nlohmann::json::parse(to_json(*message).dump()));
  fuzz_require(back && *encode(*back) == *bytes);
  return 0;
}
