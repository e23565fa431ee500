// One redirected connection. See stolen_connection.hpp.
#include "incoming/stolen_connection.hpp"

#include <poll.h>

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/write.hpp>

#include "incoming/probe.hpp"
#include "incoming/relay.hpp"
#include "incoming/stolen_socket.hpp"
#include "protocol/task.hpp"

namespace inpod::agent {
namespace {

namespace asio = boost::asio;
using protocol::Task;
constexpr std::size_t replay_limit = 64 << 10;
constexpr auto look_time = std::chrono::milliseconds(300);
// How long a fast sender waits for the client's word before its replay is given up: a few round trips.
constexpr auto least_wait = std::chrono::milliseconds(50), longest_wait = std::chrono::milliseconds(1000);

}  // namespace

StolenConnection::StolenConnection(Socket socket, Endpoint peer, Endpoint target, Route route, Note note,
                                   std::shared_ptr<PrivilegedNetwork> network)
    : socket_(std::move(socket)),
      peer_(peer),
      target_(target),
      route_(std::move(route)),
      note_(std::move(note)),
      network_(std::move(network)),
      deadline_(socket_.get_executor()),
      changed_(socket_.get_executor()) {
  prepare(socket_);
}

void StolenConnection::abort() {
  aborted_ = true;
  boost::system::error_code ignored;
  if (client_finished_)
    socket_.close(ignored);  // what the client sent last, and its end, still arrive
  else
    reset(socket_);
  if (pod_) reset(*pod_);
  if (stream_) stream_->reset(ECONNRESET);
  deadline_.cancel();
  changed_.cancel();
}

void StolenConnection::leave() {
  if (!stream_) release();
}

void StolenConnection::release() {
  route_.client.reset();
  if (with_pod_ || !stream_) return;  // run() takes it to the pod
  if (given_ || answered_) return abort();
  hand_over();
  stream_->reset(ECONNABORTED);
}

void StolenConnection::hand_over() {
  handing_over_ = true;
  boost::system::error_code ignored;
  socket_.cancel(ignored);
  changed_.cancel();
}

Task<void> StolenConnection::run(std::shared_ptr<StolenConnection> self) {
  bool taken = false;
  if (self->route_.opened_by_target && co_await self->route_.opened_by_target()) self->route_.client.reset();
  if (self->route_.client) {
    bool probe = false;
    if (!self->route_.probes.empty()) probe = co_await look(self);
    if (!probe && !self->aborted_) taken = co_await serve(self);
  }
  if (!taken && !self->aborted_) co_await relay(self);
}

/// True: a health check, by its first bytes. Bounded in time, for protocols where the server speaks first.
Task<bool> StolenConnection::look(std::shared_ptr<StolenConnection> self) {
  const auto until = std::chrono::steady_clock::now() + look_time;
  self->deadline_.expires_at(until);
  // An expired timer can't be cancelled: its handler must not end the reads that come after the look.
  const auto looking = std::make_shared<bool>(true);
  self->deadline_.async_wait([weak = self->weak_from_this(), looking](boost::system::error_code error) {
    if (const auto still = weak.lock(); still && !error && *looking) still->socket_.cancel(error);
  });
  bool gone = false;
  Opening verdict;
  while ((verdict = judge_opening(self->early_, self->peer_finished_, self->route_.from_node,
                                  self->route_.probes)) == Opening::unknown) {
    if (std::chrono::steady_clock::now() >= until) break;
    std::array<std::uint8_t, 4096> piece;
    const auto [error, size] = co_await self->socket_.async_read_some(asio::buffer(piece), as_result);
    self->early_.insert(self->early_.end(), piece.begin(), piece.begin() + std::ptrdiff_t(size));
    if (error == asio::error::operation_aborted) break;
    if (error) self->peer_finished_ = true;
    gone = error && error != asio::error::eof;
  }
  *looking = false;
  self->deadline_.cancel();
  if (gone && verdict != Opening::probe) self->abort();
  co_return verdict == Opening::probe;
}

bool StolenConnection::open_stream() {
  if (!route_.client || route_.client->away()) return false;
  const auto link = route_.client->link();
  if (!link) return false;
  auto stream = link->open_stream();
  if (!stream) {
    note_(protocol::Severity::warning,
          "steal: a connection from " + to_text(peer_) + " went to the pod: " + stream.error().text);
    return false;
  }
  stream_ = std::move(*stream);
  protocol::Incoming event;
  event.subscription = route_.subscription;
  event.stream = stream_->id();
  event.mode = protocol::IncomingMode::steal;
  event.remote = to_message(peer_);
  event.local = to_message(target_);
  link->notify(std::move(event));
  const auto round_trips = 3 * link->round_trip() + least_wait;
  deadline_.expires_after(std::min<std::chrono::steady_clock::duration>(round_trips, longest_wait));
  return true;
}

/// True: the client took the connection, and it has ended. False: it goes to the pod.
Task<bool> StolenConnection::serve(std::shared_ptr<StolenConnection> self) {
  if (!self->open_stream()) co_return false;
  self->uploading_ = true;
  asio::co_spawn(self->socket_.get_executor(), upload(self), [self](std::exception_ptr escaped) {
    Report{self->note_, "steal"}(escaped);
    if (escaped) self->abort();
    self->uploading_ = false;
    self->changed_.cancel();
  });
  const bool refused = co_await download(self);
  while (self->uploading_) {
    self->changed_.expires_at(std::chrono::steady_clock::time_point::max());
    co_await self->changed_.async_wait(as_result);
  }
  if (refused) self->stream_.reset();
  co_return !refused;
}

/// Client → peer. True: the client refused the connection, and nothing is lost yet.
Task<bool> StolenConnection::download(std::shared_ptr<StolenConnection> self) {
  for (;;) {
    const auto data = co_await self->stream_->read();
    if (!data) {
      const bool refused = data.error().code == ECONNREFUSED && !self->answered_ && self->replayable_;
      if (refused && !self->aborted_) self->hand_over();
      if (self->handing_over_ && !self->aborted_) co_return true;
      self->abort();
      co_return false;
    }
    if (!self->answered_) {
      self->answered_ = true;
      self->early_ = {};
      self->changed_.cancel();
    }
    boost::system::error_code failed;
    if (data->empty()) {
      self->socket_.shutdown(Socket::shutdown_send, failed);
      self->client_finished_ = true;
      if (self->watching_) self->socket_.cancel(failed);
      co_return false;
    }
    std::tie(failed, std::ignore) = co_await asio::async_write(self->socket_, asio::buffer(*data), as_result);
    if (failed) {
      self->abort();
      co_return false;
    }
  }
}

/// Before more than the replay's bound is read: the client's word, or a short while.
Task<void> StolenConnection::wait_for_answer(std::shared_ptr<StolenConnection> self) {
  while (!self->answered_ && !self->handing_over_ && !self->aborted_) {
    self->changed_.expires_at(self->deadline_.expiry());
    const auto [error] = co_await self->changed_.async_wait(as_result);
    if (!error) break;  // expired
  }
  if (self->handing_over_) co_return;
  self->replayable_ = false;
  self->early_ = {};
}

/// Behind the peer's FIN nothing is left to read, so a reset would be seen only by a write, and a client may
/// be silent for ever.
Task<void> StolenConnection::watch_for_reset(std::shared_ptr<StolenConnection> self) {
  if (self->handing_over_ || self->aborted_ || self->client_finished_) co_return;
  self->watching_ = true;
  const auto [cancelled] = co_await self->socket_.async_wait(Socket::wait_error, as_result);
  self->watching_ = false;
  if (cancelled || self->handing_over_ || self->aborted_ || self->client_finished_) co_return;
  pollfd look{self->socket_.native_handle(), 0, 0};  // urgent data wakes the wait, too
  if (poll(&look, 1, 0) == 1 && (look.revents & (POLLERR | POLLHUP)) != 0) self->abort();
}

/// Peer → client.
Task<void> StolenConnection::upload(std::shared_ptr<StolenConnection> self) {
  protocol::Bytes piece = self->early_;
  for (;;) {
    if (self->handing_over_ || self->aborted_) co_return;
    self->given_ = self->given_ || !piece.empty() || self->peer_finished_;
    if (!piece.empty()) {
      const auto sent = co_await self->stream_->write(piece);
      if (!sent) co_return;  // download() sees why
    }
    if (self->peer_finished_) {
      self->stream_->finish();
      co_await watch_for_reset(self);
      co_return;
    }
    const bool keeping = !self->answered_ && self->replayable_;
    if (keeping && self->early_.size() >= replay_limit) co_await wait_for_answer(self);
    if (self->handing_over_ || self->aborted_) co_return;
    piece = {};  // many may wait here
    const auto [not_ready] = co_await self->socket_.async_wait(Socket::wait_read, as_result);
    if (not_ready && (self->handing_over_ || self->aborted_)) co_return;
    const bool keep = !self->answered_ && self->replayable_;
    piece.resize(keep ? std::min(piece_size, replay_limit - self->early_.size()) : piece_size);
    const auto [error, size] = co_await self->socket_.async_read_some(asio::buffer(piece), as_result);
    piece.resize(size);
    if (!self->answered_ && self->replayable_)
      self->early_.insert(self->early_.end(), piece.begin(), piece.end());
    if (error == asio::error::eof) self->peer_finished_ = true;
    if (error && error != asio::error::eof && !self->handing_over_) {
      self->abort();
      co_return;
    }
  }
}

Task<void> StolenConnection::relay(std::shared_ptr<StolenConnection> self) {
  self->with_pod_ = true;
  const auto executor = self->socket_.get_executor();
  auto pod = open_marked(executor, *self->network_, self->target_);
  if (!pod) {
    self->note_(protocol::Severity::warning, "steal: " + pod.error().text);
    self->abort();
    co_return;
  }
  self->pod_ = std::make_unique<Socket>(std::move(*pod));
  const bool connected = co_await connect_within(*self->pod_, self->target_, std::chrono::seconds(10));
  if (!connected || self->aborted_) {
    self->abort();  // the pod would have refused it too
    co_return;
  }
  prepare(*self->pod_);
  co_await pump_both(self->socket_, *self->pod_, std::move(self->early_), self->peer_finished_);
}

}  // namespace inpod::agent
