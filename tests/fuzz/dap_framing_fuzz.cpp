// Fuzz: DAP framing. The first byte says in what pieces the rest arrives; bodies and error must not depend on
// that.
#include <cstdint>
#include <cstdlib>
#include <vector>

#include "dap/framing.hpp"

using namespace inpod::dap;

namespace {

struct Outcome {
  std::vector<std::string> bodies;
  std::string error;
  bool operator==(const Outcome&) const = default;
};

Outcome read_all(std::string_view bytes, std::size_t step) {
  FrameReader reader;
  Outcome outcome;
  for (std::size_t at = 0; at < bytes.size(); at += step) {
    reader.feed(bytes.substr(at, step));
    while (true) {
      const auto body = reader.next();
      if (!body) return outcome.error = "broken", outcome;
      if (!*body) break;
      outcome.bodies.push_back(**body);
    }
  }
  if (!reader.at_end()) outcome.error = "cut off";
  return outcome;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 1) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  if (read_all(bytes, 1 + data[0]) != read_all(bytes, size)) abort();
  return 0;
}
