// Incoming: the traffic that comes to the pod. It mirrors or steals connections for the clients that subscribe, and opens
// a stream on a client's link for each.
//
// One per agent process. It lives on the io thread, whose network namespace is the target's; call it only there.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "protocol/link.hpp"

namespace inpod::agent {

class Incoming {
 public:
  /// note: something that every client's user should read.
  static Result<std::unique_ptr<Incoming>> create(boost::asio::any_io_executor executor,
                                                  std::function<void(protocol::Severity, std::string)> note);
  virtual ~Incoming() = default;

  /// One client's session, given by the server.
  struct Client {
    std::string name;                                       ///< "user@host"
    std::function<std::shared_ptr<protocol::Link>()> link;  ///< streams are opened on it; null once it is closed
    std::function<bool()> away;                             ///< true while it has no transport: new connections go to the pod
  };
  /// Answers the subscription's id. Errors carry an errno for Failure (EADDRINUSE on a clash, ENOTSUP, …).
  virtual Result<std::uint64_t> subscribe(std::shared_ptr<Client> client, const protocol::Subscribe& what) = 0;
  virtual void unsubscribe(std::uint64_t subscription) = 0;
  /// Drops everything of a client.
  virtual void drop_client(const Client* client) = 0;
};

}  // namespace inpod::agent
