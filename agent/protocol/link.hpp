// Link: one numbered, resumable conversation with the other side, over one transport after another.
//
// Both ends use the same class: the client (dap-server/session) and the agent. A Link outlives its transport:
// frames are numbered, unacknowledged ones are kept, and after `resume` with a new transport both replay what
// the other missed. While no transport is there, sends wait (up to the buffer's bound) and nothing is lost:
// streams and large requests wait in their coroutines; what is answered or notified is queued, and past
// replay_limit the link fails. Past `resume_window` or past `replay_limit` bytes the link fails: every stream
// ends with a reset, every open request with ECONNRESET.
//
// Threads: a Link and its Streams live on one executor (a strand, or an io_context run by one thread); call
// them only there. All waiting functions are coroutines; cancelling one never corrupts the link.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "protocol/messages.hpp"
#include "protocol/result.hpp"
#include "protocol/task.hpp"

namespace inpod::protocol {

/// Ordered, reliable bytes to the peer: a socket, or a port-forward's data channel.
class ByteTransport {
 public:
  virtual ~ByteTransport() = default;
  /// Reads at least one byte; 0 bytes at an orderly end.
  virtual Task<Result<std::size_t>> read_some(std::span<std::uint8_t> into) = 0;
  /// Writes all of it.
  virtual Task<Result<void>> write(std::span<const std::uint8_t> data) = 0;
  /// Ends both directions at once; waiting reads and writes return an error. Idempotent.
  virtual void close() = 0;
};

/// A transport over a connected stream socket (TCP or unix), which it owns.
std::unique_ptr<ByteTransport> make_socket_transport(boost::asio::generic::stream_protocol::socket socket);

struct LinkOptions {
  std::uint32_t stream_window = 1 << 20;  ///< bytes of credit given to the peer on each stream, ≥ 4 KiB; the
                                          ///< same number goes into Hello/Welcome
  std::size_t replay_limit = 32 << 20;        ///< bytes of unacknowledged frames kept for a resume
  std::chrono::seconds resume_window{60};     ///< how long a link lives without a transport
  std::chrono::milliseconds heartbeat{5000};  ///< ping interval
  std::chrono::milliseconds silence{9000};    ///< nothing heard for so long: the transport is lost
  std::chrono::milliseconds doubt{2000};  ///< the same while something is unacknowledged: answers() is false
  std::size_t max_streams = 4096,
              max_requests = 4096;  ///< open at once; more from the peer is a protocol error
};

class Link;
class LinkCore;
struct StreamState;

/// One byte or datagram stream of a Link. One coroutine may read while another writes; a second reader or
/// writer gets EBUSY. Destroying it resets the stream, unless finish() was called: then what was written, and
/// the FIN, still go out, and what the peer still sends is refused (as close(2) does to a socket).
class Stream {
 public:
  ~Stream();
  std::uint32_t id() const;
  /// Next bytes (for datagram streams: the next whole datagram). An empty result is the peer's orderly end
  /// (FIN), and then ended() is true; else it is an empty datagram. An error is a reset: its code is the
  /// errno the peer gave (ECONNRESET if none); what came before the reset can still be read. Taking bytes
  /// gives credit back.
  Task<Result<Bytes>> read();
  /// True once read() has given the peer's FIN.
  bool ended() const;
  /// True once the stream was reset, by whichever side or by the link's end: read() gives what came before
  /// that, then the error.
  bool is_reset() const;
  /// Sends all of it, waiting for credit; pieces of at most 64 KiB. Datagram streams: call write_datagram.
  /// Cancelled or failed, it may have sent a part. EPIPE after finish(); the errno of a reset.
  Task<Result<void>> write(std::span<const std::uint8_t> data);
  /// One datagram, at most 64 KiB and half the peer's window (EMSGSIZE). Waits for credit.
  Task<Result<void>> write_datagram(std::span<const std::uint8_t> data);
  /// Half-close: no more writes (FIN).
  void finish();
  /// Ends both directions with an errno.
  void reset(int code);

 private:
  friend class LinkCore;
  explicit Stream(std::shared_ptr<StreamState> state);
  std::shared_ptr<StreamState> state_;
};

class Link : public std::enable_shared_from_this<Link> {
 public:
  /// Whoever has on_request is the agent. Handlers run on the executor, never inside a call of the Link (but
  /// on_request and on_event inside its reader: they must not block), and are dropped after on_closed or
  /// ~Link.
  struct Handlers {
    /// Agent only: a request came. Answer with respond(id, …), from any coroutine, once.
    std::function<void(std::uint32_t id, Message request)> on_request;
    /// Client only: an event came.
    std::function<void(Message event)> on_event;
    /// The transport is lost; the link waits for attach() until the resume window ends.
    std::function<void(Error why)> on_transport_lost;
    /// The link is over, once: everything in it has already been failed. Empty error: closed by us.
    std::function<void(std::optional<Error> why)> on_closed;
  };

  static std::shared_ptr<Link> create(boost::asio::any_io_executor executor, LinkOptions options,
                                      Handlers handlers);
  ~Link();

  /// Takes a transport on which the handshake (handshake.hpp) has just succeeded. peer_received: what the
  /// peer said it has. Replays, then runs. peer_window: the credit that each new stream starts with towards
  /// the peer. peer_features: what it named in the handshake; requests of other features fail with
  /// EOPNOTSUPP.
  Result<void> attach(std::unique_ptr<ByteTransport> transport, std::uint64_t peer_received,
                      std::uint32_t peer_window, std::vector<std::string> peer_features = own_features());
  /// Agent: the client is back on another transport, for which attach() is to come. The old one is lost from
  /// now on: what still arrives there must not count as received, since the client hears of `received`
  /// before.
  void drop_transport();
  /// Number of the last numbered frame received; goes into Hello/Welcome.
  std::uint64_t received() const;
  bool has_transport() const;
  /// False without a transport, and while the peer has said nothing to what was sent for LinkOptions::doubt:
  /// a line that was cut without a word looks like this long before its transport counts as lost.
  bool answers() const;
  /// Whether the peer was heard at `moment` or later. Where it was not, it is asked (a ping), and has `bound`
  /// to answer.
  Task<bool> heard_since(std::chrono::steady_clock::time_point moment, std::chrono::milliseconds bound);
  /// Last measured round trip of a heartbeat, or zero.
  std::chrono::microseconds round_trip() const;

  /// Client: sends a request and waits for its answer. A Failure becomes an Error with its errno and text.
  Task<Result<Message>> request(Message message);
  /// The same, typed: any answer other than T is a protocol error.
  template <class T>
  Task<Result<T>> request_as(Message message) {
    auto answer = co_await request(std::move(message));
    if (!answer) co_return Failed(answer.error());
    if (auto* value = std::get_if<T>(&*answer)) co_return std::move(*value);
    co_return fail("protocol error: unexpected answer");
  }
  /// Agent: answers a request, or sends an event.
  void respond(std::uint32_t id, Message response);
  void notify(Message event);
  /// Whether the peer named this feature in the handshake.
  bool peer_knows(std::string_view feature) const;

  /// Agent: a new stream with an id of its own. Client: the stream whose id stands in an answer or event;
  /// takes it once (data that came before is kept within the window).
  Result<std::unique_ptr<Stream>> open_stream();
  Result<std::unique_ptr<Stream>> take_stream(std::uint32_t id);

  /// Sends what is queued, as far as the transport takes it within the bound, then closes.
  Task<void> flush_and_close(std::chrono::milliseconds bound);
  /// Closes now.
  void close(std::optional<Error> why = std::nullopt);

 private:
  explicit Link(std::shared_ptr<LinkCore> core);
  std::shared_ptr<LinkCore> core_;
};

}  // namespace inpod::protocol
