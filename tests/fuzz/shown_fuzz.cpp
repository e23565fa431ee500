// Fuzz: texts of others, as they are shown (printable.hpp). Input: a byte for the limit, then the text.
// Whatever comes: the result is UTF-8, bounded, without control characters, and no line of it looks like the
// start of a message.
#include <string>

#include "protocol/printable.hpp"
#include "protocol/utf8.hpp"
#include "require.hpp"

using namespace inpod;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::size_t most = 3 + data[0];
  const std::string text(reinterpret_cast<const char*>(data) + 1, size - 1);
  for (const bool one_line : {false, true}) {
    const auto show = one_line ? protocol::shown_line : protocol::shown;
    const auto result = show(text, most);
    fuzz_require(result.size() <= most);
    fuzz_require(is_utf8(result));
    fuzz_require(result.find("](") == result.npos);
    fuzz_require(show(result, most) == result);
    for (std::size_t at = 0; at < result.size(); ++at) {
      const auto byte = static_cast<std::uint8_t>(result[at]);
      const bool line_ends = byte == '\n' && !one_line;
      fuzz_require((byte >= ' ' && byte != 0x7f) || byte == '\t' || line_ends);
      if (line_ends && at + 1 < result.size()) fuzz_require(result[at + 1] == ' ');
    }
  }
  return 0;
}
