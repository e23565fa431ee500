// MirrorCopy: one client's copy of one mirrored connection: a stream of its link, and the bytes that wait for
// it.
//
// The copy never holds up the traffic it copies: what the client has not taken yet is bounded, and past the
// bound the copy ends with a note. What the client sends back is read and dropped. Lives on the executor; its
// coroutines keep it alive until the stream has ended.
#pragma once

#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <deque>
#include <memory>
#include <string>

#include "incoming/endpoint.hpp"
#include "incoming/incoming.hpp"
#include "incoming/report.hpp"
#include "protocol/link.hpp"

namespace inpod::agent {

class MirrorCopy : public std::enable_shared_from_this<MirrorCopy> {
 public:
  using Data = std::shared_ptr<const protocol::Bytes>;  ///< shared by all copies of a connection

  /// Opens the stream and tells the client. Fails when its link is closed or holds too many streams.
  static Result<std::shared_ptr<MirrorCopy>> start(boost::asio::any_io_executor executor,
                                                   const Incoming::Client& client, std::uint64_t subscription,
                                                   const Endpoint& peer, const Endpoint& local, Note note);

  ~MirrorCopy();
  /// Queues bytes. False: the bound of this copy or of all copies is passed, and nothing was queued; the
  /// caller ends the copy.
  bool push(Data data);
  /// The connection's end, behind what is queued: a FIN or, with `code`, a reset. answered: as PeerClosed has
  /// it.
  void finish(std::uint64_t answered, int code = 0);
  /// Ends it now, dropping what is queued. Idempotent.
  void reset(int code);
  bool over() const { return over_; }
  std::uint64_t subscription() const { return subscription_; }
  /// More than half of the bound waits, and not for so long yet that the client counts as stuck.
  bool congested(std::chrono::steady_clock::time_point now) const;

 private:
  MirrorCopy(boost::asio::any_io_executor executor, std::uint64_t subscription,
             std::unique_ptr<protocol::Stream> stream, std::weak_ptr<protocol::Link> link);
  void tell_end();
  static protocol::Task<void> write_all(std::shared_ptr<MirrorCopy> self);
  static protocol::Task<void> drop_answers(std::shared_ptr<MirrorCopy> self);

  std::uint64_t subscription_;
  std::unique_ptr<protocol::Stream> stream_;
  std::weak_ptr<protocol::Link> link_;
  std::deque<Data> queue_;
  std::size_t waiting_ = 0;  ///< bytes in queue_
  std::chrono::steady_clock::time_point congested_since_{};
  boost::asio::steady_timer changed_;  ///< cancelled to wake the writer
  std::uint64_t answered_ = 0;
  int end_code_ = 0;  ///< of the end that waits behind the queue: 0 for a FIN
  bool finishing_ = false, over_ = false;
};

}  // namespace inpod::agent
