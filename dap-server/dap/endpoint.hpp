// Endpoint: one side of a DAP conversation: whole messages in and out of a pair of file descriptors (pipes,
// or a socket twice). Sending queues and never waits; a reader that must not outrun the other side waits in
// `room`.
//
// One executor; call only there. stdin and stdout must be pipes, sockets or terminals: what epoll(7) refuses
// (regular files) is an error of `create`.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "protocol/link.hpp"
#include "protocol/result.hpp"
#include "protocol/unique_fd.hpp"

namespace inpod::dap {

using protocol::Task;

class Endpoint : public std::enable_shared_from_this<Endpoint> {
 public:
  static constexpr std::size_t queue_limit = 16 << 20;  ///< bytes queued above which `room` waits

  static Result<std::shared_ptr<Endpoint>> create(boost::asio::any_io_executor executor, UniqueFd in,
                                                  UniqueFd out);
  ~Endpoint();

  /// For a client that must show a secret: see FrameReader. Before the first `read`.
  void expect_secret();
  void trust();
  const std::optional<std::string>& secret() const;

  /// The next message's body; nothing at an orderly end.
  Task<Result<std::optional<std::string>>> read();
  /// Queues a body. Lost silently when the other side is gone: the reader learns of that.
  void send(std::string_view body);
  bool full() const;
  /// Waits until the queue is below its limit, or the endpoint is closed.
  Task<void> room();
  /// Waits until all is written, the other side is gone, or `bound` passes.
  Task<void> flush(std::chrono::milliseconds bound);
  /// Closes the sending side once the queue is written; a pipe's reader then sees the end.
  void finish();
  /// Closes both sides at once. Idempotent.
  void close();

 private:
  struct State;
  explicit Endpoint(std::unique_ptr<State> state);
  Task<void> write_queue();
  void start_writing();
  std::unique_ptr<State> state_;
};

}  // namespace inpod::dap
