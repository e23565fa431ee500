// One client's copy of one connection. See mirror_copy.hpp.
#include "incoming/mirror_copy.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>

#include "protocol/task.hpp"

namespace inpod::agent {
namespace {

namespace asio = boost::asio;

constexpr std::size_t backlog_limit = 1 << 20;  // bytes, of one copy
constexpr std::size_t all_backlogs_limit =
    64 << 20;                  // bytes, of all copies: many programs may stand at a breakpoint
std::size_t all_backlogs = 0;  // all copies live on one thread
constexpr auto stuck_after = std::chrono::milliseconds(250);

}  // namespace

MirrorCopy::MirrorCopy(asio::any_io_executor executor, std::uint64_t subscription,
                       std::unique_ptr<protocol::Stream> stream, std::weak_ptr<protocol::Link> link)
    : subscription_(subscription), stream_(std::move(stream)), link_(std::move(link)), changed_(executor) {}

Result<std::shared_ptr<MirrorCopy>> MirrorCopy::start(asio::any_io_executor executor,
                                                      const Incoming::Client& client,
                                                      std::uint64_t subscription, const Endpoint& peer,
                                                      const Endpoint& local, Note note) {
  const auto link = client.link();
  if (!link) return fail("the client has gone");
  TRY_ASSIGN(stream, link->open_stream());
  protocol::Incoming event;
  event.subscription = subscription;
  event.stream = stream->id();
  event.mode = protocol::IncomingMode::mirror;
  event.remote = to_message(peer);
  event.local = to_message(local);
  link->notify(std::move(event));
  std::shared_ptr<MirrorCopy> copy(new MirrorCopy(executor, subscription, std::move(stream), link));
  asio::co_spawn(executor, write_all(copy), Report{note, "mirror"});
  asio::co_spawn(executor, drop_answers(copy), Report{note, "mirror"});
  return copy;
}

MirrorCopy::~MirrorCopy() {
  all_backlogs -= waiting_;
}

bool MirrorCopy::push(Data data) {
  if (over_ || finishing_) return true;
  if (waiting_ + data->size() > backlog_limit || all_backlogs + data->size() > all_backlogs_limit)
    return false;
  if (waiting_ <= backlog_limit / 2 && waiting_ + data->size() > backlog_limit / 2)
    congested_since_ = std::chrono::steady_clock::now();
  waiting_ += data->size();
  all_backlogs += data->size();
  queue_.push_back(std::move(data));
  changed_.cancel();
  return true;
}

bool MirrorCopy::congested(std::chrono::steady_clock::time_point now) const {
  return !over_ && waiting_ > backlog_limit / 2 && now - congested_since_ < stuck_after;
}

void MirrorCopy::finish(std::uint64_t answered, int code) {
  finishing_ = true;
  answered_ = answered;
  end_code_ = code;
  changed_.cancel();
}

/// The client holds the end back until its program has answered, too: so it must know whether the pod had.
void MirrorCopy::tell_end() {
  const auto link = link_.lock();
  if (link && link->peer_knows(protocol::feature_peer_closed))
    link->notify(protocol::PeerClosed{stream_->id(), answered_});
  if (end_code_ != 0) return reset(end_code_);
  stream_->finish();
}

void MirrorCopy::reset(int code) {
  if (over_) return;
  over_ = true;
  queue_.clear();
  all_backlogs -= waiting_;
  waiting_ = 0;
  stream_->reset(code);
  changed_.cancel();
}

protocol::Task<void> MirrorCopy::write_all(std::shared_ptr<MirrorCopy> self) {
  while (!self->over_) {
    if (self->queue_.empty()) {
      if (self->finishing_) {
        self->tell_end();
        co_return;
      }
      self->changed_.expires_at(std::chrono::steady_clock::time_point::max());
      co_await self->changed_.async_wait(as_result);
      continue;
    }
    const Data data = std::move(self->queue_.front());
    self->queue_.pop_front();
    const auto sent = co_await self->stream_->write(*data);
    if (!sent) {
      self->reset(ECONNRESET);
      co_return;
    }
    if (self->over_) co_return;
    self->waiting_ -= data->size();
    all_backlogs -= data->size();
  }
}

protocol::Task<void> MirrorCopy::drop_answers(std::shared_ptr<MirrorCopy> self) {
  for (;;) {
    const auto answer = co_await self->stream_->read();
    if (!answer) {
      self->reset(ECONNRESET);  // the client let go of it
      co_return;
    }
    if (answer->empty()) co_return;  // half-closed: the copy goes on
  }
}

}  // namespace inpod::agent
