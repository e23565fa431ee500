// Frames: what travels on a transport. A header of 16 bytes, then the payload:
//
//   u32 length of the payload | u8 type | 3 × 0 | u32 low bits of the frame number | u32 id        (little
//   endian)
//
// | type      | numbered | id          | payload                                          |
// |-----------|----------|-------------|--------------------------------------------------|
// | handshake | no       | 0           | one Handshake, ≤ 4 KiB                           |
// | message   | yes      | request, 0  | one Message, ≤ 1 MiB                             |
// | data      | yes      | stream      | ≤ 64 KiB; for datagram streams exactly one       |
// | end       | yes      | stream      | u8 EndKind, i32 errno                            |
// | credit    | yes      | stream      | u32 cost given back, see data_cost               |
// | ack       | no       | 0           | u64 number of the last numbered frame received   |
// | ping      | no       | 0           | u64, comes back as it is                         |
// | pong      | no       | 0           | u64                                              |
// | close     | no       | 0           | i32 errno, text ≤ 1 KiB: the link is over        |
//
// Numbers start at 1 and rise by one; only their low 32 bits travel. Numbered frames are kept until
// acknowledged and sent again on the next transport.
#pragma once

#include <array>
#include <optional>
#include <span>

#include "protocol/messages.hpp"
#include "protocol/result.hpp"

namespace inpod::protocol {

constexpr std::size_t frame_header_size = 16;
constexpr std::size_t max_data_size = 64 << 10;  ///< bytes in one data frame
constexpr std::size_t max_handshake_size = 4 << 10;
constexpr std::size_t max_close_text = 1 << 10;

enum class FrameType : std::uint8_t { handshake = 1, message, data, end, credit, ack, ping, pong, close };
enum class EndKind : std::uint8_t { fin, reset };

constexpr bool is_numbered(FrameType type) {
  return type >= FrameType::message && type <= FrameType::credit;
}

/// What a data frame takes from a stream's credit: its bytes and a fixed part, so that a flood of tiny frames
/// can't make the receiver keep more than the window.
constexpr std::uint32_t data_overhead = 64;
constexpr std::uint32_t data_cost(std::size_t size) {
  return static_cast<std::uint32_t>(size) + data_overhead;
}

struct Frame {
  FrameType type = FrameType::message;
  std::uint32_t number = 0;  ///< low 32 bits; 0 where the type is not numbered
  std::uint32_t id = 0;
  Bytes payload;
};

/// Appends header and payload to `out`. The number stays 0; see set_frame_number.
void append_frame(Bytes& out, FrameType type, std::uint32_t id, std::span<const std::uint8_t> payload);
Bytes make_frame(FrameType type, std::uint32_t id, std::span<const std::uint8_t> payload);
/// Puts the low 32 bits of `number` into the header at the start of `frame`.
void set_frame_number(Bytes& frame, std::uint64_t number);

struct End {
  EndKind kind = EndKind::fin;
  std::int32_t code = 0;  ///< errno of a reset
};
Bytes make_end_frame(std::uint32_t id, End end);
Bytes make_credit_frame(std::uint32_t id, std::uint32_t cost);
/// ack, ping or pong.
void append_number_frame(Bytes& out, FrameType type, std::uint64_t value);
Bytes make_close_frame(int code, std::string_view text);

/// Fails with EPROTO on an unknown kind. The payload's size was checked by the parser.
Result<End> parse_end(const Frame& frame);

/// What ends a link whose peer breaks the rules: EPROTO.
Failed protocol_error(const char* what);
std::uint32_t parse_credit(const Frame& frame);
std::uint64_t parse_number(const Frame& frame);
Error parse_close(const Frame& frame);

/// Takes frames out of a byte stream, however it is cut into pieces. The peer is hostile: every field of a
/// header is checked as soon as the header is complete, and memory grows with the bytes that came, not with
/// the length claimed.
class FrameParser {
 public:
  /// Takes bytes from the front of `input`: a frame if one is complete, nothing when `input` is used up.
  /// After an error (EPROTO) the parser must not be used again.
  Result<std::optional<Frame>> next(std::span<const std::uint8_t>& input);

 private:
  Result<void> parse_header();

  std::array<std::uint8_t, frame_header_size> header_{};
  std::size_t header_filled_ = 0;
  std::size_t length_ = 0;
  Frame frame_;
};

}  // namespace inpod::protocol
