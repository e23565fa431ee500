// Deciding about sockets and telling the relay. See sockets.hpp.
#include "core/sockets.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/un.h>

#include <cerrno>
#include <cstring>

#include "core/raw.hpp"
#include "core/text.hpp"

namespace inpod::sockets {
namespace {

int option(int fd, int level, int name) {
  int value = 0;
  socklen_t size = sizeof value;
  return raw::get_option(fd, level, name, &value, &size) == 0 ? value : -1;
}

bool is_inet(const sockaddr* address, socklen_t length) {
  return length >= sizeof(sa_family_t) && (address->sa_family == AF_INET || address->sa_family == AF_INET6);
}

/// The port stands at the same place in both families.
std::uint16_t port_of(const sockaddr* address) { return ntohs(reinterpret_cast<const sockaddr_in*>(address)->sin_port); }
void set_port(Address& address, std::uint16_t port) { reinterpret_cast<sockaddr_in*>(address.get())->sin_port = htons(port); }

int tcp_state(int fd) {
  tcp_info info{};
  socklen_t size = sizeof info;
  return raw::get_option(fd, IPPROTO_TCP, TCP_INFO, &info, &size) == 0 ? info.tcpi_state : -1;
}

/// A blocking connect has a limit of its own only if the program has set SO_SNDTIMEO.
std::uint64_t send_timeout_ms(int fd) {
  timeval limit{};
  socklen_t size = sizeof limit;
  if (raw::get_option(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, &size) != 0) return 0;
  return static_cast<std::uint64_t>(limit.tv_sec) * 1000 + static_cast<std::uint64_t>(limit.tv_usec) / 1000;
}

/// The network that a rule would speak of; false: none (raw sockets, netlink, …).
bool network_of(int fd, const sockaddr* address, socklen_t length, Network& network) {
  if (length < sizeof(sa_family_t)) return false;
  if (address->sa_family == AF_UNIX) {
    network = Network::unix_socket;
    return true;
  }
  if (!is_inet(address, length)) return false;
  const int type = option(fd, SOL_SOCKET, SO_TYPE);
  network = type == SOCK_DGRAM ? Network::udp : Network::tcp;
  return type == SOCK_DGRAM || type == SOCK_STREAM;
}

enum class Dial : std::uint64_t { at_once = 0, wait = 1, take_over = 2 };

/// Asks the relay where the connection goes.
long dial(Core& core, int fd, const sockaddr* address, socklen_t length, Dial how, std::uint64_t limit_ms, Address& instead) {
  RelayCall call(relay::Op::connect);
  call.send_fd = fd;
  call.set_address(address, length);
  call.request.a = static_cast<std::uint64_t>(how);
  call.request.b = limit_ms;
  call.interruptible = how == Dial::wait;
  const long result = core.relay.ask(call);
  if (result == 0) instead.set(call.reply.address, call.reply.address_length);
  return result == -EIO ? -ENETUNREACH : result;  // EIO says that the relay is gone; connect(2) has no such error
}

void mark(Core& core, int fd) {
  if (core.owner() == Owner::us && !core.fds.get(fd)) core.fds.set(fd, FdEntry::connecting());
}

/// A signal ended a blocking connect: it goes on by itself, as connect(2) says, for poll(2) and SO_ERROR to tell of.
long interrupted(Core& core, int fd, const sockaddr* address, socklen_t length) {
  Address instead;
  if (const long failed = dial(core, fd, address, length, Dial::take_over, 0, instead); failed != 0) return failed;
  mark(core, fd);
  const long flags = raw::fcntl(fd, F_GETFL);
  raw::fcntl(fd, F_SETFL, flags | O_NONBLOCK);
  raw::connect(fd, instead.get(), instead.length);
  raw::fcntl(fd, F_SETFL, flags);
  return -EINTR;
}

}  // namespace

void Address::set(const sockaddr_storage& from, std::uint32_t size) {
  length = size <= sizeof storage ? size : static_cast<socklen_t>(sizeof storage);
  memcpy(&storage, &from, length);
}

bool may_be_relays(const Core& core, const sockaddr* address, socklen_t length) {
  if (is_inet(address, length)) return is_loopback(address, length);
  if (length <= offsetof(sockaddr_un, sun_path) || address->sa_family != AF_UNIX) return false;
  std::string_view directory = core.relay.path();
  while (!directory.empty() && directory.back() != '/') directory.remove_suffix(1);
  const char* path = reinterpret_cast<const sockaddr_un*>(address)->sun_path;
  return starts_with({path, strnlen(path, length - offsetof(sockaddr_un, sun_path))}, directory);
}

long connect(Core& core, int fd, const sockaddr* address, socklen_t length, Address& instead) {
  Network network;
  if (!address || !network_of(fd, address, length, network)) return not_ours;
  if (core.rules.outgoing(network, address, length) == Side::local) return not_ours;
  Dial how = Dial::at_once;
  std::uint64_t limit_ms = 0;
  if (network == Network::tcp) {
    // Under way or done: the kernel knows what to say (EALREADY, 0 once, EISCONN), whatever the address.
    if (const int state = tcp_state(fd); state != TCP_CLOSE) return not_ours;
    if (core.fds.get(fd).kind() == FdKind::connecting)
      if (const long failed = socket_error(core, fd); failed != 0) return -failed;
    const long flags = raw::fcntl(fd, F_GETFL);
    limit_ms = send_timeout_ms(fd);
    if (flags >= 0 && (flags & O_NONBLOCK) == 0 && limit_ms == 0) how = Dial::wait;
  }
  const long result = dial(core, fd, address, length, how, limit_ms, instead);
  if (result == -EINTR && how == Dial::wait) return interrupted(core, fd, address, length);
  if (result == 0) mark(core, fd);
  return result;
}

long connected(Core& core, int fd, long result) {
  if (result != -ECONNRESET && result != -ECONNREFUSED) return result;
  const long failed = socket_error(core, fd);
  return failed != 0 ? -failed : result;
}

long datagram_target(Core& core, int fd, const sockaddr* address, socklen_t length, Address& instead) {
  if (!address || !is_inet(address, length) || option(fd, SOL_SOCKET, SO_TYPE) != SOCK_DGRAM) return not_ours;
  if (core.rules.outgoing(Network::udp, address, length) == Side::local) return not_ours;
  return dial(core, fd, address, length, Dial::at_once, 0, instead);
}

long socket_error(Core& core, int fd) {
  std::uint64_t cookie = 0;
  socklen_t size = sizeof cookie;
  if (raw::get_option(fd, SOL_SOCKET, SO_COOKIE, &cookie, &size) != 0) return 0;
  RelayCall call(relay::Op::socket_error);
  call.request.a = cookie;
  return core.relay.ask(call) == 0 ? static_cast<long>(call.reply.a & 0xfff) : 0;
}

long names(Core& core, int fd, Address* local, Address* peer) {
  RelayCall call(relay::Op::names);
  call.send_fd = fd;
  if (core.relay.ask(call) != 0 || call.reply.a != 1) return 0;
  if (local && call.reply.address_length != 0) local->set(call.reply.address, call.reply.address_length);
  if (peer && call.reply.address2_length != 0) peer->set(call.reply.address2, call.reply.address2_length);
  return 1;
}

long sender(Core& core, int fd, const Address& from, Address& peer) {
  RelayCall call(relay::Op::names);
  call.send_fd = fd;
  call.set_address(from.get(), from.length);
  if (core.relay.ask(call) != 0 || call.reply.a != 1 || call.reply.address2_length == 0) return 0;
  peer.set(call.reply.address2, call.reply.address2_length);
  return 1;
}

namespace {

/// Loopback in the family of `like`. A socket of both families listens on 127.0.0.1, which is what people type.
Address loopback(int fd, const sockaddr* like, std::uint16_t port) {
  Address address;
  memset(&address.storage, 0, sizeof address.storage);
  if (like->sa_family == AF_INET) {
    auto* in = reinterpret_cast<sockaddr_in*>(address.get());
    in->sin_family = AF_INET;
    in->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.length = sizeof *in;
  } else {
    auto* in = reinterpret_cast<sockaddr_in6*>(address.get());
    in->sin6_family = AF_INET6;
    in->sin6_addr = in6addr_loopback;
    if (option(fd, IPPROTO_IPV6, IPV6_V6ONLY) == 0) {
      static constexpr std::uint8_t mapped[16] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 127, 0, 0, 1};
      memcpy(&in->sin6_addr, mapped, sizeof mapped);
    }
    address.length = sizeof *in;
  }
  set_port(address, port);
  return address;
}

bool is_unspecified(const sockaddr* address, socklen_t length) {
  if (address->sa_family == AF_INET)
    return length >= sizeof(sockaddr_in) && reinterpret_cast<const sockaddr_in*>(address)->sin_addr.s_addr == INADDR_ANY;
  return length >= sizeof(sockaddr_in6) &&
         IN6_IS_ADDR_UNSPECIFIED(&reinterpret_cast<const sockaddr_in6*>(address)->sin6_addr);
}

/// The local port that another socket of this process got for `wanted` (SO_REUSEPORT groups), or `wanted`.
std::uint16_t group_port(const Core& core, std::uint16_t wanted) {
  for (int fd = 0, end = core.fds.top(); fd < end; ++fd) {
    const FdEntry entry = core.fds.get(fd);
    if (entry.kind() == FdKind::listener && entry.wanted_port() == wanted) return entry.local_port();
  }
  return wanted;
}

/// Whether this process has bound the port already.
bool has_listener(const Core& core, std::uint16_t wanted) {
  for (int fd = 0, end = core.fds.top(); fd < end; ++fd) {
    const FdEntry entry = core.fds.get(fd);
    if (entry.kind() == FdKind::listener && entry.wanted_port() == wanted) return true;
  }
  return false;
}

std::uint16_t local_port(int fd) {
  Address address;
  address.length = sizeof address.storage;
  return raw::socket_name(fd, address.get(), &address.length) == 0 ? port_of(address.get()) : 0;
}

}  // namespace

long bind(Core& core, int fd, const sockaddr* address, socklen_t length) {
  if (!address || !is_inet(address, length) || length < sizeof(sockaddr_in)) return not_ours;
  if (option(fd, SOL_SOCKET, SO_TYPE) != SOCK_STREAM) return not_ours;
  // A loopback address means this machine; port 0 means a client, or a listener that nobody in the cluster can know.
  if (is_loopback(address, length) && !is_unspecified(address, length)) return not_ours;
  const std::uint16_t wanted = port_of(address);
  if (wanted == 0 || core.rules.incoming(wanted) == Side::local) return not_ours;
  const std::uint16_t port = option(fd, SOL_SOCKET, SO_REUSEPORT) == 1 ? group_port(core, wanted) : wanted;
  Address here = loopback(fd, address, port);
  long result = raw::bind(fd, here.get(), here.length);
  if (result == -EADDRNOTAVAIL && address->sa_family == AF_INET6) {  // no IPv4 on this machine
    reinterpret_cast<sockaddr_in6*>(here.get())->sin6_addr = in6addr_loopback;
    result = raw::bind(fd, here.get(), here.length);
  }
  if (result == -EADDRINUSE && has_listener(core, wanted)) return result;  // the program's own, as it would be in the pod
  if (result == -EADDRINUSE || result == -EACCES) {
    set_port(here, 0);
    result = raw::bind(fd, here.get(), here.length);
  }
  if (result != 0) return result;
  RelayCall call(relay::Op::bound);
  call.send_fd = fd;
  call.set_address(address, length);
  const long registered = core.relay.ask(call);
  if (registered == 0 && core.owner() == Owner::us) core.fds.set(fd, FdEntry::listener(wanted, local_port(fd)));
  return registered == -EIO ? -EADDRNOTAVAIL : registered;
}

void listening(Core& core, int fd) {
  Address address;
  address.length = sizeof address.storage;
  if (raw::socket_name(fd, address.get(), &address.length) != 0) return;
  if (!is_inet(address.get(), address.length) || !is_loopback(address.get(), address.length)) return;
  RelayCall call(relay::Op::listening);
  call.send_fd = fd;
  core.relay.ask(call);
}

void shut_down(Core& core, int fd) {
  const FdEntry entry = core.fds.get(fd);
  if (entry.kind() == FdKind::listener) core.forgot(-1, entry);
}

}  // namespace inpod::sockets
