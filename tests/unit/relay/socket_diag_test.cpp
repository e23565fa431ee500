// Whose the other end of a TCP connection is.
#include "relay/socket_diag.hpp"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "catch.hpp"
#include "protocol/unique_fd.hpp"

using inpod::UniqueFd;
using inpod::relay::peer_user;

namespace {

UniqueFd tcp_socket(int family) {
  return UniqueFd(socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0));
}

}  // namespace

TEST_CASE("the other end's user is known while a process holds its socket") {
  // A listener of both families sees an IPv4 client by its mapped address.
  const auto [listening, connecting] =
      GENERATE(table<int, int>({{AF_INET, AF_INET}, {AF_INET6, AF_INET6}, {AF_INET6, AF_INET}}));
  const UniqueFd listener = tcp_socket(listening);
  sockaddr_in6 six{};
  six.sin6_family = AF_INET6;
  sockaddr_in four{};
  four.sin_family = AF_INET, four.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (listening == AF_INET6 && connecting == AF_INET6) six.sin6_addr = in6addr_loopback;
  const auto address = [&](int family) {
    return family == AF_INET ? reinterpret_cast<sockaddr*>(&four) : reinterpret_cast<sockaddr*>(&six);
  };
  socklen_t length = listening == AF_INET ? sizeof four : sizeof six;
  REQUIRE(bind(listener.get(), address(listening), length) == 0);
  REQUIRE(listen(listener.get(), 1) == 0);
  REQUIRE(getsockname(listener.get(), address(listening), &length) == 0);
  if (listening == AF_INET6) four.sin_port = six.sin6_port;
  UniqueFd client = tcp_socket(connecting);
  length = connecting == AF_INET ? sizeof four : sizeof six;
  REQUIRE(connect(client.get(), address(connecting), length) == 0);

  CHECK_FALSE(peer_user(client.get()));  // not accepted yet
  const UniqueFd accepted(accept(listener.get(), nullptr, nullptr));
  REQUIRE(accepted);
  CHECK(peer_user(client.get()) == geteuid());
  CHECK(peer_user(accepted.get()) == geteuid());
  client.reset();
  CHECK_FALSE(peer_user(accepted.get()));  // closed: nobody's
}

TEST_CASE("what is no TCP connection has no other end") {
  int pair[2];
  REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0);
  const UniqueFd one(pair[0]), two(pair[1]);
  CHECK_FALSE(peer_user(one.get()));
  CHECK_FALSE(peer_user(tcp_socket(AF_INET).get()));
}
