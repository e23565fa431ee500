// Pump: carries bytes between a local stream socket and a stream of the Link, both ways, until both have
// ended. A half-close goes on as a half-close, a reset as a reset (RST); back-pressure is the stream's credit
// and the socket's buffer, so at most one piece is held here in each direction.
//
// A mirrored connection is ended by a peer that has got the pod's answer. The program may be slower, or stand
// at a breakpoint: an end that overtakes its answer would make it believe that nobody waits for one.
#pragma once

#include <boost/asio/generic/stream_protocol.hpp>
#include <functional>

#include "relay/context.hpp"

namespace inpod::relay {

class Pump : public std::enable_shared_from_this<Pump> {
 public:
  struct Options {
    bool discard_output = false;       ///< what the program sends goes nowhere (mirrored traffic)
    std::function<void()> on_request;  ///< the peer spoke first, or again after the program had spoken
    std::function<void()> on_end;      ///< both directions are over
    /// Mirrored traffic, asked once the peer's end has come: how many bytes of answer it had got before. Its
    /// end is held back until the program has answered, too.
    std::function<std::uint64_t()> answered;
  };
  static std::shared_ptr<Pump> start(Context& context, UniqueFd socket, int domain,
                                     std::unique_ptr<protocol::Stream> stream, Options options);
  ~Pump();
  /// The program sees a reset, the pod too.
  void abort();
  /// Whether the program has sent, or ended, what isn't on its way to the pod yet.
  bool has_waiting();

 private:
  using Socket = boost::asio::generic::stream_protocol::socket;
  Pump(Context& context, Socket socket, std::unique_ptr<protocol::Stream> stream, Options options);
  Task<void> to_pod(std::shared_ptr<Pump> self);
  Task<void> to_program(std::shared_ptr<Pump> self);
  Task<void> wait_for_answer();
  void break_socket();

  Context& context_;
  Socket socket_;
  std::unique_ptr<protocol::Stream> stream_;
  Options options_;
  bool program_spoke_ = true;
  bool program_ended_ = false;
  bool sending_ = false;            // what was read last waits for credit
  std::uint64_t program_sent_ = 0;  // bytes
  Signal heard_;                    // the program has sent something, or ended
};

}  // namespace inpod::relay
