// SocketNames: what getsockname and getpeername should say in the pod, for each socket of a debuggee that is
// ours. Keyed by SO_COOKIE; sockets that came from accept(2), whose cookie is unknown here, by the relay's
// own end of them.
#pragma once

#include <deque>
#include <unordered_map>

#include "relay/address.hpp"
#include "relay/context.hpp"

namespace inpod::relay {

class SocketNames {
 public:
  struct Pair {
    protocol::SocketAddress local, peer;  ///< peer: family none when not connected
  };
  void set(std::uint64_t cookie, Pair names) { by_cookie_[cookie] = std::move(names); }
  void erase(std::uint64_t cookie) { by_cookie_.erase(cookie); }
  /// A connection to the program itself, whose end nobody tells: the oldest go when there are very many.
  void set_own(std::uint64_t cookie, const protocol::SocketAddress& peer);
  bool has(std::uint64_t cookie) const { return by_cookie_.contains(cookie); }
  /// `relay_end`: the address from which the relay connects to the program's listener.
  void set_accepted(const protocol::SocketAddress& relay_end, Pair names) {
    accepted_[to_string(relay_end)] = std::move(names);
  }
  void erase_accepted(const protocol::SocketAddress& relay_end) { accepted_.erase(to_string(relay_end)); }

  /// op names, for all but the source of a datagram.
  Answer answer(int fd) const;

 private:
  std::unordered_map<std::uint64_t, Pair> by_cookie_;
  std::unordered_map<std::string, Pair> accepted_;
  std::deque<std::uint64_t> own_;
};

/// The errno of connection attempts that failed, until the program asks; the oldest go when there are very
/// many.
class SocketErrors {
 public:
  void put(std::uint64_t cookie, int code);
  /// The errno, once; 0: none.
  int take(std::uint64_t cookie);

 private:
  std::unordered_map<std::uint64_t, int> errors_;
  std::deque<std::uint64_t> order_;
};

void put_address(sockaddr_storage& into, std::uint32_t& length, const protocol::SocketAddress& address,
                 int domain);

}  // namespace inpod::relay
