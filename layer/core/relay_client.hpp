// The client of the relay: one connection for one operation (relay_protocol.hpp), by system calls alone.
//
// A program that has become another user, or changed its root, can't reach the socket's path any more: it
// goes to the abstract name of the same text, where root's inpod listens, too.
//
// Nothing is kept between operations, so any thread, signal handler, fork or vfork child may call. A process
// that has used up its descriptors is no obstacle (own_table.hpp). An interrupted wait goes on, unless the
// operation is marked interruptible. There is no time limit here: the
// relay bounds each operation by its own session's limits, and its death ends the wait at once.
#pragma once

#include <sys/un.h>

#include <string_view>

#include "core/relay_protocol.hpp"

namespace inpod {

/// One operation: fill in what it needs. `text` and `more_text` go out joined by a NUL when the second is
/// set.
struct RelayCall {
  relay::Request request{};
  std::string_view text, more_text;
  const void* data = nullptr;
  std::size_t data_size = 0;
  int send_fd = -1;
  bool interruptible = false;  ///< -EINTR when a signal handler without SA_RESTART ran

  void* into = nullptr;  ///< where the reply's data goes; what does not fit is dropped
  std::size_t capacity = 0;

  relay::Reply reply{};
  std::size_t received = 0;  ///< bytes of data in `into`
  int fd = -1;               ///< descriptor that came with the reply (close-on-exec), for the caller to close

  explicit RelayCall(relay::Op op) { request.op = op; }
  RelayCall(relay::Op op, std::string_view t) : text(t) { request.op = op; }
  void set_address(const sockaddr* address, socklen_t length);
};

class RelayClient {
 public:
  /// False: the path does not fit a socket address.
  bool set_path(std::string_view path);
  std::string_view path() const { return {address_.sun_path}; }
  /// True once a path is set.
  bool is_set() const { return address_.sun_path[0] != 0; }

  /// Asks and waits. 0, or -errno: the reply's own error; -EMFILE when there is no room for the descriptor
  /// that comes; -EIO when the relay is gone or says nonsense.
  long ask(RelayCall& call) const;
  /// Tells: for operations that have no reply.
  void tell(RelayCall& call) const;

 private:
  long dial() const;
  long dial_abstract() const;
  long converse(int socket, RelayCall& call) const;
  long ask_aside(RelayCall& call) const;
  static long send(int fd, RelayCall& call);
  static long receive(int fd, RelayCall& call);

  sockaddr_un address_{};
};

/// Of stdin, stdout and stderr.
constexpr int highest_standard = 2;

/// fd, or a duplicate above 2 that is close-on-exec (fd is closed then): programs expect 0, 1 and 2 to be
/// theirs.
long move_above_standard(long fd);

}  // namespace inpod
