// Stream and its state: reading, writing, credit. What a stream does on the wire is in link_streams.cpp.
#include <algorithm>

#include "protocol/frame.hpp"
#include "protocol/link_core.hpp"
#include "protocol/stream_state.hpp"

namespace inpod::protocol {

StreamState::StreamState(std::shared_ptr<LinkCore> core, std::uint32_t stream_id)
    : link(std::move(core)),
      id(stream_id),
      allowance(link->options().stream_window),
      readable(link->executor()),
      credit(link->peer_window()),
      writable(link->executor()) {}

void StreamState::notify() {
  readable.notify();
  writable.notify();
}

void StreamState::fail(Error error) {
  if (!broken) broken = std::move(error);
  notify();
}

void StreamState::give_back_credit(std::size_t size) {
  owed += data_cost(size);
  if (peer_finished || broken || owed < link->options().stream_window / 4) return;
  allowance += owed;
  link->enqueue(make_credit_frame(id, std::exchange(owed, 0)));
}

Task<Result<Bytes>> StreamState::read(std::shared_ptr<StreamState> self) {
  if (self->reading) co_return fail_errno("two coroutines read one stream", EBUSY);
  for (;;) {
    if (!self->inbox.empty()) {
      Bytes data = std::move(self->inbox.front());
      self->inbox.pop_front();
      self->give_back_credit(data.size());
      co_return data;
    }
    if (self->broken) co_return Failed(*self->broken);
    if (self->peer_finished) {
      self->end_seen = true;
      co_return Bytes{};
    }
    self->reading = true;
    bool go_on = co_await self->readable.wait();
    self->reading = false;
    if (!go_on) co_return fail_errno("reading a stream", ECANCELED);
  }
}

Task<Result<void>> StreamState::write(std::shared_ptr<StreamState> self, std::span<const std::uint8_t> data,
                                      bool as_datagram) {
  if (self->broken) co_return Failed(*self->broken);
  if (self->finishing || self->end_sent) co_return fail_errno("writing to a finished stream", EPIPE);
  if (self->writing) co_return fail_errno("two coroutines write to one stream", EBUSY);
  if (data.empty() && !as_datagram) co_return Result<void>{};
  if (as_datagram && !self->link->datagram_fits(data.size()))
    co_return fail_errno("sending a datagram", EMSGSIZE);
  self->pending = data;
  self->datagram = as_datagram;
  self->writing = true;
  self->link->make_ready(self);
  bool go_on = true;
  while (self->writing && !self->broken && go_on) go_on = co_await self->writable.wait();
  bool sent = !self->writing;
  self->writing = false;
  self->pending = {};
  if (sent) co_return Result<void>{};
  self->link->make_ready(self);  // a FIN that waited for this data
  if (self->broken) co_return Failed(*self->broken);
  co_return fail_errno("writing to a stream", ECANCELED);
}

std::optional<std::size_t> StreamState::next_piece() const {
  if (!writing) return std::nullopt;
  std::size_t piece = std::min(pending.size(), max_data_size);
  if (data_cost(piece) <= credit) return piece;
  // Not in dribbles: a piece that credit cuts short is worth a frame only if it is a good part of the window.
  if (datagram || credit < link->peer_window() / 4 || credit <= data_overhead) return std::nullopt;
  return credit - data_overhead;
}

bool StreamState::can_send() const {
  if (broken || end_sent) return false;
  return next_piece().has_value() || (finishing && !writing);
}

Stream::Stream(std::shared_ptr<StreamState> state) : state_(std::move(state)) {}

Stream::~Stream() {
  state_->abandoned = true;
  state_->link->abandon_stream(state_);
}

std::uint32_t Stream::id() const {
  return state_->id;
}
bool Stream::ended() const {
  return state_->end_seen;
}
bool Stream::is_reset() const {
  return state_->broken.has_value();
}
Task<Result<Bytes>> Stream::read() {
  return StreamState::read(state_);
}
Task<Result<void>> Stream::write(std::span<const std::uint8_t> data) {
  return StreamState::write(state_, data, false);
}
Task<Result<void>> Stream::write_datagram(std::span<const std::uint8_t> data) {
  return StreamState::write(state_, data, true);
}

void Stream::finish() {
  state_->finishing = true;
  state_->link->make_ready(state_);
}

void Stream::reset(int code) {
  state_->link->reset_stream(state_, code);
}

}  // namespace inpod::protocol
