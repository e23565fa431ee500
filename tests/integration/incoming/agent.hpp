// TestAgent: an Incoming on an io thread inside the pod's network namespace, and TestClients joined to it by
// real Links over socket pairs. What the client's program would do with a connection is a function of the
// test.
//
// Everything of Incoming, Link and Stream happens on the io thread; call() runs something there and waits,
// with a bound.
#pragma once

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "incoming/incoming.hpp"
#include "namespaces.hpp"
#include "protocol/link.hpp"

namespace inpod::test {

class TestAgent;

/// What became of one connection at the client's side.
struct Received {
  protocol::Incoming event;
  std::string bytes;
  bool ended = false;                                    ///< by FIN
  int reset = 0;                                         ///< or by a reset with this errno
  std::optional<std::uint64_t> answered = std::nullopt;  ///< what PeerClosed said
};

class TestClient {
 public:
  /// A program that takes connections: reads and answers on the stream, and records into `received` by
  /// record().
  using Program = std::function<protocol::Task<void>(
      TestClient& client, std::unique_ptr<protocol::Stream> stream, std::size_t index)>;

  TestClient(TestAgent& agent, std::string name, Program program, protocol::LinkOptions options = {});
  ~TestClient();

  Result<std::uint64_t> subscribe(std::uint16_t port, protocol::IncomingMode mode,
                                  std::vector<protocol::Probe> probes = {});
  Result<std::uint64_t> subscribe(const protocol::Subscribe& what);
  void unsubscribe(std::uint64_t subscription);
  void drop();
  void set_away(bool away) { away_ = away; }
  /// As the server does when its transport was closed and it does not come back.
  void give_up_connections();

  /// Waits until so many connections have come, and all of them have ended; gives all that came.
  std::vector<Received> wait_for(std::size_t connections, milliseconds bound = seconds(60));
  std::size_t count() const;
  /// Whether this text came on one of the connections.
  bool holds(const std::string& text) const;
  std::vector<std::string> notes() const;

  /// For programs.
  void record(std::size_t index, const std::function<void(Received&)>& change);

 private:
  void on_event(protocol::Message event);
  TestAgent& agent_;
  Program program_;
  std::atomic<bool> away_{false};
  std::atomic<int> running_{0};  ///< programs
  std::shared_ptr<protocol::Link> agent_link_, client_link_;
  std::shared_ptr<agent::Incoming::Client> client_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Received> received_;
  std::vector<std::string> notes_;
};

class TestAgent {
 public:
  explicit TestAgent(const PodNetwork& network, agent::Incoming::OpenedByTarget opened_by_target = {});
  ~TestAgent();
  /// Runs it on the io thread.
  void call(const std::function<void()>& work);
  /// Null once it has ended.
  agent::Incoming* incoming() { return incoming_.get(); }
  boost::asio::io_context& context() { return context_; }
  /// Ends the Incoming, as an agent that leaves would.
  void end_incoming();
  std::vector<std::string> notes() const;

 private:
  boost::asio::io_context context_;
  std::unique_ptr<agent::Incoming> incoming_;
  mutable std::mutex mutex_;
  std::vector<std::string> notes_;
  std::thread thread_;
};

// Programs.

/// Reads all and records it; sends nothing, and ends when the peer does.
TestClient::Program collector();
/// Answers each connection's first bytes with an HTTP response of this text, and closes.
TestClient::Program http_answer(std::string text);
/// Refuses, as a client without a listener does.
TestClient::Program refuser();
/// Sends everything back, with half-close.
TestClient::Program echo();
/// Takes the stream and never reads it.
TestClient::Program stuck();

}  // namespace inpod::test
