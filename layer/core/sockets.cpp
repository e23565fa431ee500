// Deciding about sockets and telling the relay. See sockets.hpp.
#include "core/sockets.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/un.h>

#include <cerrno>
#include <cstddef>
#include <cstring>

#include "core/datagrams.hpp"
#include "core/raw.hpp"
#include "core/text.hpp"

namespace inpod::sockets {
namespace {

int option(int fd, int level, int name) {
  int value = 0;
  socklen_t size = sizeof value;
  return raw::get_option(fd, level, name, &value, &size) == 0 ? value : -1;
}

void set_shares(int fd, int on) {
  raw::set_option(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
}

bool is_inet(const sockaddr* address, socklen_t length) {
  return length >= sizeof(sa_family_t) && (address->sa_family == AF_INET || address->sa_family == AF_INET6);
}

/// The port stands at the same place in both families.
std::uint16_t port_of(const sockaddr* address) {
  return ntohs(reinterpret_cast<const sockaddr_in*>(address)->sin_port);
}
void set_port(Address& address, std::uint16_t port) {
  reinterpret_cast<sockaddr_in*>(address.get())->sin_port = htons(port);
}

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

enum class Dial : std::uint64_t { at_once = 0, wait = 1, take_over = 2, datagram = 3 };

/// Asks the relay where the connection goes.
long dial(Core& core, int fd, const sockaddr* address, socklen_t length, Dial how, std::uint64_t limit_ms,
          Address& instead) {
  RelayCall call(relay::Op::connect);
  call.send_fd = fd;
  call.set_address(address, length);
  call.request.a = static_cast<std::uint64_t>(how);
  call.request.b = limit_ms;
  call.interruptible = how == Dial::wait;
  const long result = core.relay.ask(call);
  if (result == 0) instead.set(call.reply.address, call.reply.address_length);
  return result == -EIO ? -ENETUNREACH
                        : result;  // EIO says that the relay is gone; connect(2) has no such error
}

/// A socket that was bound first is a client's from now on; what it has set counts at once.
void mark(Core& core, int fd) {
  const FdEntry entry = core.fds.get(fd);
  if (core.owner() != Owner::us || (entry && entry.kind() != FdKind::listener)) return;
  if (entry.shares()) set_shares(fd, 1);
  core.fds.set(fd, FdEntry::connecting());
}

/// A signal ended a blocking connect: it goes on by itself, as connect(2) says, for poll(2) and SO_ERROR to
/// tell of.
long interrupted(Core& core, int fd, const sockaddr* address, socklen_t length) {
  Address instead;
  if (const long failed = dial(core, fd, address, length, Dial::take_over, 0, instead); failed != 0)
    return failed;
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
  if (!address || option(fd, SOL_SOCKET, SO_TYPE) != SOCK_DGRAM) return not_ours;
  if (length > sizeof(sa_family_t) && address->sa_family == AF_UNIX)
    return core.rules.outgoing(Network::unix_socket, address, length) == Side::local ? not_ours
                                                                                     : -EPROTONOSUPPORT;
  if (!is_inet(address, length)) return not_ours;
  if (core.rules.outgoing(Network::udp, address, length) == Side::local) return not_ours;
  return dial(core, fd, address, length, Dial::datagram, 0, instead);
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

long sender(Core& core, int fd, const Address& from, Address& peer, Address& local) {
  RelayCall call(relay::Op::names);
  call.send_fd = fd;
  call.set_address(from.get(), from.length);
  if (core.relay.ask(call) != 0 || call.reply.a != 1 || call.reply.address2_length == 0) return 0;
  peer.set(call.reply.address2, call.reply.address2_length);
  local.set(call.reply.address, call.reply.address_length);
  return 1;
}

namespace {

constexpr in6_addr mapped_loopback = {{{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 127, 0, 0, 1}}};

/// Loopback in the family of `like`. A socket of both families listens on 127.0.0.1, which is what people
/// type.
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
    if (option(fd, IPPROTO_IPV6, IPV6_V6ONLY) == 0) in->sin6_addr = mapped_loopback;
    address.length = sizeof *in;
  }
  set_port(address, port);
  return address;
}

bool is_unspecified(const sockaddr* address, socklen_t length) {
  if (address->sa_family == AF_INET)
    return length >= sizeof(sockaddr_in) &&
           reinterpret_cast<const sockaddr_in*>(address)->sin_addr.s_addr == INADDR_ANY;
  return length >= sizeof(sockaddr_in6) &&
         IN6_IS_ADDR_UNSPECIFIED(&reinterpret_cast<const sockaddr_in6*>(address)->sin6_addr);
}

/// Whose connections a socket takes that is bound to this address (relay::BoundFamily).
unsigned families_of(int fd, const sockaddr* address, socklen_t length) {
  if (address->sa_family == AF_INET) return relay::bound_ipv4;
  if (is_unspecified(address, length))
    return option(fd, IPPROTO_IPV6, IPV6_V6ONLY) == 0 ? relay::bound_ipv4 | relay::bound_ipv6
                                                      : relay::bound_ipv6;
  const auto& ip = reinterpret_cast<const sockaddr_in6*>(address)->sin6_addr;
  return IN6_IS_ADDR_V4MAPPED(&ip) ? relay::bound_ipv4 : relay::bound_ipv6;
}

/// Tells the few addresses of a pod apart; 0: all addresses.
std::uint16_t hash_of(const sockaddr* address, socklen_t length) {
  if (is_unspecified(address, length)) return 0;
  const auto* in6 = reinterpret_cast<const sockaddr_in6*>(address);
  const bool ipv4 = address->sa_family == AF_INET;
  const void* ip = ipv4 ? static_cast<const void*>(&reinterpret_cast<const sockaddr_in*>(address)->sin_addr)
                   : IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr) ? in6->sin6_addr.s6_addr + 12
                                                           : in6->sin6_addr.s6_addr;
  std::uint32_t sum = 2166136261;  // FNV-1a
  for (int i = 0; i < (families_of(-1, address, length) == relay::bound_ipv4 ? 4 : 16); ++i)
    sum = (sum ^ static_cast<const std::uint8_t*>(ip)[i]) * 16777619;
  const auto folded = static_cast<std::uint16_t>(sum ^ sum >> 16);
  return folded != 0 ? folded : 1;
}

/// Another socket of this process that has bound what `wanted` wants; else a false entry. One that listens,
/// or that lets nobody share its port, goes before one that does.
FdEntry own_listener(const Core& core, int except, FdEntry wanted) {
  FdEntry found;
  for (int fd = 0, end = core.fds.top(); fd < end; ++fd) {
    const FdEntry entry = core.fds.get(fd);
    if (fd != except && entry.kind() == FdKind::listener && entry.overlaps(wanted) &&
        !(found && entry.shares()))
      found = entry;
  }
  return found;
}

/// Sets an option of the socket's for as long as this lives.
class Meanwhile {
 public:
  Meanwhile(int fd, int name, int value)
      : fd_(fd), name_(name), before_(option(fd, SOL_SOCKET, name)), value_(value) {
    if (before_ >= 0 && before_ != value_) raw::set_option(fd_, SOL_SOCKET, name_, &value_, sizeof value_);
  }
  ~Meanwhile() {
    if (before_ >= 0 && before_ != value_) raw::set_option(fd_, SOL_SOCKET, name_, &before_, sizeof before_);
  }
  Meanwhile(const Meanwhile&) = delete;
  Meanwhile& operator=(const Meanwhile&) = delete;
  int before() const { return before_; }

 private:
  int fd_, name_, before_, value_;
};

/// bind(2) that gets the port alone or not at all. Where SO_REUSEADDR is set, connections that have ended
/// there don't count.
long bind_alone(int fd, const Address& here) {
  const Meanwhile no_group(fd, SO_REUSEPORT, 0);
  {
    // Who else has bound the port is told apart from TIME_WAIT by not yielding it oneself until one listens.
    const Meanwhile alone(fd, SO_REUSEADDR, 0);
    const long result = raw::bind(fd, here.get(), here.length);
    if (result != -EADDRINUSE || alone.before() <= 0) return result;
  }
  return raw::bind(fd, here.get(), here.length);
}

std::uint16_t local_port(int fd) {
  Address address;
  address.length = sizeof address.storage;
  return raw::socket_name(fd, address.get(), &address.length) == 0 ? port_of(address.get()) : 0;
}

}  // namespace

namespace {

/// What bind(2) is asked for, and by what kind of socket.
struct Binding {
  Binding(int socket, const sockaddr* to, socklen_t size)
      : fd(socket),
        address(to),
        length(size),
        any(is_unspecified(to, size)),
        shares(option(fd, SOL_SOCKET, SO_REUSEADDR) == 1),
        families(families_of(fd, to, size)) {}
  FdEntry entry(std::uint16_t local) const {
    return FdEntry::listener(port_of(address), local, shares, families, hash_of(address, length));
  }
  int fd;
  const sockaddr* address;
  socklen_t length;
  bool any, shares;
  unsigned families;
};

/// Tells the relay. local: 0 when the socket is bound; else the relay binds it to that port of loopback, or
/// to any free one where that is -1.
long register_bound(Core& core, const Binding& binding, int local) {
  RelayCall call(relay::Op::bound);
  call.request.a = binding.shares;
  call.request.b = binding.families;
  call.request.c = local != 0;
  call.request.d = local > 0 ? static_cast<std::uint64_t>(local) : 0;
  call.send_fd = binding.fd;
  call.set_address(binding.address, binding.length);
  const long registered = core.relay.ask(call);
  if (registered == 0 && core.owner() == Owner::us &&
      core.fds.set(binding.fd, binding.entry(local_port(binding.fd))) && binding.shares)
    set_shares(binding.fd, 0);
  return registered == -EIO ? -EADDRNOTAVAIL : registered;
}

/// Binds a socket that takes any address to `wanted` on loopback, or to another port where that is taken
/// here.
long bind_any(const Binding& binding, FdEntry own, bool in_group, bool taken) {
  const int fd = binding.fd;
  Address here = loopback(fd, binding.address, in_group ? own.local_port() : port_of(binding.address));
  const auto try_here = [&] {
    return in_group ? raw::bind(fd, here.get(), here.length) : bind_alone(fd, here);
  };
  long result = try_here();
  if (result == -EADDRNOTAVAIL && binding.address->sa_family == AF_INET6) {
    // This machine lacks one of the families.
    const int off = 0;
    auto& ip = reinterpret_cast<sockaddr_in6*>(here.get())->sin6_addr;
    const bool mapped = IN6_IS_ADDR_V4MAPPED(&ip);
    if (!mapped) raw::set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
    ip = mapped ? in6addr_loopback : mapped_loopback;
    result = try_here();
  }
  if (result == -EADDRINUSE && taken) return result;
  if (result != -EADDRINUSE && result != -EACCES) return result;
  set_port(here, 0);
  return raw::bind(fd, here.get(), here.length);
}

}  // namespace

long bind(Core& core, int fd, const sockaddr* address, socklen_t length) {
  if (!address || !is_inet(address, length) || length < sizeof(sockaddr_in)) return not_ours;
  if (address->sa_family == AF_INET6 && length < offsetof(sockaddr_in6, sin6_scope_id)) return not_ours;
  const int type = option(fd, SOL_SOCKET, SO_TYPE);
  if (type == SOCK_DGRAM) return bind_datagram(core, fd, address, length);
  if (type != SOCK_STREAM) return not_ours;
  // A loopback address means this machine.
  if (is_loopback(address, length) && !is_unspecified(address, length)) return not_ours;
  const Binding binding(fd, address, length);
  const std::uint16_t wanted = port_of(address);
  const bool carried = core.rules.incoming(wanted) == Side::remote;
  // Port 0 of any address means a client, or a listener that nobody in the cluster can know.
  if (binding.any && (wanted == 0 || !carried)) return not_ours;
  const FdEntry own = wanted != 0 ? own_listener(core, fd, binding.entry(0)) : FdEntry();
  const bool group = own && option(fd, SOL_SOCKET, SO_REUSEPORT) == 1;
  const bool in_group = group && own.address() == binding.entry(0).address();
  // The program's own, as it would be in the pod.
  const bool taken = own && !group && !(binding.shares && own.shares());
  if (taken && (!binding.any || own.local_port() != wanted)) return -EADDRINUSE;
  if (!binding.any) {
    // Not at the same port of loopback, which belongs to those who bind 127.0.0.1, also beside this one.
    const long result = register_bound(core, binding, in_group ? own.local_port() : -1);
    return result == -EADDRNOTAVAIL && !carried ? not_ours : result;
  }
  const long result = bind_any(binding, own, in_group, taken);
  return result != 0 ? result : register_bound(core, binding, 0);
}

long share(Core& core, int fd, bool on) {
  const FdEntry entry = core.fds.get(fd);
  if (entry.kind() != FdKind::listener || core.owner() != Owner::us ||
      option(fd, SOL_SOCKET, SO_ACCEPTCONN) != 0)
    return not_ours;
  core.fds.replace(fd, entry, entry.with_shares(on));
  return 0;
}

namespace {

/// Tells the kernel what the program has set. False: there was nothing to tell.
bool let_share(Core& core, int fd) {
  const FdEntry entry = core.fds.get(fd);
  if (!entry.shares()) return false;
  set_shares(fd, 1);
  if (core.owner() == Owner::us) core.fds.replace(fd, entry, entry.with_shares(false));
  return true;
}

}  // namespace

bool may_listen_yet(Core& core, int fd) {
  if (let_share(core, fd)) return true;
  // Bound before an exec, or by who sent it here: nobody who is alone on a port is refused otherwise.
  if (core.fds.get(fd) || option(fd, SOL_SOCKET, SO_REUSEADDR) != 0) return false;
  set_shares(fd, 1);
  return true;
}

void listening(Core& core, int fd) {
  const bool known = static_cast<bool>(core.fds.get(fd));
  let_share(core, fd);
  Address address;
  address.length = sizeof address.storage;
  if (raw::socket_name(fd, address.get(), &address.length) != 0) return;
  if (!is_inet(address.get(), address.length) || !is_loopback(address.get(), address.length)) return;
  RelayCall call(relay::Op::listening);
  call.send_fd = fd;
  if (core.relay.ask(call) == 0 && call.reply.a == 1 && !known) set_shares(fd, 1);
}

void shut_down(Core& core, int fd) {
  const FdEntry entry = core.fds.get(fd);
  if (entry.kind() == FdKind::listener) core.forgot(-1, entry);
}

}  // namespace inpod::sockets
