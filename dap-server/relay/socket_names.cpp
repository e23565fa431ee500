// SocketNames, SocketErrors: see socket_names.hpp.
#include "relay/socket_names.hpp"

namespace inpod::relay {

void put_address(sockaddr_storage& into, std::uint32_t& length, const protocol::SocketAddress& address,
                 int domain) {
  // No IPv4 socket has an address of IPv6: it would not fit where the program wants it.
  const bool fits = domain != AF_INET || address.family != protocol::AddressFamily::ipv6;
  const Endpoint at = fits ? to_endpoint(address, domain) : Endpoint{};
  into = at.storage;
  length = at.length;
}

void SocketNames::set_own(std::uint64_t cookie, const protocol::SocketAddress& peer) {
  constexpr std::size_t most = 4096;
  set(cookie, {{}, peer});
  own_.push_back(cookie);
  if (own_.size() <= most) return;
  erase(own_.front());
  own_.pop_front();
}

Answer SocketNames::answer(int fd) const {
  Answer answer;
  const Pair* names = nullptr;
  if (const auto at = by_cookie_.find(cookie_of(fd)); at != by_cookie_.end()) names = &at->second;
  if (names == nullptr)
    if (const auto peer = peer_address(fd))
      if (const auto at = accepted_.find(to_string(*peer)); at != accepted_.end()) names = &at->second;
  if (names == nullptr) return answer;
  const int domain = domain_of(fd);
  answer.reply.a = 1;
  put_address(answer.reply.address, answer.reply.address_length, names->local, domain);
  put_address(answer.reply.address2, answer.reply.address2_length, names->peer, domain);
  return answer;
}

void SocketErrors::put(std::uint64_t cookie, int code) {
  constexpr std::size_t most = 4096;
  if (errors_.insert_or_assign(cookie, code).second) order_.push_back(cookie);
  while (order_.size() > most) {
    errors_.erase(order_.front());
    order_.pop_front();
  }
}

int SocketErrors::take(std::uint64_t cookie) {
  const auto at = errors_.find(cookie);
  if (at == errors_.end()) return 0;
  const int code = at->second;
  errors_.erase(at);
  std::erase(order_, cookie);
  return code;
}

}  // namespace inpod::relay
