// Fuzz: the packet parser, on the bytes of a captured packet. Whatever it accepts must lie inside the packet.
#include "incoming/packet.hpp"

#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::span<const std::uint8_t> packet(data, size);
  for (const bool verify : {false, true}) {
    const auto segment = inpod::agent::parse_packet(packet, verify);
    if (!segment) continue;
    const auto payload = segment->payload;
    if (payload.size() > size) abort();
    if (!payload.empty() && (payload.data() < data || payload.data() + payload.size() > data + size)) abort();
    (void)inpod::agent::to_text(segment->source);
    (void)inpod::agent::to_message(segment->destination);
  }
  return 0;
}
