// The binary form of messages, made from their Boost.Describe descriptions (messages.hpp) by
// described_codec.hpp.
//
// Integers are little endian; enums their underlying integer; bool one byte, 0 or 1; text, Bytes and vectors
// a u32 length (elements) and the elements; arrays the elements; a struct its members in order; a variant a
// u16 index and the struct. Nothing is padded, aligned or optional.
//
// Decoding treats the input as hostile: each length is checked against the bytes that remain before anything
// is allocated, enums and bools are range-checked, bytes left over are an error, and recursion goes no deeper
// than the types nest. Safe on every thread; not for signal handlers.
#pragma once

#include <span>

#include "protocol/messages.hpp"
#include "protocol/result.hpp"

namespace inpod::protocol {

/// Largest encoded message, bytes.
constexpr std::size_t max_message_size = 1 << 20;

/// Fails only with EMSGSIZE, when the result would be larger than max_message_size.
Result<Bytes> encode(const Message& message);
Result<Bytes> encode(const Handshake& handshake);

/// Fails with EPROTO when `bytes` is not exactly one well-formed message.
Result<Message> decode_message(std::span<const std::uint8_t> bytes);
Result<Handshake> decode_handshake(std::span<const std::uint8_t> bytes);

}  // namespace inpod::protocol
