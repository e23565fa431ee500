// Any text as the JSON form of a message: refused, or a message that keeps its meaning through both forms.
#include <nlohmann/json.hpp>

#include "protocol/codec.hpp"
#include "protocol/json.hpp"
#include "require.hpp"

using namespace inpod::protocol;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  auto json = nlohmann::json::parse(data, data + size, nullptr, false);
  if (json.is_discarded()) return 0;
  auto message = from_json(json);
  if (!message) {
    fuzz_require(!message.error().text.empty());
    return 0;
  }
  auto bytes = encode(*message);
  if (!bytes) return 0;  // more than 1 MiB
  auto back = from_json(to_json(*message));
  fuzz_require(back && *encode(*back) == *bytes);
  return 0;
}
