// LinkCore: the working part of a Link, kept alive by its coroutines. Internal to the protocol library;
// link.hpp is the border. Split over files by concern:
//   link_core.cpp      life: attach, lost transports, the resume window, heartbeat, closing
//   link_writer.cpp    queue → numbered frames → transport
//   link_reader.cpp    transport → frames → messages, streams, acknowledgements
//   link_requests.cpp  requests of the client, answers of the agent
//   link_streams.cpp   table of streams, credit and ends
//
// Memory is bounded by: replay_limit for queued frames, again for unacknowledged ones, the sum of the stream
// windows, and request_budget for requests in progress.
#pragma once

#include <deque>
#include <map>
#include <set>
#include <unordered_map>

#include "protocol/event.hpp"
#include "protocol/frame.hpp"
#include "protocol/link.hpp"
#include "protocol/replay_buffer.hpp"
#include "protocol/stream_state.hpp"

namespace inpod::protocol {

class LinkCore : public std::enable_shared_from_this<LinkCore> {
 public:
  using Self = std::shared_ptr<LinkCore>;
  LinkCore(boost::asio::any_io_executor executor, LinkOptions options, Link::Handlers handlers);

  const boost::asio::any_io_executor& executor() const { return executor_; }
  const LinkOptions& options() const { return options_; }
  std::uint32_t peer_window() const { return peer_window_; }

  // Life (link_core.cpp).
  Result<void> attach(std::unique_ptr<ByteTransport> transport, std::uint64_t peer_received,
                      std::uint32_t peer_window, std::vector<std::string> peer_features);
  void drop_transport();
  std::uint64_t received() const { return received_; }
  bool peer_knows(std::string_view feature) const;
  bool has_transport() const { return carrier_ != nullptr; }
  bool answers() const { return carrier_ && carrier_->unanswered < options_.doubt; }
  static Task<bool> heard_since(Self self, std::chrono::steady_clock::time_point moment,
                                std::chrono::milliseconds bound);
  std::chrono::microseconds round_trip() const { return round_trip_; }
  void close(std::optional<Error> why);
  /// Nobody listens any more.
  void drop_handlers() { handlers_.reset(); }
  static Task<void> flush_and_close(Self self, std::chrono::milliseconds bound);

  // Sending (link_writer.cpp).
  /// Queues a numbered frame before all stream data. Fails the link when the queue is over replay_limit.
  void enqueue(Bytes frame, std::uint32_t request = 0);
  /// The stream may have something to send.
  void make_ready(const std::shared_ptr<StreamState>& stream);
  bool datagram_fits(std::size_t size) const;

  // Requests (link_requests.cpp).
  static Task<Result<Message>> request(Self self, Message message);
  void respond(std::uint32_t id, Message response);
  void notify(Message event);

  // Streams (link_streams.cpp).
  Result<std::unique_ptr<Stream>> open_stream();
  Result<std::unique_ptr<Stream>> take_stream(std::uint32_t id);
  void reset_stream(const std::shared_ptr<StreamState>& stream, int code);
  void abandon_stream(const std::shared_ptr<StreamState>& stream);

 private:
  /// One transport and what belongs to it alone.
  struct Carrier {
    Carrier(const boost::asio::any_io_executor& executor, std::unique_ptr<ByteTransport> owned)
        : transport(std::move(owned)), wake(executor), ended(executor), tick(executor) {}
    std::unique_ptr<ByteTransport> transport;
    bool lost = false;                           ///< closed; its coroutines end
    std::uint64_t next_number = 1;               ///< next frame to write here
    std::optional<std::uint64_t> next_expected;  ///< number of the next frame to come, once the first has
    std::optional<Bytes> farewell;            ///< the link is over: write this close frame, then nothing more
    std::size_t heard_bytes = 0;              ///< since the last tick
    std::chrono::milliseconds unanswered{0};  ///< silence while something was unacknowledged, in ticks
    bool ping_due = false;
    std::optional<std::uint64_t> pong_due;
    std::optional<std::uint64_t> ping_sent;  ///< steady clock, ns; until its pong comes
    bool writing = false;
    Event wake;   ///< the writer looks again
    Event ended;  ///< lost has become true
    boost::asio::steady_timer tick;
  };
  using CarrierPtr = std::shared_ptr<Carrier>;

  /// A request of ours. abandoned: its coroutine was cancelled, the answer will be thrown away.
  struct Waiter {
    Waiter(const boost::asio::any_io_executor& executor, std::uint32_t request, std::size_t bytes)
        : id(request), cost(bytes), event(executor) {}
    const std::uint32_t id;
    const std::size_t cost;
    Event event;
    bool abandoned = false;
    std::optional<Result<Message>> answer;
  };
  struct Queued {
    Bytes frame;
    std::uint32_t request;  ///< id, while it can still be withdrawn; else 0
  };

  // Life.
  void spawn(Task<void> task);
  /// Ends a transport and nothing else.
  void detach(CarrierPtr carrier);
  /// The same for one that broke: the resume window starts.
  void lose(const CarrierPtr& carrier, Error why);
  void start_resume_window();
  void close_by_peer(const CarrierPtr& carrier, const Error& why);
  void say_goodbye();
  static Task<void> heartbeat(Self self, CarrierPtr carrier);
  bool has_unacknowledged() const { return replay_.last() > replay_.acknowledged(); }
  void acknowledge_in_time(Carrier& carrier);
  Error closed_error() const;

  // Writer.
  static Task<void> write_loop(Self self, CarrierPtr carrier);
  void wake_writer();
  void assemble(Carrier& carrier, Bytes& batch);
  void assemble_unnumbered(Carrier& carrier, Bytes& batch);
  void assemble_data(Carrier& carrier, Bytes& batch);
  void write_numbered(Carrier& carrier, Bytes frame, Bytes& batch);
  void send_from(const std::shared_ptr<StreamState>& stream, Carrier& carrier, Bytes& batch);
  bool all_sent() const;

  // Reader.
  static Task<void> read_loop(Self self, CarrierPtr carrier);
  Result<void> take_bytes(const CarrierPtr& carrier, FrameParser& parser,
                          std::span<const std::uint8_t> input);
  Result<void> take_frame(Carrier& carrier, Frame frame);
  Result<bool> check_number(Carrier& carrier, const Frame& frame);
  Result<void> take_message(const Frame& frame);
  void take_pong(Carrier& carrier, std::uint64_t value);

  // Requests.
  Result<void> take_request(std::uint32_t id, Message request, std::size_t size);
  Result<void> take_answer(std::uint32_t id, Message answer);
  void give_up(const std::shared_ptr<Waiter>& waiter);
  void discard_answer(const Message& answer);
  void finish_request(std::uint32_t id);
  bool may_send(std::size_t cost) const;
  static Task<Result<void>> wait_in_line(Self self, std::size_t cost);
  std::shared_ptr<Waiter> send_request(std::span<const std::uint8_t> payload, std::size_t cost);
  void fail_requests();

  // Streams.
  Result<std::shared_ptr<StreamState>> find_or_open(std::uint32_t id);
  bool is_new(std::uint32_t id) const;
  Result<std::shared_ptr<StreamState>> open_from_peer(std::uint32_t id);
  void forget_untaken();
  Result<void> take_data(Frame frame);
  Result<void> take_end(const Frame& frame);
  Result<void> take_credit(const Frame& frame);
  void send_reset(const std::shared_ptr<StreamState>& stream, int code);
  void retire_if_over(const std::shared_ptr<StreamState>& stream);
  void fail_streams(const Error& error);

  boost::asio::any_io_executor executor_;
  const LinkOptions options_;
  std::shared_ptr<Link::Handlers> handlers_;
  const bool agent_;

  bool closed_ = false;
  std::optional<Error> close_reason_;
  CarrierPtr carrier_;
  CarrierPtr leaving_;  ///< the last transport, while it says goodbye
  boost::asio::steady_timer resume_timer_;
  std::chrono::microseconds round_trip_{0};
  bool attached_before_ = false;
  std::chrono::steady_clock::time_point last_heard_{};
  std::uint32_t peer_window_ = 0;
  std::vector<std::string> peer_features_;

  std::deque<Queued> queue_;
  std::size_t queue_bytes_ = 0;
  ReplayBuffer replay_;
  std::deque<std::shared_ptr<StreamState>> ready_;
  Event drained_;  ///< everything was sent, or the transport was lost

  std::uint64_t received_ = 0;
  std::uint64_t ack_sent_ = 0;
  std::size_t unacknowledged_bytes_ = 0;
  bool ack_due_ = false;

  std::unordered_map<std::uint32_t, std::shared_ptr<Waiter>> requests_;  ///< client: ours
  std::unordered_map<std::uint32_t, std::size_t> to_answer_;  ///< agent: the peer's, and their cost
  std::uint32_t last_request_ = 0;
  std::size_t requests_cost_ = 0;
  std::deque<std::uint64_t> line_;  ///< requests that wait until they may be sent
  std::uint64_t last_place_ = 0;
  Event request_finished_;

  std::unordered_map<std::uint32_t, std::shared_ptr<StreamState>> streams_;  ///< not retired
  std::map<std::uint32_t, std::shared_ptr<StreamState>> untaken_;  ///< client: opened by the agent, not taken
  std::set<std::uint32_t>
      unheard_;  ///< client: ids below the highest seen that have not been seen themselves
  std::uint32_t highest_stream_ = 0;  ///< agent: last id given; client: highest seen
};

}  // namespace inpod::protocol
