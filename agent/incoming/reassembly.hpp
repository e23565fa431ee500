// Reassembler: one direction of a TCP connection, put together from copies of its segments (RFC 9293 §3.4,
// §3.10).
//
// Segments may come in any order, doubled, or overlapping (the first copy of a byte wins). It delivers
// exactly the bytes in order, or says that there is a gap: never wrong bytes. Positions are kept as 64-bit
// offsets, so sequence numbers may wrap. Memory: at most `limit` for what waits behind a hole. No I/O; one
// owner at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>

#include "protocol/messages.hpp"

namespace inpod::agent {

class Reassembler {
 public:
  enum class State { open, finished, gap };

  /// first: the sequence number of the first byte (the SYN's plus one).
  Reassembler(std::uint32_t first, std::size_t limit) : next_(first), limit_(limit) {}

  /// Takes a segment; bytes that are now in order are appended to `out`. finished: FIN reached, all
  /// delivered. gap: what waits behind a hole passed the limit. Both states are final.
  State add(std::uint32_t sequence, std::span<const std::uint8_t> payload, bool fin, protocol::Bytes& out);
  /// The receiver acknowledged everything before this number: past what was delivered, bytes were never seen:
  /// gap.
  State acknowledged(std::uint32_t acknowledgement);

  State state() const { return state_; }
  /// True when `sequence` is the next one expected, or within the 2^30 that follow (tells a real RST from a
  /// stale one).
  bool plausible(std::uint32_t sequence) const;

 private:
  std::int64_t offset(std::uint32_t sequence) const;
  void deliver(std::int64_t at, std::span<const std::uint8_t> payload, protocol::Bytes& out);
  bool keep(std::int64_t at, std::span<const std::uint8_t> payload);
  void drain(protocol::Bytes& out);

  std::int64_t next_;  ///< offset of the next byte to deliver; its low 32 bits are its sequence number
  std::int64_t fin_ = -1;
  std::size_t limit_, held_ = 0;
  std::map<std::int64_t, protocol::Bytes> waiting_;  ///< by offset, disjoint, all behind next_
  State state_ = State::open;
};

}  // namespace inpod::agent
