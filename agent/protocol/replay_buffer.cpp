// The buffer of unacknowledged frames; see replay_buffer.hpp.
#include "protocol/replay_buffer.hpp"

#include "protocol/frame.hpp"

namespace inpod::protocol {

void ReplayBuffer::push(Bytes frame) {
  set_frame_number(frame, last() + 1);
  bytes_ += frame.size();
  frames_.push_back(std::move(frame));
}

bool ReplayBuffer::acknowledge(std::uint64_t number) {
  if (number < acknowledged_ || number > last()) return false;
  for (; acknowledged_ < number; ++acknowledged_) {
    bytes_ -= frames_.front().size();
    frames_.pop_front();
  }
  return true;
}

void ReplayBuffer::clear() {
  acknowledge(last());
}

}  // namespace inpod::protocol
