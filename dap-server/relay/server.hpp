// Server: the relay's unix socket. Each connection carries one operation (relay_protocol.hpp): it is
// received, handed to the handler, answered and closed, in a coroutine of its own, so that a slow answer
// holds up only its own caller.
//
// Hostile input costs the sender its connection and nothing else: who may come in is told by
// Processes::admits, lengths are capped, surplus descriptors are closed. There is no time limit on a request:
// a program may stand at a breakpoint half way through it. Instead the number of connections is bounded, and
// at the bound the oldest unfinished request goes.
#pragma once

#include <boost/asio/posix/stream_descriptor.hpp>
#include <functional>
#include <list>
#include <memory>
#include <string>

#include "relay/context.hpp"
#include "relay/processes.hpp"

namespace inpod::relay {

class Server {
 public:
  using Handler = std::function<Task<Answer>(Call)>;
  static constexpr std::size_t max_connections = 2048;

  /// Listens at `path` with mode 0600; an old socket there is removed. Root's programs may become other users
  /// or change their root, and get there no more: for them also at the abstract name "\0" + `path`.
  static Result<std::unique_ptr<Server>> create(Context& context, const Processes& processes,
                                                const std::string& path, Handler handler);
  ~Server();
  void start();
  /// Closes the listener and every connection, and removes the socket's name. Idempotent.
  void close();
  const std::string& path() const { return path_; }

 private:
  struct Connection;
  using Connections = std::list<std::shared_ptr<Connection>>;

  using Listener = boost::asio::posix::stream_descriptor;

  Server(Context& context, const Processes& processes, std::string path, UniqueFd listener, Handler handler);
  Task<void> accept_all(Listener& listener);
  bool accept_waiting(Listener& listener);
  Task<void> serve(std::shared_ptr<Connection> connection);
  Task<bool> receive(Connection& connection, Call& call);
  Task<void> send(Connection& connection, Answer answer);
  void make_room();

  Context& context_;
  const Processes& processes_;
  std::string path_;
  Handler handler_;
  Listener listener_, abstract_listener_;
  Connections receiving_;  // oldest first
  std::size_t open_ = 0;
  Signal room_;
  bool closed_ = false;
  bool starved_ = false;  // out of descriptors or memory: the listeners stay readable
};

}  // namespace inpod::relay
