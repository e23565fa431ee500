// ReplayBuffer: the numbered frames that the peer has not acknowledged yet, in order, for sending again after
// a lost transport. Gives out the numbers. Its owner bounds it (LinkOptions::replay_limit). No I/O; one
// executor.
#pragma once

#include <deque>

#include "protocol/messages.hpp"

namespace inpod::protocol {

class ReplayBuffer {
 public:
  /// Gives the frame the next number and keeps it.
  void push(Bytes frame);
  /// The peer has everything up to `number`. False, and nothing happens, if it can't have.
  bool acknowledge(std::uint64_t number);
  /// A kept frame; acknowledged() < number ≤ last().
  const Bytes& frame(std::uint64_t number) const { return frames_[number - acknowledged_ - 1]; }

  std::uint64_t acknowledged() const { return acknowledged_; }
  std::uint64_t last() const { return acknowledged_ + frames_.size(); }
  std::size_t bytes() const { return bytes_; }
  void clear();

 private:
  std::deque<Bytes> frames_;
  std::uint64_t acknowledged_ = 0;
  std::size_t bytes_ = 0;
};

}  // namespace inpod::protocol
