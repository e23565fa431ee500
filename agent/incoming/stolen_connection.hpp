// StolenConnection: one redirected connection, from accept to its end: to the client as a stream, or on to
// the pod.
//
// To the pod go: health checks, what the target's own container opened, what comes while the client is away,
// and what the client refuses (a reset with ECONNREFUSED before it sent a byte: it has no listener); with all
// bytes that were already read, in order. The first 64 KiB are kept for that until the client has answered; a
// peer that sends more at once waits a moment for the client's word, then the connection is the client's for
// good. The pod sees such a connection come from itself, not from the peer. Half-closes and resets pass
// through both ways. Lives on the executor.
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <memory>
#include <vector>

#include "incoming/endpoint.hpp"
#include "incoming/incoming.hpp"
#include "incoming/report.hpp"
#include "protocol/link.hpp"

namespace inpod::agent {

class StolenConnection : public std::enable_shared_from_this<StolenConnection> {
 public:
  using Socket = boost::asio::ip::tcp::socket;

  struct Route {
    std::uint64_t subscription = 0;
    std::shared_ptr<Incoming::Client> client;  ///< null: straight to the pod
    std::vector<protocol::Probe> probes;       ///< of this port; without any, first bytes are not looked at
    bool from_node = false;
    /// Where it came from inside the pod: whether the target's own container opened it, so that it stays with
    /// the pod.
    std::function<protocol::Task<bool>()> opened_by_target;
  };

  /// network: opens the way to the pod.
  StolenConnection(Socket socket, Endpoint peer, Endpoint target, Route route, Note note,
                   std::shared_ptr<PrivilegedNetwork> network);

  /// The connection's whole life. Returns when both directions have ended.
  static protocol::Task<void> run(std::shared_ptr<StolenConnection> self);
  /// Ends both sides now, by a reset where the client has not ended its own; run() returns soon. Idempotent.
  void abort();
  /// Its client is gone: goes to the pod if the client was given nothing of it yet, is reset if it was. A
  /// connection that is the pod's already goes on.
  void release();
  /// Its client takes no further connections: as release(), but keeps those that it was told of, to take or
  /// refuse them.
  void leave();
  /// Who gets it. Null: the pod.
  const Incoming::Client* client() const { return route_.client.get(); }

 private:
  static protocol::Task<bool> look(std::shared_ptr<StolenConnection> self);
  static protocol::Task<bool> serve(std::shared_ptr<StolenConnection> self);
  static protocol::Task<bool> download(std::shared_ptr<StolenConnection> self);
  static protocol::Task<void> upload(std::shared_ptr<StolenConnection> self);
  static protocol::Task<void> watch_for_reset(std::shared_ptr<StolenConnection> self);
  static protocol::Task<void> wait_for_answer(std::shared_ptr<StolenConnection> self);
  static protocol::Task<void> relay(std::shared_ptr<StolenConnection> self);
  bool open_stream();
  void hand_over();

  Socket socket_;
  Endpoint peer_, target_;
  Route route_;
  Note note_;
  std::shared_ptr<PrivilegedNetwork> network_;
  boost::asio::steady_timer deadline_;  ///< of a look at first bytes, of a connect
  boost::asio::steady_timer changed_;   ///< cancelled when one of the flags below changes
  std::unique_ptr<protocol::Stream> stream_;
  std::unique_ptr<Socket> pod_;
  protocol::Bytes early_;         ///< what was read and may still have to go to the pod
  bool replayable_ = true;        ///< early_ is all that was read
  bool peer_finished_ = false;    ///< the peer's FIN was read
  bool answered_ = false;         ///< the client has sent a byte or its FIN
  bool handing_over_ = false;     ///< the client refused; the connection goes to the pod
  bool given_ = false;            ///< the client was sent bytes, or the FIN
  bool client_finished_ = false;  ///< the peer was sent the client's FIN
  bool watching_ = false;         ///< for the peer's reset, behind its FIN
  bool uploading_ = false, with_pod_ = false, aborted_ = false;
};

}  // namespace inpod::agent
