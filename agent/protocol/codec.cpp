// The binary codec of messages and handshakes. described_codec.hpp does the work; codec.hpp has the format
// and its guarantees.
#include "protocol/codec.hpp"

#include "protocol/described_codec.hpp"

namespace inpod::protocol {

Result<Bytes> encode(const Message& message) {
  return Writer().take(message);
}
Result<Bytes> encode(const Handshake& handshake) {
  return Writer().take(handshake);
}

Result<Message> decode_message(std::span<const std::uint8_t> bytes) {
  return Reader(bytes).take<Message>();
}
Result<Handshake> decode_handshake(std::span<const std::uint8_t> bytes) {
  return Reader(bytes).take<Handshake>();
}

}  // namespace inpod::protocol
