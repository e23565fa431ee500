// Life of a link: transports come and go, the resume window, the heartbeat, and the end. Whatever way it
// ends, close() is the one place where everything that waits is failed.
#include "protocol/link_core.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>

#include "protocol/task.hpp"

namespace inpod::protocol {
namespace {

namespace asio = boost::asio;

constexpr std::uint32_t least_window = 4 << 10;  // bytes; less can't carry a stream sensibly
constexpr std::chrono::seconds most_goodbye{1};  // for the close frame, and for the peer to hear it
constexpr std::size_t bulk = 4 << 10;            // bytes in a tick: more than pings and acknowledgements
constexpr std::chrono::milliseconds look_again{50};

}  // namespace

LinkCore::LinkCore(asio::any_io_executor executor, LinkOptions options, Link::Handlers handlers)
    : executor_(std::move(executor)),
      options_(options),
      handlers_(std::make_shared<Link::Handlers>(std::move(handlers))),
      agent_(handlers_->on_request != nullptr),
      resume_timer_(executor_),
      drained_(executor_),
      request_finished_(executor_) {}

Result<void> LinkCore::attach(std::unique_ptr<ByteTransport> transport, std::uint64_t peer_received,
                              std::uint32_t peer_window, std::vector<std::string> peer_features) {
  if (closed_) return Failed(closed_error());
  if (peer_window < least_window) return fail_errno("the peer's stream window is too small", EPROTO);
  if (attached_before_ && peer_window != peer_window_) {
    return fail_errno("the peer changed its stream window while resuming", EPROTO);
  }
  if (!replay_.acknowledge(peer_received))
    return fail_errno("the session can't be resumed where the peer left it", ESTALE);
  if (!attached_before_) {
    attached_before_ = true;
    peer_window_ = peer_window;
    for (auto& [id, stream] : streams_) {
      stream->credit = peer_window;
      make_ready(stream);
    }
  }
  peer_features_ = std::move(peer_features);
  if (carrier_) detach(carrier_);
  resume_timer_.cancel();
  carrier_ = std::make_shared<Carrier>(executor_, std::move(transport));
  carrier_->next_number = peer_received + 1;
  last_heard_ = std::chrono::steady_clock::now();
  spawn(read_loop(shared_from_this(), carrier_));
  spawn(write_loop(shared_from_this(), carrier_));
  spawn(heartbeat(shared_from_this(), carrier_));
  return {};
}

void LinkCore::spawn(Task<void> task) {
  asio::co_spawn(executor_, std::move(task), [self = shared_from_this()](std::exception_ptr exception) {
    if (!exception) return;
    try {
      std::rethrow_exception(exception);
    } catch (const std::exception& e) {
      self->close(Error{EIO, std::string("internal error in the link: ") + e.what(), {}});
    }
  });
}

void LinkCore::detach(CarrierPtr carrier) {
  if (carrier->lost) return;
  carrier->lost = true;
  carrier->transport->close();
  carrier->tick.cancel();
  carrier->wake.notify();
  carrier->ended.notify();
  if (carrier == carrier_) carrier_.reset();
}

void LinkCore::lose(const CarrierPtr& carrier, Error why) {
  bool was_current = carrier == carrier_;
  detach(carrier);
  if (!was_current || closed_) return;
  drained_.notify();
  start_resume_window();
  asio::post(executor_, [self = shared_from_this(), why = std::move(why)] {
    auto handlers = self->handlers_;
    // Another transport may have come meanwhile.
    if (handlers && handlers->on_transport_lost && !self->carrier_ && !self->closed_)
      handlers->on_transport_lost(why);
  });
}

void LinkCore::drop_transport() {
  if (const auto carrier = carrier_)
    lose(carrier, Error{ECONNRESET, "the peer is back on another transport", {}});
}

void LinkCore::start_resume_window() {
  resume_timer_.expires_after(options_.resume_window);
  resume_timer_.async_wait([self = shared_from_this()](boost::system::error_code error) {
    // attach() may have come between this handler's being queued and its running.
    if (error || self->carrier_ || self->resume_timer_.expiry() > asio::steady_timer::clock_type::now())
      return;
    self->close(Error{ETIMEDOUT,
                      "the connection to the agent was lost and did not come back within " +
                          std::to_string(self->options_.resume_window.count()) + " s",
                      {}});
  });
}

Task<void> LinkCore::heartbeat(Self self, CarrierPtr carrier) {
  // Silence is counted in ticks that found nothing, not in time: a process that was stopped for a while (a
  // suspended laptop, SIGSTOP) must look at its socket before it judges the peer.
  using std::chrono::milliseconds;
  const auto& options = self->options_;
  const auto tick =
      std::max(std::min({options.heartbeat, options.silence / 2, options.doubt / 4}), milliseconds(1));
  auto since_ping = options.heartbeat;
  auto silent = milliseconds(0);
  while (!carrier->lost && !carrier->farewell) {
    if (since_ping >= options.heartbeat || carrier->unanswered > milliseconds(0)) {
      since_ping = milliseconds(0);
      carrier->ping_due = true;
      carrier->wake.notify();
    }
    carrier->tick.expires_after(tick);
    co_await carrier->tick.async_wait(as_result);
    if (carrier->lost || carrier->farewell) co_return;
    since_ping += tick;
    self->acknowledge_in_time(*carrier);
    const bool heard = std::exchange(carrier->heard_bytes, 0) > 0;
    silent = heard ? milliseconds(0) : silent + tick;
    carrier->unanswered = heard || !self->has_unacknowledged() ? milliseconds(0) : carrier->unanswered + tick;
    if (silent >= options.silence) {
      self->lose(carrier,
                 Error{ETIMEDOUT,
                       "nothing was heard from the peer for " + std::to_string(silent.count()) + " ms",
                       {}});
      co_return;
    }
  }
}

/// A peer that sends much over a slow line hears from us although its pings wait behind all that: so it can
/// tell the line from one that was cut.
void LinkCore::acknowledge_in_time(Carrier& carrier) {
  if (received_ == ack_sent_ && carrier.heard_bytes < bulk) return;
  ack_due_ = true;
  carrier.wake.notify();
}

Task<bool> LinkCore::heard_since(Self self, std::chrono::steady_clock::time_point moment,
                                 std::chrono::milliseconds bound) {
  asio::steady_timer timer(self->executor_);
  if (self->carrier_ && self->last_heard_ < moment) {
    self->carrier_->ping_due = true;
    self->wake_writer();
  }
  for (auto waited = std::chrono::milliseconds(0);
       waited < bound && self->carrier_ && self->last_heard_ < moment; waited += look_again) {
    timer.expires_after(look_again);
    co_await timer.async_wait(as_result);
  }
  co_return self->last_heard_ >= moment;
}

Error LinkCore::closed_error() const {
  if (!close_reason_) return {ECONNRESET, "the connection to the agent is closed", {}};
  return {ECONNRESET, close_reason_->text, close_reason_->remedy};
}

void LinkCore::close(std::optional<Error> why) {
  if (closed_) return;
  auto self = shared_from_this();
  closed_ = true;
  close_reason_ = why;
  resume_timer_.cancel();
  if (carrier_) say_goodbye();
  fail_requests();
  fail_streams(closed_error());
  queue_.clear();
  queue_bytes_ = 0;
  replay_.clear();
  drained_.notify();
  asio::post(executor_, [self, why = std::move(why)] {
    auto handlers = std::exchange(self->handlers_, nullptr);
    if (handlers && handlers->on_closed) handlers->on_closed(why);
  });
}

void LinkCore::close_by_peer(const CarrierPtr& carrier, const Error& why) {
  detach(carrier);
  std::string text =
      why.text.empty() ? "the peer closed the session" : "the peer closed the session: " + why.text;
  close(Error{why.code, std::move(text), {}});
}

void LinkCore::say_goodbye() {
  leaving_ = std::exchange(carrier_, nullptr);
  leaving_->farewell =
      close_reason_ ? make_close_frame(close_reason_->code, close_reason_->text) : make_close_frame(0, {});
  leaving_->wake.notify();
  leaving_->tick.expires_after(most_goodbye);
  leaving_->tick.async_wait([self = shared_from_this(), carrier = leaving_](boost::system::error_code error) {
    if (!error) self->detach(carrier);
  });
}

Task<void> LinkCore::flush_and_close(Self self, std::chrono::milliseconds bound) {
  auto expired = std::make_shared<bool>(false);
  asio::steady_timer deadline(self->executor_, bound);
  deadline.async_wait([self, expired](boost::system::error_code error) {
    if (error) return;
    *expired = true;
    self->drained_.notify();
    if (self->leaving_) self->detach(self->leaving_);
  });
  bool go_on = true;
  while (go_on && !*expired && self->carrier_ && !self->all_sent()) go_on = co_await self->drained_.wait();
  self->close(std::nullopt);
  auto leaving = self->leaving_;
  if (leaving && (*expired || !go_on)) self->detach(leaving);
  while (go_on && leaving && !leaving->lost) go_on = co_await leaving->ended.wait();
}

}  // namespace inpod::protocol
