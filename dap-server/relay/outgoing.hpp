// Outgoing: TCP and unix stream connections that a debuggee makes from the pod, on its own socket.
// How a non-blocking connect keeps the program's descriptor is told in relay_protocol.hpp; docs/sockets.md
// has the pictures. A copy of the program's descriptor is held only until the connection stands: after that
// its close must reach us as one.
#pragma once

#include <list>
#include <unordered_map>

#include "relay/loopback.hpp"
#include "relay/processes.hpp"
#include "relay/socket_names.hpp"

namespace inpod::relay {

class Incoming;

class Outgoing {
 public:
  Outgoing(Context& context, SocketNames& names, SocketErrors& errors, Incoming& incoming,
           const Processes& processes);
  ~Outgoing();

  /// op connect for stream sockets. remote: the peer wanted.
  Task<Answer> connect(Call call, protocol::SocketAddress remote);
  void close();

 private:
  struct Attempt;
  struct Family;
  Result<Family*> family(protocol::AddressFamily family);
  void set_source(Attempt& attempt) const;
  Task<Answer> connect_waiting(std::shared_ptr<Attempt> attempt);
  std::optional<Answer> take_over(Attempt& attempt);
  Task<Answer> connect_unix(std::shared_ptr<Attempt> attempt, int pid);
  Task<Result<protocol::Connected>> connect_in_pod(std::shared_ptr<Attempt> attempt);
  Task<void> carry_out(std::shared_ptr<Attempt> attempt);
  Task<void> conclude(std::shared_ptr<Attempt> attempt, Result<protocol::Connected> connected);
  Task<bool> in_syn_sent(std::shared_ptr<Attempt> attempt);
  Task<void> give_up(std::shared_ptr<Attempt> attempt, int code);
  Task<void> accept_all(Family& family);
  Task<void> accept_unix(std::shared_ptr<Attempt> attempt, UniqueFd listener,
                         protocol::SocketAddress address);
  Task<void> expire(std::shared_ptr<Attempt> attempt);
  void accepted(Family& family, UniqueFd fd);
  void join(const std::shared_ptr<Attempt>& attempt, UniqueFd relay_end, int domain);

  Context& context_;
  SocketNames& names_;
  SocketErrors& errors_;
  Incoming& incoming_;
  const Processes& processes_;
  std::unordered_map<int, std::unique_ptr<Family>> families_;             // by AF_*
  std::unordered_map<std::uint64_t, std::shared_ptr<Attempt>> attempts_;  // by cookie
  std::uint64_t unix_listeners_ = 0;                                      // made so far: their names
};

}  // namespace inpod::relay
