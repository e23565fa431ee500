// Signals: the signals that ask this process for something, as values to wait for (signalfd(2)), with the
// sender's kind: a terminal's Ctrl-C reaches the program by itself, a kill(1) of inpod must be passed on.
//
// block_signals() must run before any thread starts, so that all of them have the signals blocked.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>

#include "protocol/link.hpp"

namespace inpod::cli {

struct Signal {
  int number = 0;
  bool from_terminal = false;  ///< the kernel sent it, to the whole foreground process group
};

/// Blocks SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2 and SIGCHLD for the process.
void block_signals();
/// Undoes it, and the ignoring of SIGPIPE, between fork and exec; async-signal-safe.
void restore_signals();
/// From now on INT, TERM, HUP and QUIT end this process, as they do one that knows nothing of them.
void let_signals_end_us();

class Signals {
 public:
  static Result<Signals> create(boost::asio::any_io_executor executor);
  /// The next one. Number 0 when cancelled.
  protocol::Task<Signal> next();
  /// The next one that asks inpod to end: SIGINT, SIGTERM, SIGHUP or SIGQUIT.
  protocol::Task<Signal> next_end();

 private:
  explicit Signals(boost::asio::posix::stream_descriptor source) : source_(std::move(source)) {}
  boost::asio::posix::stream_descriptor source_;
};

}  // namespace inpod::cli
