// The sending half: what waits becomes numbered frames, many of them in one write to the transport.
//
// Order within a write: what is not numbered (ping, pong, ack), what the peer missed on the last transport,
// queued messages, credits and resets, then stream data, one frame per stream in turn. A frame gets its
// number here, at the last moment, so numbers always rise on the wire although small frames overtake bulk
// data. Stream data is taken straight from the waiting write(): nothing of it is queued.
#include <algorithm>

#include "protocol/link_core.hpp"

namespace inpod::protocol {
namespace {

constexpr std::size_t batch_size = 64 << 10;  // bytes; a write is at most this and one frame

std::uint64_t steady_nanoseconds() {
  return static_cast<std::uint64_t>(std::chrono::steady_clock::now().time_since_epoch() /
                                    std::chrono::nanoseconds(1));
}

}  // namespace

void LinkCore::enqueue(Bytes frame, std::uint32_t request) {
  if (closed_) return;
  queue_bytes_ += frame.size();
  queue_.push_back({std::move(frame), request});
  if (queue_bytes_ > options_.replay_limit) {
    close(
        Error{ENOBUFS,
              "more than " + std::to_string(options_.replay_limit >> 20) + " MiB wait to be sent to the peer",
              {}});
    return;
  }
  wake_writer();
}

void LinkCore::make_ready(const std::shared_ptr<StreamState>& stream) {
  if (closed_ || stream->ready || !stream->can_send()) return;
  stream->ready = true;
  ready_.push_back(stream);
  wake_writer();
}

bool LinkCore::datagram_fits(std::size_t size) const {
  return size <= max_data_size && (!attached_before_ || data_cost(size) <= peer_window_ / 2);
}

void LinkCore::wake_writer() {
  if (carrier_) carrier_->wake.notify();
}

Task<void> LinkCore::write_loop(Self self, CarrierPtr carrier) {
  Bytes batch;
  while (!carrier->lost) {
    batch.clear();
    bool last = carrier->farewell.has_value();
    if (last) {
      batch = *carrier->farewell;
    } else {
      self->assemble(*carrier, batch);
    }
    if (batch.empty()) {
      co_await carrier->wake.wait();
      continue;
    }
    carrier->writing = true;
    auto written = co_await carrier->transport->write(batch);
    carrier->writing = false;
    if (!written) {
      self->lose(carrier, written.error());
      co_return;
    }
    if (last) co_return;
    if (carrier == self->carrier_ && self->all_sent()) self->drained_.notify();
  }
}

void LinkCore::assemble(Carrier& carrier, Bytes& batch) {
  assemble_unnumbered(carrier, batch);
  while (carrier.next_number <= replay_.last() && batch.size() < batch_size) {
    const Bytes& frame = replay_.frame(carrier.next_number++);
    batch.insert(batch.end(), frame.begin(), frame.end());
  }
  if (carrier.next_number > replay_.last()) {
    while (!queue_.empty() && batch.size() < batch_size && replay_.bytes() < options_.replay_limit) {
      Bytes frame = std::move(queue_.front().frame);
      queue_.pop_front();
      queue_bytes_ -= frame.size();
      write_numbered(carrier, std::move(frame), batch);
    }
    assemble_data(carrier, batch);
  }
  if (ack_due_ || (received_ != ack_sent_ && !batch.empty())) {
    append_number_frame(batch, FrameType::ack, received_);
    ack_sent_ = received_;
    unacknowledged_bytes_ = 0;
    ack_due_ = false;
  }
}

void LinkCore::assemble_unnumbered(Carrier& carrier, Bytes& batch) {
  if (std::exchange(carrier.ping_due, false)) {
    // A ping that is still unanswered goes out again as it was, so that its pong measures from the first.
    if (!carrier.ping_sent) carrier.ping_sent = steady_nanoseconds();
    append_number_frame(batch, FrameType::ping, *carrier.ping_sent);
  }
  if (carrier.pong_due) {
    append_number_frame(batch, FrameType::pong, *carrier.pong_due);
    carrier.pong_due.reset();
  }
}

void LinkCore::assemble_data(Carrier& carrier, Bytes& batch) {
  // At least one data frame even behind a full batch of messages: neither kind starves the other.
  bool first = true;
  while (!ready_.empty() && (first || batch.size() < batch_size) && replay_.bytes() < options_.replay_limit) {
    auto stream = std::move(ready_.front());
    ready_.pop_front();
    stream->ready = false;
    if (!stream->can_send()) continue;
    send_from(stream, carrier, batch);
    make_ready(stream);
    first = false;
  }
}

void LinkCore::send_from(const std::shared_ptr<StreamState>& stream, Carrier& carrier, Bytes& batch) {
  auto piece = stream->next_piece();
  if (!piece) {
    stream->end_sent = true;
    write_numbered(carrier, make_end_frame(stream->id, {EndKind::fin, 0}), batch);
    retire_if_over(stream);
    return;
  }
  write_numbered(carrier, make_frame(FrameType::data, stream->id, stream->pending.first(*piece)), batch);
  stream->credit -= data_cost(*piece);
  stream->pending = stream->pending.subspan(*piece);
  if (stream->pending.empty()) {
    stream->writing = false;
    stream->writable.notify();
  }
}

void LinkCore::write_numbered(Carrier& carrier, Bytes frame, Bytes& batch) {
  replay_.push(std::move(frame));
  const Bytes& kept = replay_.frame(replay_.last());
  batch.insert(batch.end(), kept.begin(), kept.end());
  carrier.next_number = replay_.last() + 1;
}

bool LinkCore::all_sent() const {
  return queue_.empty() && carrier_ && !carrier_->writing && carrier_->next_number > replay_.last() &&
         std::none_of(ready_.begin(), ready_.end(), [](const auto& stream) { return stream->can_send(); });
}

}  // namespace inpod::protocol
