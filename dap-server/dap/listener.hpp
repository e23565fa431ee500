// Listener: where `inpod dap --listen` takes its clients: a TCP port, or a unix socket. Clients of other
// users are refused: on a unix socket by SO_PEERCRED, on TCP by sock_diag(7) where the kernel knows the peer.
//
// Any thread, one at a time.
#pragma once

#include <optional>
#include <string>

#include "protocol/result.hpp"
#include "protocol/unique_fd.hpp"

namespace inpod::dap {

class Listener {
 public:
  /// where: "HOST:PORT" (port 0: any), or "unix:PATH" in a directory that is this user's alone; a socket that
  /// a dead server left there is replaced. allow_remote: HOST may be another address than loopback.
  static Result<Listener> create(const std::string& where, bool allow_remote);
  Listener(Listener&&) = default;
  ~Listener();

  /// Becomes readable when a client waits. Non-blocking.
  int fd() const { return socket_.get(); }
  /// "127.0.0.1:4711", "[::1]:4711" or "unix:/run/user/1000/inpod-dap".
  const std::string& address() const { return address_; }
  /// Every program of the machine, and every web page by way of a browser, reaches a port.
  bool needs_secret() const { return !directory_; }

  /// The next client. Nothing when none waits any more. Errors: a client that was refused, and why; with an
  /// errno where no client could be taken (no descriptors).
  Result<std::optional<UniqueFd>> accept() const;

 private:
  Listener() = default;
  Result<void> listen_at_address(const std::string& where, bool allow_remote);
  Result<void> listen_at_path(const std::string& path);
  Result<void> make_room_for_name() const;

  UniqueFd socket_;
  std::string address_;
  UniqueFd directory_;  ///< of a unix socket
  std::string name_;    ///< of the socket in it
};

}  // namespace inpod::dap
