// Streams on the wire: who opened which id, data against credit, and how streams end. See stream_state.hpp
// for the life of one.
//
// The agent gives ids in rising order, but the client may hear of them in another; it must tell an id that is
// new from one that is retired, of which late credits and resets may still come. So it keeps the ids below
// the highest that it has not heard of yet; they are at most as many as streams can be open.
#include <algorithm>

#include "protocol/link_core.hpp"

namespace inpod::protocol {
namespace {

constexpr std::size_t most_untaken = 512;  // streams that the agent opened and the client did not take yet

}  // namespace

Result<std::unique_ptr<Stream>> LinkCore::open_stream() {
  if (closed_) return Failed(closed_error());
  if (!agent_) return fail_errno("only the agent opens streams", EINVAL);
  if (streams_.size() >= options_.max_streams) return fail_errno("opening a stream", EMFILE);
  if (highest_stream_ == UINT32_MAX) return fail_errno("this session has used up its stream ids", EOVERFLOW);
  auto stream = std::make_shared<StreamState>(shared_from_this(), ++highest_stream_);
  streams_.emplace(stream->id, stream);
  return std::unique_ptr<Stream>(new Stream(std::move(stream)));
}

Result<std::unique_ptr<Stream>> LinkCore::take_stream(std::uint32_t id) {
  if (closed_) return Failed(closed_error());
  if (agent_) return fail_errno("only the client takes streams", EINVAL);
  if (untaken_.count(id) == 0) {
    if (streams_.count(id) != 0) return fail_errno("the stream was taken before", EINVAL);
    if (!is_new(id)) return fail_errno("the stream has ended", ECONNRESET);
    TRY_ASSIGN(opened, open_from_peer(id));
    return std::unique_ptr<Stream>(new Stream(std::move(opened)));
  }
  auto taken = untaken_.extract(id);
  return std::unique_ptr<Stream>(new Stream(std::move(taken.mapped())));
}

bool LinkCore::is_new(std::uint32_t id) const {
  return !agent_ && id != 0 && (id > highest_stream_ || unheard_.count(id) != 0);
}

Result<std::shared_ptr<StreamState>> LinkCore::open_from_peer(std::uint32_t id) {
  // Twice: the agent forgets a stream when it has sent its end, a moment before that end arrives here.
  if (streams_.size() >= 2 * options_.max_streams) return protocol_error("too many streams at once");
  if (id > highest_stream_) {
    if (id - highest_stream_ - 1 + unheard_.size() > 2 * options_.max_streams)
      return protocol_error("a stream id out of order");
    while (++highest_stream_ < id) unheard_.insert(unheard_.end(), highest_stream_);
  }
  unheard_.erase(id);
  auto stream = std::make_shared<StreamState>(shared_from_this(), id);
  streams_.emplace(id, stream);
  return stream;
}

Result<std::shared_ptr<StreamState>> LinkCore::find_or_open(std::uint32_t id) {
  if (auto found = streams_.find(id); found != streams_.end()) return found->second;
  if (!is_new(id)) {
    if (id > highest_stream_) return protocol_error("unknown stream");
    return std::shared_ptr<StreamState>();
  }
  TRY_ASSIGN(opened, open_from_peer(id));
  if (untaken_.size() >= most_untaken) forget_untaken();
  if (untaken_.size() < most_untaken) {
    untaken_.emplace(id, opened);
  } else {
    reset_stream(opened, ECONNREFUSED);
  }
  return opened;
}

/// Drops the oldest stream that the agent reset before anybody took it: likely nobody was told of it.
void LinkCore::forget_untaken() {
  auto retired = std::find_if(untaken_.begin(), untaken_.end(),
                              [&](const auto& u) { return streams_.count(u.first) == 0; });
  if (retired != untaken_.end()) untaken_.erase(retired);
}

Result<void> LinkCore::take_data(Frame frame) {
  TRY_ASSIGN(stream, find_or_open(frame.id));
  if (!stream || stream->peer_finished) return protocol_error("data after the end of a stream");
  std::uint32_t cost = data_cost(frame.payload.size());
  if (cost > stream->allowance) return protocol_error("more data than the credit allows");
  stream->allowance -= cost;
  if (stream->broken) return {};
  if (stream->abandoned) {
    reset_stream(stream, EPIPE);
    return {};
  }
  stream->inbox.push_back(std::move(frame.payload));
  stream->readable.notify();
  return {};
}

Result<void> LinkCore::take_end(const Frame& frame) {
  TRY_ASSIGN(end, parse_end(frame));
  TRY_ASSIGN(stream, find_or_open(frame.id));
  if (!stream) {  // our reset, and the peer's last word, crossed each other
    if (end.kind == EndKind::fin) return protocol_error("the end of a stream that has ended");
    return {};
  }
  if (end.kind == EndKind::fin) {
    if (stream->peer_finished) return protocol_error("the end of a stream that has ended");
    stream->peer_finished = true;
    stream->readable.notify();
    retire_if_over(stream);
    return {};
  }
  int code = end.code > 0 ? end.code : ECONNRESET;
  stream->peer_finished = true;
  stream->fail(Error{code, std::string("the peer ended the stream: ") + strerror(code), {}});
  if (!stream->end_sent) send_reset(stream, code);
  retire_if_over(stream);
  return {};
}

Result<void> LinkCore::take_credit(const Frame& frame) {
  auto found = streams_.find(frame.id);
  if (found == streams_.end()) {
    if (is_new(frame.id) || frame.id > highest_stream_) return protocol_error("credit for an unknown stream");
    return {};
  }
  auto& stream = found->second;
  std::uint32_t cost = parse_credit(frame);
  if (cost == 0 || cost > peer_window_ - stream->credit) return protocol_error("more credit than was used");
  stream->credit += cost;
  make_ready(stream);
  return {};
}

void LinkCore::send_reset(const std::shared_ptr<StreamState>& stream, int code) {
  if (closed_ || stream->reset_sent || streams_.count(stream->id) == 0) return;
  stream->end_sent = stream->reset_sent = true;
  enqueue(make_end_frame(stream->id, {EndKind::reset, code}));
  retire_if_over(stream);
}

void LinkCore::reset_stream(const std::shared_ptr<StreamState>& stream, int code) {
  stream->inbox.clear();
  stream->fail(Error{code, std::string("the stream was ended: ") + strerror(code), {}});
  send_reset(stream, code);
}

void LinkCore::abandon_stream(const std::shared_ptr<StreamState>& stream) {
  stream->abandoned = true;
  bool all_heard = stream->inbox.empty() || stream->peer_finished;
  if (stream->finishing && all_heard && !stream->broken) {
    stream->inbox.clear();
    return;
  }
  reset_stream(stream, ECONNRESET);
}

void LinkCore::retire_if_over(const std::shared_ptr<StreamState>& stream) {
  if (stream->peer_finished && stream->end_sent) streams_.erase(stream->id);
}

void LinkCore::fail_streams(const Error& error) {
  auto streams = std::exchange(streams_, {});
  for (auto& [id, stream] : streams) stream->fail(error);
  untaken_.clear();
  unheard_.clear();
  ready_.clear();
}

}  // namespace inpod::protocol
