// The input of link_session_fuzz: what a peer does to a link, as a list of steps. Steps make well-numbered
// frames, so that the fuzzer gets past the numbers; a step of raw bytes gets around them.
//
// A step: u8 what (1–9: a frame of that FrameType; 0: raw bytes; 10: the transport is cut, and another
// comes), u8 id, u16 length (big endian), payload. The script's first byte is the role of the link (odd:
// agent).
#pragma once

#include <span>

#include "protocol/frame.hpp"

namespace inpod::protocol {

constexpr std::uint8_t raw_step = 0, cut_step = 10;

struct ScriptStep {
  std::uint8_t what, id;
  std::span<const std::uint8_t> payload;
};

/// Takes a step from the front of the script.
inline std::optional<ScriptStep> next_step(std::span<const std::uint8_t>& script) {
  if (script.size() < 4) return std::nullopt;
  ScriptStep step{static_cast<std::uint8_t>(script[0] % 11), script[1], {}};
  std::size_t length = std::size_t{script[2]} << 8 | script[3];
  script = script.subspan(4);
  step.payload = script.first(std::min(length, script.size()));
  script = script.subspan(step.payload.size());
  return step;
}

inline void append_step(Bytes& script, std::uint8_t what, std::uint8_t id, const Bytes& payload) {
  script.insert(script.end(), {what, id, static_cast<std::uint8_t>(payload.size() >> 8),
                               static_cast<std::uint8_t>(payload.size())});
  script.insert(script.end(), payload.begin(), payload.end());
}

}  // namespace inpod::protocol
