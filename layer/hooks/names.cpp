// getaddrinfo, getnameinfo, and the names of the machine: gethostname, uname, getdomainname.
#include <netdb.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>

#include "core/names.hpp"
#include "hooks/memory.hpp"
#include "layer.hpp"

using namespace inpod;
using namespace inpod::layer;

namespace {

/// One element as glibc's freeaddrinfo expects it: a block of malloc's that holds the address too.
addrinfo* make_element(const relay::ResolvedEntry& entry, int flags) {
  auto* element = static_cast<addrinfo*>(calloc(1, sizeof(addrinfo) + entry.address_length));
  if (!element) return nullptr;
  element->ai_flags = flags;
  element->ai_family = entry.address.ss_family;
  element->ai_socktype = entry.socktype;
  element->ai_protocol = entry.protocol;
  element->ai_addrlen = entry.address_length;
  element->ai_addr = reinterpret_cast<sockaddr*>(element + 1);
  memcpy(element->ai_addr, &entry.address, entry.address_length);
  return element;
}

/// The list that a program gets. EAI_MEMORY: nothing is left allocated.
int make_list(const names::Answer& answer, int flags, addrinfo** list) {
  addrinfo* first = nullptr;
  addrinfo** place = &first;
  for (std::size_t i = 0; i < answer.count; ++i) {
    *place = make_element(answer.entry(i), flags);
    if (!*place) {
      freeaddrinfo(first);
      return EAI_MEMORY;
    }
    place = &(*place)->ai_next;
  }
  if (!first) return EAI_NONAME;
  if ((flags & AI_CANONNAME) != 0 && !answer.canonical.empty()) {
    first->ai_canonname = strndup(answer.canonical.data(), answer.canonical.size());
    if (!first->ai_canonname) {
      freeaddrinfo(first);
      return EAI_MEMORY;
    }
  }
  *list = first;
  return 0;
}

int local_addresses(decltype(getaddrinfo)* next, const char* host, const char* service, const addrinfo* hints,
                    addrinfo** list) {
  const Bypass bypass_here;
  return next(host, service, hints, list);
}

/// Puts a name into a program's buffer; EAI_OVERFLOW where it does not fit.
int put(std::string_view name, char* into, socklen_t size) {
  if (!into || size == 0) return 0;
  if (name.size() >= size) return EAI_OVERFLOW;
  memcpy(into, name.data(), name.size());
  into[name.size()] = 0;
  return 0;
}

}  // namespace

HOOK(int, getaddrinfo, (const char* host, const char* service, const addrinfo* hints, addrinfo** list)) {
  const int flags = hints ? hints->ai_flags : AI_V4MAPPED | AI_ADDRCONFIG;
  const bool numeric = host && ((flags & AI_NUMERICHOST) != 0 || names::is_numeric(host));
  if (!host || !active() || (numeric && !names::names_interface(host)))
    return local_addresses(original(getaddrinfo), host, service, hints, list);
  names::Question question{host, service ? service : "", 0, 0, 0, flags};
  if (hints)
    question.family = hints->ai_family, question.socktype = hints->ai_socktype,
    question.protocol = hints->ai_protocol;
  const Memory memory(names::largest_answer);
  names::Answer answer(memory.get());
  const int saved = errno;
  const long value = names::resolve(core, question, answer);
  if (value == not_ours) return local_addresses(original(getaddrinfo), host, service, hints, list);
  if (value != 0) return value == -ENOMEM ? EAI_MEMORY : EAI_AGAIN;
  if (answer.status != 0) {
    if (answer.status == EAI_SYSTEM) errno = answer.system_errno;
    return answer.status;
  }
  errno = saved;
  return make_list(answer, flags, list);
}

HOOK(int, getnameinfo,
     (const sockaddr* address, socklen_t length, char* host, socklen_t host_size, char* service,
      socklen_t service_size, int flags)) {
  names::BackAnswer answer;
  const bool asks = host && host_size != 0 && active();
  const long value = asks ? names::resolve_back(core, address, length, flags, answer) : not_ours;
  if (value == not_ours) {
    const Bypass bypass_here;
    return original(getnameinfo)(address, length, host, host_size, service, service_size, flags);
  }
  if (value != 0) return EAI_AGAIN;
  if (answer.status != 0) return answer.status;
  if (const int status = put(answer.host, host, host_size); status != 0) return status;
  return put(answer.service, service, service_size);
}

HOOK(int, gethostname, (char* into, size_t size)) {
  names::Host host;
  const long value = active() ? names::host(core, host) : not_ours;
  if (value != 0) return original(gethostname)(into, size);
  // As glibc: a name that is cut has no NUL, and the call fails.
  const std::size_t whole = host.name.size() + 1;
  memcpy(into, host.name.data(), whole <= size ? whole : size);
  return whole <= size ? 0 : result<int>(-ENAMETOOLONG);
}

HOOK(int, __gethostname_chk, (char* into, size_t size, size_t capacity)) {
  return size <= capacity ? hook_gethostname(into, size) : original(__gethostname_chk)(into, size, capacity);
}

HOOK(int, getdomainname, (char* into, size_t size)) {
  names::Host host;
  const long value = active() ? names::host(core, host) : not_ours;
  if (value != 0) return original(getdomainname)(into, size);
  const std::size_t whole = host.domain.size() + 1;
  memcpy(into, host.domain.data(), whole <= size ? whole : size);
  return 0;
}

HOOK(int, __getdomainname_chk, (char* into, size_t size, size_t capacity)) {
  return size <= capacity ? hook_getdomainname(into, size)
                          : original(__getdomainname_chk)(into, size, capacity);
}

HOOK(int, uname, (struct utsname * into)) {
  const int done = original(uname)(into);
  names::Host host;
  if (done != 0 || !active() || names::host(core, host) != 0) return done;
  if (host.name.size() < sizeof into->nodename) strcpy(into->nodename, host.name.data());
  if (host.domain.size() < sizeof into->domainname) strcpy(into->domainname, host.domain.data());
  return done;
}
