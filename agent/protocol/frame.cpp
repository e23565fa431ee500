// Making and parsing frames; frame.hpp has the format.
#include "protocol/frame.hpp"

#include <algorithm>
#include <string_view>

#include "protocol/codec.hpp"
#include "protocol/little_endian.hpp"

namespace inpod::protocol {
namespace {

struct SizeRange {
  std::size_t least, most;
};

/// Payload sizes that a frame of this type may have.
SizeRange payload_range(FrameType type) {
  switch (type) {
    case FrameType::handshake:
      return {2, max_handshake_size};
    case FrameType::message:
      return {2, max_message_size};
    case FrameType::data:
      return {0, max_data_size};
    case FrameType::end:
      return {5, 5};
    case FrameType::credit:
      return {4, 4};
    case FrameType::ack:
    case FrameType::ping:
    case FrameType::pong:
      return {8, 8};
    case FrameType::close:
      return {4, 4 + max_close_text};
  }
  return {1, 0};
}

bool id_fits(FrameType type, std::uint32_t id) {
  switch (type) {
    case FrameType::message:
      return true;
    case FrameType::data:
    case FrameType::end:
    case FrameType::credit:
      return id != 0;
    default:
      return id == 0;
  }
}

}  // namespace

Failed protocol_error(const char* what) {
  return Failed(Error{EPROTO, std::string("protocol error: ") + what, {}});
}

void append_frame(Bytes& out, FrameType type, std::uint32_t id, std::span<const std::uint8_t> payload) {
  std::uint8_t header[frame_header_size] = {};
  store_little_endian(header, static_cast<std::uint32_t>(payload.size()));
  header[4] = static_cast<std::uint8_t>(type);
  store_little_endian(header + 12, id);
  out.reserve(out.size() + frame_header_size + payload.size());
  out.insert(out.end(), header, header + frame_header_size);
  out.insert(out.end(), payload.begin(), payload.end());
}

Bytes make_frame(FrameType type, std::uint32_t id, std::span<const std::uint8_t> payload) {
  Bytes frame;
  append_frame(frame, type, id, payload);
  return frame;
}

void set_frame_number(Bytes& frame, std::uint64_t number) {
  store_little_endian(frame.data() + 8, static_cast<std::uint32_t>(number));
}

Bytes make_end_frame(std::uint32_t id, End end) {
  std::uint8_t payload[5] = {static_cast<std::uint8_t>(end.kind)};
  store_little_endian(payload + 1, end.code);
  return make_frame(FrameType::end, id, payload);
}

Bytes make_credit_frame(std::uint32_t id, std::uint32_t cost) {
  std::uint8_t payload[4];
  store_little_endian(payload, cost);
  return make_frame(FrameType::credit, id, payload);
}

void append_number_frame(Bytes& out, FrameType type, std::uint64_t value) {
  std::uint8_t payload[8];
  store_little_endian(payload, value);
  append_frame(out, type, 0, payload);
}

Bytes make_close_frame(int code, std::string_view text) {
  Bytes payload(4);
  store_little_endian(payload.data(), static_cast<std::int32_t>(code));
  text = text.substr(0, max_close_text);
  payload.insert(payload.end(), text.begin(), text.end());
  return make_frame(FrameType::close, 0, payload);
}

Result<End> parse_end(const Frame& frame) {
  if (frame.payload[0] > static_cast<std::uint8_t>(EndKind::reset))
    return protocol_error("unknown end of a stream");
  return End{static_cast<EndKind>(frame.payload[0]),
             load_little_endian<std::int32_t>(frame.payload.data() + 1)};
}

std::uint32_t parse_credit(const Frame& frame) {
  return load_little_endian<std::uint32_t>(frame.payload.data());
}

std::uint64_t parse_number(const Frame& frame) {
  return load_little_endian<std::uint64_t>(frame.payload.data());
}

Error parse_close(const Frame& frame) {
  return {load_little_endian<std::int32_t>(frame.payload.data()),
          std::string(frame.payload.begin() + 4, frame.payload.end()),
          {}};
}

Result<std::optional<Frame>> FrameParser::next(std::span<const std::uint8_t>& input) {
  if (header_filled_ < frame_header_size) {
    auto piece = input.first(std::min(input.size(), frame_header_size - header_filled_));
    std::copy(piece.begin(), piece.end(), header_.begin() + static_cast<std::ptrdiff_t>(header_filled_));
    header_filled_ += piece.size();
    input = input.subspan(piece.size());
    if (header_filled_ < frame_header_size) return std::nullopt;
    TRY_VOID(parse_header());
  }
  auto piece = input.first(std::min(input.size(), length_ - frame_.payload.size()));
  std::size_t needed = frame_.payload.size() + piece.size();
  if (needed > frame_.payload.capacity()) frame_.payload.reserve(std::min(length_, 2 * needed));
  frame_.payload.insert(frame_.payload.end(), piece.begin(), piece.end());
  input = input.subspan(piece.size());
  if (frame_.payload.size() < length_) return std::nullopt;
  header_filled_ = 0;
  return std::exchange(frame_, Frame{});
}

Result<void> FrameParser::parse_header() {
  length_ = load_little_endian<std::uint32_t>(header_.data());
  frame_.type = static_cast<FrameType>(header_[4]);
  frame_.number = load_little_endian<std::uint32_t>(header_.data() + 8);
  frame_.id = load_little_endian<std::uint32_t>(header_.data() + 12);
  if (header_[5] != 0 || header_[6] != 0 || header_[7] != 0)
    return protocol_error("reserved bytes of a frame are not 0");
  auto range = payload_range(frame_.type);
  if (range.least > range.most) return protocol_error("unknown type of frame");
  if (length_ < range.least || length_ > range.most) return protocol_error("wrong size of a frame");
  if (!id_fits(frame_.type, frame_.id)) return protocol_error("wrong id of a frame");
  if (!is_numbered(frame_.type) && frame_.number != 0)
    return protocol_error("a number on a frame that has none");
  return {};
}

}  // namespace inpod::protocol
