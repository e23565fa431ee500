// Names in the pod: hosts to addresses and back, and the pod's own name. The caller lays the answers out as
// libc does.
//
// Nothing allocates; answers lie in a buffer of the caller's. What is numeric, `localhost`, or local by rule
// is `not_ours`.
#pragma once

#include <cstdint>
#include <string_view>

#include "core/core.hpp"

namespace inpod::names {

constexpr std::size_t largest_answer =
    1 << 20;  ///< bytes: over 2000 addresses for three socket types; the relay gives no more

/// What `resolve` asks; numbers are getaddrinfo(3)'s.
struct Question {
  std::string_view host, service;
  int family = 0, socktype = 0, protocol = 0, flags = 0;
};

/// An answer of the relay's, laid open. Points into `buffer`, which is the caller's: largest_answer bytes,
/// aligned for pointers. Null: -ENOMEM.
struct Answer {
  explicit Answer(void* memory) : buffer(static_cast<char*>(memory)) {}
  int status = 0;        ///< 0 or EAI_*
  int system_errno = 0;  ///< with EAI_SYSTEM
  std::size_t count = 0;
  std::string_view canonical, aliases;  ///< aliases: each ends with a NUL
  char* buffer;

  relay::ResolvedEntry entry(std::size_t index) const;
};

/// 0: answered (see status). not_ours: for libc on this machine. -errno: the relay could not be asked.
long resolve(Core& core, const Question& question, Answer& answer);
/// getnameinfo(3). host and service: NUL-terminated, in `buffer`. Returns as resolve does; status in
/// `status`.
struct BackAnswer {
  int status = 0;
  std::string_view host, service;
  char buffer[2048];
};
long resolve_back(Core& core, const sockaddr* address, socklen_t length, int flags, BackAnswer& answer);

/// The pod's hostname and domain name, NUL-terminated in `buffer`. 0, not_ours, or -errno.
struct Host {
  std::string_view name, domain;
  char buffer[512];
};
long host(Core& core, Host& answer);

/// An address in numbers, as inet_aton(3) or inet_pton(3) read it ("%scope" allowed behind IPv6).
bool is_numeric(const char* host);
/// Of a numeric address: whether it names an interface ("fe80::1%eth0"), whose number is the pod's.
bool names_interface(const char* host);
/// "localhost", and names below it, mean this machine (RFC 6761, 6.3).
bool is_localhost(std::string_view host);

}  // namespace inpod::names
