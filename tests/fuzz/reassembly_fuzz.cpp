// Fuzz: the reassembler, on a script of segments and acknowledgements, against a model that knows each byte's
// first copy.
//
// Script: 4 bytes of first sequence number, then records of 6 bytes: offset (2, signed around the start),
// length (1, in units of 3), kind (1), value (2). Delivered bytes must be the model's, in order, without a
// hole.
#include "incoming/reassembly.hpp"

#include <cstdlib>
#include <cstring>
#include <optional>
#include <vector>

using inpod::agent::Reassembler;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 4) return 0;
  std::uint32_t first;
  memcpy(&first, data, 4);
  data += 4, size -= 4;
  constexpr std::size_t limit = 8192;
  Reassembler reassembler(first, limit);
  std::vector<std::optional<std::uint8_t>> model(1 << 17);
  inpod::protocol::Bytes out;
  std::size_t fin = model.size();
  for (; size >= 6; data += 6, size -= 6) {
    std::int16_t offset;
    memcpy(&offset, data, 2);
    const std::size_t length = data[2] * 3u;
    const std::uint32_t sequence = first + std::uint32_t(std::int32_t(offset));
    const std::size_t before = out.size();
    if (reassembler.state() != Reassembler::State::open) break;
    if (data[3] % 8 == 0) {
      const auto state = reassembler.acknowledged(sequence);
      if ((state == Reassembler::State::gap) != (offset > 0 && std::size_t(offset) > before)) abort();
      continue;
    }
    std::vector<std::uint8_t> payload(length);
    for (std::size_t i = 0; i < length; ++i) payload[i] = std::uint8_t(data[4] + i * data[5]);
    for (std::size_t i = 0; i < length; ++i) {
      const auto at = std::int64_t(offset) + std::int64_t(i);
      if (at >= 0 && std::size_t(at) >= before && std::size_t(at) < fin && !model[std::size_t(at)])
        model[std::size_t(at)] = payload[i];
    }
    const bool ends = data[3] % 8 == 1;
    const auto end = std::int64_t(offset) + std::int64_t(length);
    if (ends && fin == model.size() && end >= std::int64_t(before)) fin = std::size_t(end);
    (void)reassembler.add(sequence, payload, ends, out);
    if (out.size() < before || out.size() > model.size()) abort();
    for (std::size_t i = before; i < out.size(); ++i)
      if (!model[i] || *model[i] != out[i]) abort();
  }
  return 0;
}
