// Server: takes clients' transports, checks that they know the token, starts or resumes their sessions, and
// decides when the agent leaves: when the target is gone, when it is told to, or when nobody has used it for
// its lease. Io thread only.
#pragma once

#include <array>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <list>
#include <map>
#include <memory>

#include "server/client_session.hpp"
#include "start/start_record.hpp"

namespace inpod::agent {

class Server {
 public:
  /// record: token and times. Where `listener` is not set, `connected` is the one transport there will be.
  /// on_leave: the server has said goodbye to everybody; called once.
  Server(PodServices& services, const StartRecord& record, UniqueFd listener, UniqueFd connected,
         std::function<void()> on_leave);
  ~Server();

  void start();
  /// Says goodbye to all clients and calls on_leave, within about two seconds. Idempotent.
  void leave(const std::string& reason);
  /// Something every client's user should read.
  void note(protocol::Severity severity, const std::string& text);

 private:
  using SessionId = std::array<std::uint8_t, 16>;
  struct Listener;
  protocol::Task<void> accept_all();
  void take(UniqueFd socket);
  protocol::Task<void> greet(std::unique_ptr<protocol::ByteTransport> transport);
  protocol::Task<Result<protocol::Hello>> read_hello(protocol::ByteTransport& transport);
  protocol::Handshake judge(const protocol::Hello& hello);
  std::shared_ptr<ClientSession> session_of(const protocol::Hello& hello);
  void expect_client_within(std::uint32_t seconds, const char* reason);
  void on_session_end(const SessionId& id);
  protocol::Task<void> goodbye(std::string reason);

  PodServices& services_;
  StartRecord record_;
  protocol::LinkOptions options_;
  std::unique_ptr<Listener> listener_;
  UniqueFd connected_;
  std::function<void()> on_leave_;
  boost::asio::steady_timer lonely_timer_;
  std::map<SessionId, std::shared_ptr<ClientSession>> sessions_;
  std::list<protocol::ByteTransport*> greeting_;  // without a valid Hello so far; the oldest first
  bool leaving_ = false;
};

/// A listening socket on 127.0.0.1; port 0: any. The bound port is stored in `port`.
Result<UniqueFd> listen_on_loopback(std::uint16_t& port);

}  // namespace inpod::agent
