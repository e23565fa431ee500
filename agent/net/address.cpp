// See address.hpp; unix(7) for how long an address of each kind is.
#include "net/address.hpp"

#include <netinet/in.h>
#include <sys/un.h>

#include <cstddef>
#include <cstring>

namespace inpod::agent {
using protocol::AddressFamily;
using protocol::SocketAddress;

Result<KernelAddress> to_sockaddr(const SocketAddress& address) {
  KernelAddress result;
  switch (address.family) {
    case AddressFamily::ipv4: {
      sockaddr_in in{};
      in.sin_family = AF_INET;
      in.sin_port = htons(address.port);
      memcpy(&in.sin_addr, address.ip.data(), 4);
      memcpy(&result.storage, &in, result.length = sizeof in);
      return result;
    }
    case AddressFamily::ipv6: {
      sockaddr_in6 in{};
      in.sin6_family = AF_INET6;
      in.sin6_port = htons(address.port);
      in.sin6_scope_id = address.scope_id;
      memcpy(&in.sin6_addr, address.ip.data(), 16);
      memcpy(&result.storage, &in, result.length = sizeof in);
      return result;
    }
    case AddressFamily::unix_path:
    case AddressFamily::unix_abstract: {
      sockaddr_un un{};
      un.sun_family = AF_UNIX;
      bool abstract = address.family == AddressFamily::unix_abstract;
      if (address.path.empty() && !abstract) return fail_errno("unix socket", EINVAL);
      if (address.path.size() + 1 > sizeof un.sun_path)
        return fail_errno("unix socket " + address.path, ENAMETOOLONG);
      memcpy(un.sun_path + (abstract ? 1 : 0), address.path.data(), address.path.size());
      result.length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + address.path.size() + 1);
      memcpy(&result.storage, &un, result.length);
      return result;
    }
    case AddressFamily::none:
      break;
  }
  return fail_errno("address", EAFNOSUPPORT);
}

SocketAddress from_sockaddr(const sockaddr* address, socklen_t length) {
  SocketAddress result;
  if (length < sizeof(sa_family_t)) return result;
  if (address->sa_family == AF_INET && length >= sizeof(sockaddr_in)) {
    sockaddr_in in;
    memcpy(&in, address, sizeof in);
    result.family = AddressFamily::ipv4;
    result.port = ntohs(in.sin_port);
    memcpy(result.ip.data(), &in.sin_addr, 4);
  } else if (address->sa_family == AF_INET6 && length >= sizeof(sockaddr_in6)) {
    sockaddr_in6 in;
    memcpy(&in, address, sizeof in);
    result.family = AddressFamily::ipv6;
    result.port = ntohs(in.sin6_port);
    result.scope_id = in.sin6_scope_id;
    memcpy(result.ip.data(), &in.sin6_addr, 16);
  } else if (address->sa_family == AF_UNIX && length > offsetof(sockaddr_un, sun_path)) {
    const char* path = reinterpret_cast<const sockaddr_un*>(address)->sun_path;
    std::size_t size = length - offsetof(sockaddr_un, sun_path);
    bool abstract = path[0] == '\0';
    result.family = abstract ? AddressFamily::unix_abstract : AddressFamily::unix_path;
    result.path = abstract ? std::string(path + 1, size - 1) : std::string(path, strnlen(path, size));
  }
  return result;
}

SocketAddress local_address(int socket) {
  KernelAddress address;
  address.length = sizeof address.storage;
  if (::getsockname(socket, reinterpret_cast<sockaddr*>(&address.storage), &address.length) != 0) return {};
  return from_sockaddr(address.get(), address.length);
}

SocketAddress peer_address(int socket) {
  KernelAddress address;
  address.length = sizeof address.storage;
  if (::getpeername(socket, reinterpret_cast<sockaddr*>(&address.storage), &address.length) != 0) return {};
  return from_sockaddr(address.get(), address.length);
}

}  // namespace inpod::agent
