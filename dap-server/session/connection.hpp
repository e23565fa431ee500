// Connection: the Link to one agent, kept alive over lost transports. On a loss it reconnects with growing
// pauses (0.1 … 2 s) until the link's resume window ends or the agent is known to be gone.
//
// One executor; call only there. The owner keeps it by shared_ptr and calls close() when done.
#pragma once

#include <boost/asio/cancellation_signal.hpp>

#include "session/agent_access.hpp"

namespace inpod {

class Connection : public std::enable_shared_from_this<Connection> {
 public:
  struct Handlers {
    std::function<void(protocol::Message)> on_event;
    /// "lost" and "resumed", with a sentence for people.
    std::function<void(const std::string& state, const std::string& text)> on_change;
    /// Over, once: everything in the link has failed. Not called after close().
    std::function<void(Error why)> on_closed;
  };

  /// With a link that has no transport yet: what is asked of it waits.
  static std::shared_ptr<Connection> create(boost::asio::any_io_executor executor, Handlers handlers);

  /// First transport and handshake. A refusal by the agent is an error with its text; then another agent may
  /// be tried.
  Task<Result<void>> open(std::shared_ptr<AgentAccess> access);
  bool is_over() const { return over_ || closing_; }
  const std::shared_ptr<protocol::Link>& link() const { return link_; }
  std::uint32_t lease_seconds() const { return lease_seconds_; }
  /// Says Bye, bounded by 2 s, then closes. Safe in any state; idempotent.
  Task<void> close();

 private:
  Connection(boost::asio::any_io_executor executor, Handlers handlers);
  void make_link();
  Task<Result<void>> connect();
  void tell_failure(const Error& error);
  Task<void> resume();
  void start_resume(const Error& why);
  void link_closed(std::optional<Error> why);

  boost::asio::any_io_executor executor_;
  std::shared_ptr<AgentAccess> access_;
  Handlers handlers_;
  std::array<std::uint8_t, 16> session_{};
  std::shared_ptr<protocol::Link> link_;
  boost::asio::cancellation_signal stop_resume_;
  std::uint32_t lease_seconds_ = 0;
  Error last_failure_;  ///< of an attempt to reconnect; empty text: none
  bool attached_ = false, closing_ = false, over_ = false, resuming_ = false;
};

}  // namespace inpod
