// Sockets of stealing. See stolen_socket.hpp.
#include "incoming/stolen_socket.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "protocol/unique_fd.hpp"

namespace inpod::agent {
namespace {

using tcp = boost::asio::ip::tcp;

constexpr int original_dst =
    80;  // SO_ORIGINAL_DST and IP6T_SO_ORIGINAL_DST; their headers clash with netinet/in.h
constexpr int longest_backlog = 512;

}  // namespace

Result<tcp::acceptor> open_listener(boost::asio::any_io_executor executor) {
  UniqueFd fd(::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  Endpoint any;
  tcp protocol = tcp::v6();
  const int off = 0;
  if (fd) (void)::setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
  sockaddr_storage address;
  socklen_t length = fill_sockaddr(any, address);
  if (!fd || ::bind(fd.get(), reinterpret_cast<sockaddr*>(&address), length) != 0) {
    fd.reset(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    protocol = tcp::v4();
    any.ip = mapped_ipv4(std::array<std::uint8_t, 4>{});
    length = fill_sockaddr(any, address);
    if (!fd || ::bind(fd.get(), reinterpret_cast<sockaddr*>(&address), length) != 0)
      return fail_errno("cannot bind the listener for stolen connections");
  }
  if (::listen(fd.get(), longest_backlog) != 0) return fail_errno("cannot listen for stolen connections");
  return tcp::acceptor(executor, protocol, fd.release());
}

Result<Endpoint> original_destination(tcp::socket& socket) {
  sockaddr_storage address{};
  socklen_t length = sizeof address;
  const int level = is_ipv4(peer_of(socket).ip) ? IPPROTO_IP : IPPROTO_IPV6;
  if (::getsockopt(socket.native_handle(), level, original_dst, &address, &length) != 0)
    return fail_errno("cannot tell where a connection was going");
  return endpoint_of(reinterpret_cast<sockaddr*>(&address));
}

Endpoint peer_of(tcp::socket& socket) {
  sockaddr_storage address{};
  socklen_t length = sizeof address;
  (void)::getpeername(socket.native_handle(), reinterpret_cast<sockaddr*>(&address), &length);
  return endpoint_of(reinterpret_cast<sockaddr*>(&address));
}

Result<tcp::socket> open_marked(boost::asio::any_io_executor executor, PrivilegedNetwork& network,
                                const Endpoint& target) {
  const bool four = is_ipv4(target.ip);
  TRY_ASSIGN(fd, network.open_marked_socket(four));
  return tcp::socket(executor, four ? tcp::v4() : tcp::v6(), fd.release());
}

tcp::endpoint to_asio(const Endpoint& endpoint) {
  sockaddr_storage address;
  const socklen_t length = fill_sockaddr(endpoint, address);
  tcp::endpoint result;
  result.resize(length);
  memcpy(result.data(), &address, length);
  return result;
}

void prepare(tcp::socket& socket) {
  const int on = 1;
  (void)::setsockopt(socket.native_handle(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  (void)::setsockopt(socket.native_handle(), SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
}

void reset(tcp::socket& socket) {
  if (!socket.is_open()) return;
  boost::system::error_code ignored;
  socket.set_option(boost::asio::socket_base::linger(true, 0), ignored);
  socket.close(ignored);
}

}  // namespace inpod::agent
