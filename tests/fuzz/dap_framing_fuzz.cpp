// Fuzz: DAP framing. The first byte says in what pieces the rest arrives, and whether a secret is expected;
// bodies, secret and error must not depend on the pieces.
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <vector>

#include "dap/framing.hpp"

using namespace inpod::dap;

namespace {

struct Outcome {
  std::vector<std::string> bodies;
  std::optional<std::string> secret;
  std::string error;
  bool operator==(const Outcome&) const = default;
};

Outcome read_all(std::string_view bytes, std::size_t step, bool expects_secret) {
  FrameReader reader;
  Outcome outcome;
  if (expects_secret) reader.expect_secret();
  for (std::size_t at = 0; at < bytes.size(); at += step) {
    reader.feed(bytes.substr(at, step));
    while (true) {
      const auto body = reader.next();
      if (!body) return outcome.error = "broken", outcome;
      if (!*body) break;
      outcome.bodies.push_back(**body);
      outcome.secret = reader.secret();
    }
  }
  if (!reader.at_end()) outcome.error = "cut off";
  return outcome;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 1) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  const bool expects_secret = data[0] & 1;
  if (read_all(bytes, 1 + data[0], expects_secret) != read_all(bytes, size, expects_secret)) abort();
  return 0;
}
