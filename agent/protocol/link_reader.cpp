// The receiving half: bytes become frames, frames are checked against their numbers and handed to requests
// and streams. The peer is hostile: whatever does not fit ends the link.
#include "protocol/codec.hpp"
#include "protocol/link_core.hpp"

namespace inpod::protocol {
namespace {

constexpr std::size_t read_size = 64 << 10;  // bytes
constexpr std::size_t ack_after_bytes =
    512 << 10;  // received and not acknowledged; credits take acks along earlier
constexpr std::uint64_t ack_after_frames = 128;

/// Also true when what comes is no longer frames.
bool has_close_frame(FrameParser& parser, std::span<const std::uint8_t> input) {
  for (;;) {
    auto frame = parser.next(input);
    if (!frame) return true;
    if (!*frame) return false;
    if ((*frame)->type == FrameType::close) return true;
  }
}

}  // namespace

Task<void> LinkCore::read_loop(Self self, CarrierPtr carrier) {
  FrameParser parser;
  bool garbled = false;
  Bytes buffer(read_size);
  while (!carrier->lost) {
    auto size = co_await carrier->transport->read_some(buffer);
    if (carrier->lost) break;
    if (!size || *size == 0) {
      Error why = size ? Error{ECONNRESET, "the peer closed the connection", {}} : size.error();
      self->lose(carrier, std::move(why));
      break;
    }
    carrier->heard_bytes += *size;
    self->last_heard_ = std::chrono::steady_clock::now();
    auto bytes = std::span(buffer).first(*size);
    if (self->closed_) {  // saying goodbye: only the peer's end is of interest, by close frame or by end of
                          // file
      if (!garbled && has_close_frame(parser, bytes)) self->detach(carrier);
      continue;
    }
    auto taken = self->take_bytes(carrier, parser, bytes);
    if (!taken) self->close(taken.error());
    garbled = self->closed_;  // what was left of these bytes is not parsed: the next don't start a frame
  }
}

Result<void> LinkCore::take_bytes(const CarrierPtr& carrier, FrameParser& parser,
                                  std::span<const std::uint8_t> input) {
  // A handler may close the link or attach another transport: then the rest is not ours to take.
  while (carrier == carrier_) {
    TRY_ASSIGN(frame, parser.next(input));
    if (!frame) break;
    if (frame->type == FrameType::close) {
      close_by_peer(carrier, parse_close(*frame));
      break;
    }
    TRY_VOID(take_frame(*carrier, std::move(*frame)));
  }
  return {};
}

Result<void> LinkCore::take_frame(Carrier& carrier, Frame frame) {
  if (is_numbered(frame.type)) {
    TRY_ASSIGN(fresh, check_number(carrier, frame));
    if (!fresh) return {};
  }
  switch (frame.type) {
    case FrameType::message:
      return take_message(frame);
    case FrameType::data:
      return take_data(std::move(frame));
    case FrameType::end:
      return take_end(frame);
    case FrameType::credit:
      return take_credit(frame);
    case FrameType::ack:
      // Only what was written to this transport can have been received on it.
      if (parse_number(frame) >= carrier.next_number || !replay_.acknowledge(parse_number(frame))) {
        return protocol_error("acknowledgement of frames that were not sent");
      }
      wake_writer();
      return {};
    case FrameType::ping:
      carrier.pong_due = parse_number(frame);
      wake_writer();
      return {};
    case FrameType::pong:
      take_pong(carrier, parse_number(frame));
      return {};
    default:
      return protocol_error("handshake in the middle of a session");
  }
}

Result<bool> LinkCore::check_number(Carrier& carrier, const Frame& frame) {
  if (!carrier.next_expected) {
    // The peer replays from where it believes us to be. It may not know of frames that still came on the
    // transport before this one: those come twice, and are dropped. It can't be ahead.
    std::uint32_t behind = static_cast<std::uint32_t>(received_ + 1) - frame.number;
    if (behind > std::min<std::uint64_t>(received_, INT32_MAX))
      return protocol_error("a gap in the frame numbers");
    carrier.next_expected = received_ + 1 - behind;
  }
  std::uint64_t number = (*carrier.next_expected)++;
  if (static_cast<std::uint32_t>(number) != frame.number) return protocol_error("a gap in the frame numbers");
  if (number <= received_) return false;
  received_ = number;
  unacknowledged_bytes_ += frame_header_size + frame.payload.size();
  if (unacknowledged_bytes_ >= ack_after_bytes || received_ - ack_sent_ >= ack_after_frames) {
    ack_due_ = true;
    wake_writer();
  }
  return true;
}

void LinkCore::take_pong(Carrier& carrier, std::uint64_t value) {
  if (carrier.ping_sent != value) return;
  carrier.ping_sent.reset();
  auto now = std::chrono::steady_clock::now().time_since_epoch();
  round_trip_ = std::chrono::duration_cast<std::chrono::microseconds>(now - std::chrono::nanoseconds(value));
}

Result<void> LinkCore::take_message(const Frame& frame) {
  TRY_ASSIGN(message, decode_message(frame.payload));
  return agent_ ? take_request(frame.id, std::move(message), frame.payload.size())
                : take_answer(frame.id, std::move(message));
}

}  // namespace inpod::protocol
