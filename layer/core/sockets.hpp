// Sockets: which connections and listeners are the pod's, and how they become so (relay_protocol.hpp).
//
// The program keeps its own sockets. All state is the relay's, found by the socket's cookie; the fd table
// only remembers which sockets may have an error to be translated, and which ports to give back. Results: a
// value ≥ 0, -errno, or `not_ours`. Safe in signal handlers.
#pragma once

#include <sys/socket.h>

#include "core/core.hpp"

namespace inpod::sockets {

/// An address with its length, as system calls want it.
struct Address {
  sockaddr_storage storage;
  socklen_t length = 0;
  sockaddr* get() { return reinterpret_cast<sockaddr*>(&storage); }
  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
  void set(const sockaddr_storage& from, std::uint32_t size);
};

/// What connect(2) should really be done with. not_ours: the program's own address; 0: `instead`; else the
/// answer, -errno.
long connect(Core& core, int fd, const sockaddr* address, socklen_t length, Address& instead);
/// After connect(2) to `instead` has said `result` (0 or -errno): the true answer.
long connected(Core& core, int fd, long result);
/// Where a datagram to this address should really go, on a socket that is not connected. As connect.
long datagram_target(Core& core, int fd, const sockaddr* address, socklen_t length, Address& instead);

/// The errno that a failed connection of ours really had; 0: none known. Asked once per failure.
long socket_error(Core& core, int fd);

/// The pod's view of a socket whose real names are on loopback. 1: ours, and the wanted ones are set. 0: not.
long names(Core& core, int fd, Address* local, Address* peer);
/// The true sender of a datagram that came from `from` on loopback, and the pod's address that it came to. As
/// names.
long sender(Core& core, int fd, const Address& from, Address& peer, Address& local);
/// Whether `address` could be the relay's: loopback, or a path in the relay's directory.
bool may_be_relays(const Core& core, const sockaddr* address, socklen_t length);

/// bind(2) for a port of the pod: done here, on loopback. not_ours: for the program to do. UDP:
/// datagrams.hpp.
///
/// A port that another program has here is not shared with it, though both may be bound to it in pods of
/// their own: the kernel would let both bind by SO_REUSEADDR and then fail the second one's listen(2), when
/// it is too late for another port; by SO_REUSEPORT it would mix up their connections. So the socket is bound
/// without the latter, and SO_REUSEADDR, by which bind(2) passes over connections in TIME_WAIT, is taken back
/// from bind until listen (FdEntry::shares).
long bind(Core& core, int fd, const sockaddr* address, socklen_t length);
/// setsockopt(2) of SO_REUSEADDR. 0: kept until the socket listens; not_ours: for the kernel.
long share(Core& core, int fd, bool on);
/// listen(2) has said EADDRINUSE. True: it may be tried again, as connections in TIME_WAIT don't count any
/// longer.
bool may_listen_yet(Core& core, int fd);
/// listen(2) has succeeded.
void listening(Core& core, int fd);
/// A listener that was shut down.
void shut_down(Core& core, int fd);

}  // namespace inpod::sockets
