// Any bytes as frames: the same frames, and the same refusal, in one piece as in small ones. The first byte
// is the size of the pieces.
#include "protocol/frame.hpp"
#include "require.hpp"

using namespace inpod;
using namespace inpod::protocol;

namespace {

/// Frames in `input`, one after another in their canonical form; and whether it was refused at its end.
std::pair<Bytes, bool> parse(std::span<const std::uint8_t> input, std::size_t piece_size) {
  FrameParser parser;
  Bytes frames;
  while (!input.empty()) {
    auto piece = input.first(std::min(piece_size, input.size()));
    input = input.subspan(piece.size());
    for (;;) {
      auto frame = parser.next(piece);
      if (!frame) return {frames, true};
      if (!*frame) break;
      fuzz_require(is_numbered((*frame)->type) || (*frame)->number == 0);
      if ((*frame)->type == FrameType::end) parse_end(**frame);
      if ((*frame)->type == FrameType::credit) parse_credit(**frame);
      if ((*frame)->type == FrameType::ack) parse_number(**frame);
      if ((*frame)->type == FrameType::close) parse_close(**frame);
      append_frame(frames, (*frame)->type, (*frame)->id, (*frame)->payload);
    }
    fuzz_require(piece.empty());
  }
  return {frames, false};
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  std::span<const std::uint8_t> input(data + 1, size - 1);
  fuzz_require(parse(input, std::size_t{data[0]} + 1) == parse(input, size));
  return 0;
}
