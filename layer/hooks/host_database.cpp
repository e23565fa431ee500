// The older questions for names: gethostbyname, gethostbyname2, gethostbyaddr, and their reentrant forms.
#include <arpa/inet.h>
#include <netdb.h>

#include <cstring>

#include "core/names.hpp"
#include "core/text.hpp"
#include "hooks/memory.hpp"
#include "layer.hpp"

using namespace inpod;
using namespace inpod::layer;

namespace {

/// Lays out a hostent in a buffer of the program's, from its front; false when there is no room.
class Layout {
 public:
  Layout(char* buffer, std::size_t size) : at_(buffer), left_(buffer ? size : 0) {
    const auto skew = reinterpret_cast<std::uintptr_t>(at_) % alignof(char*);
    take(skew == 0 ? 0 : alignof(char*) - skew);
  }
  char* take(std::size_t size) {
    if (size > left_) return failed_ = true, nullptr;
    char* taken = at_;
    at_ += size;
    left_ -= size;
    return taken;
  }
  char** pointers(std::size_t count) { return reinterpret_cast<char**>(take(count * sizeof(char*))); }
  char* text(std::string_view text) {
    char* copy = take(text.size() + 1);
    if (copy) memcpy(copy, text.data(), text.size()), copy[text.size()] = 0;
    return copy;
  }
  bool failed() const { return failed_; }

 private:
  char* at_;
  std::size_t left_;
  bool failed_ = false;
};

constexpr std::size_t most_aliases = 64;

int address_size(int family) {
  return family == AF_INET6 ? 16 : 4;
}

const void* bytes_of(const relay::ResolvedEntry& entry) {
  return entry.address.ss_family == AF_INET6
             ? static_cast<const void*>(&reinterpret_cast<const sockaddr_in6*>(&entry.address)->sin6_addr)
             : static_cast<const void*>(&reinterpret_cast<const sockaddr_in*>(&entry.address)->sin_addr);
}

int h_errno_of(int status) {
  switch (status) {
    case EAI_NONAME:
      return HOST_NOT_FOUND;
    case EAI_NODATA:
    case EAI_ADDRFAMILY:
      return NO_DATA;
    case EAI_AGAIN:
      return TRY_AGAIN;
    default:
      return NO_RECOVERY;
  }
}

/// The names in a list where each ends with a NUL; their number.
std::size_t split(std::string_view list, std::string_view (&names)[most_aliases]) {
  std::size_t count = 0;
  while (!list.empty() && count < most_aliases)
    if (const std::string_view name = take_until(list, '\0'); !name.empty()) names[count++] = name;
  return count;
}

/// Answer of the pod as a hostent. 0, ENOENT with *h_error set, or ERANGE.
int lay_out(const names::Answer& answer, const char* host, int family, hostent* into, char* buffer,
            std::size_t size, int* h_error) {
  Layout room(buffer, size);
  std::string_view aliases[most_aliases];
  const std::size_t alias_count = split(answer.aliases, aliases);
  char** alias_list = room.pointers(alias_count + 1);
  char** address_list = room.pointers(answer.count + 1);
  if (room.failed()) return ERANGE;
  std::size_t count = 0;
  for (std::size_t i = 0; i < answer.count; ++i) {
    const relay::ResolvedEntry entry = answer.entry(i);
    if (entry.address.ss_family != family) continue;
    bool seen = false;
    for (std::size_t k = 0; k < count; ++k)
      seen = seen ||
             memcmp(address_list[k], bytes_of(entry), static_cast<std::size_t>(address_size(family))) == 0;
    if (seen) continue;
    char* copy = room.take(static_cast<std::size_t>(address_size(family)));
    if (!copy) return ERANGE;
    memcpy(copy, bytes_of(entry), static_cast<std::size_t>(address_size(family)));
    address_list[count++] = copy;
  }
  address_list[count] = nullptr;
  if (count == 0) return *h_error = NO_DATA, ENOENT;
  for (std::size_t i = 0; i < alias_count; ++i) alias_list[i] = room.text(aliases[i]);
  alias_list[alias_count] = nullptr;
  into->h_name = room.text(answer.canonical.empty() ? std::string_view(host) : answer.canonical);
  into->h_aliases = alias_list;
  into->h_addrtype = family;
  into->h_length = address_size(family);
  into->h_addr_list = address_list;
  return room.failed() ? ERANGE : 0;
}

/// gethostbyname2_r in the pod. False: libc should do it.
bool by_name(const char* host, int family, hostent* into, char* buffer, std::size_t size, hostent** found,
             int* h_error, int& code) {
  if (!active() || !host || names::is_numeric(host) || (family != AF_INET && family != AF_INET6))
    return false;
  const names::Question question{host, "", family, SOCK_STREAM, 0, AI_CANONNAME};
  const Memory memory(names::largest_answer);
  names::Answer answer(memory.get());
  const long value = names::resolve(core, question, answer);
  if (value == not_ours) return false;
  *found = nullptr;
  code = 0;
  if (value != 0 || answer.status != 0) {
    *h_error = value != 0 ? TRY_AGAIN : h_errno_of(answer.status);
    if (*h_error == TRY_AGAIN) code = EAGAIN;
    return true;
  }
  code = lay_out(answer, host, family, into, buffer, size, h_error);
  if (code == 0) *found = into, *h_error = NETDB_SUCCESS;
  if (code == ERANGE) *h_error = NETDB_INTERNAL, errno = ERANGE;
  if (code == ENOENT) code = 0;
  return true;
}

/// gethostbyaddr_r in the pod. False: libc should do it.
bool by_address(const void* address, socklen_t length, int family, hostent* into, char* buffer,
                std::size_t size, hostent** found, int* h_error, int& code) {
  if (!active() || !address || (family != AF_INET && family != AF_INET6)) return false;
  if (length != static_cast<socklen_t>(address_size(family))) return false;
  sockaddr_storage storage{};
  storage.ss_family = static_cast<sa_family_t>(family);
  if (family == AF_INET)
    memcpy(&reinterpret_cast<sockaddr_in*>(&storage)->sin_addr, address, 4);
  else
    memcpy(&reinterpret_cast<sockaddr_in6*>(&storage)->sin6_addr, address, 16);
  names::BackAnswer answer;
  const socklen_t whole = family == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6);
  const long value =
      names::resolve_back(core, reinterpret_cast<sockaddr*>(&storage), whole, NI_NAMEREQD, answer);
  if (value == not_ours) return false;
  *found = nullptr;
  code = 0;
  if (value != 0 || answer.status != 0) {
    *h_error = value != 0 ? TRY_AGAIN : h_errno_of(answer.status);
    if (*h_error == TRY_AGAIN) code = EAGAIN;
    return true;
  }
  // The pod tells one name of an address; its others (of a hosts file) are told with the addresses of that
  // name.
  const Memory memory(names::largest_answer);
  names::Answer forward(memory.get());
  std::string_view others[most_aliases];
  const names::Question question{answer.host, "", family, SOCK_STREAM, 0, AI_CANONNAME};
  const bool known = names::resolve(core, question, forward) == 0 && forward.status == 0;
  const std::size_t other_count = known ? split(forward.aliases, others) : 0;
  Layout room(buffer, size);
  char** aliases = room.pointers(other_count + 1);
  char** addresses = room.pointers(2);
  char* copy = room.take(length);
  char* name = room.text(answer.host);
  if (room.failed()) return *h_error = NETDB_INTERNAL, code = errno = ERANGE, true;
  for (std::size_t i = 0; i < other_count; ++i) aliases[i] = room.text(others[i]);
  aliases[other_count] = nullptr;
  if (room.failed()) return *h_error = NETDB_INTERNAL, code = errno = ERANGE, true;
  memcpy(copy, address, length);
  addresses[0] = copy;
  addresses[1] = nullptr;
  *into = hostent{name, aliases, family, static_cast<int>(length), addresses};
  *found = into;
  *h_error = NETDB_SUCCESS;
  return true;
}

// What the forms that are not reentrant give out; libc has a place of its own like it.
hostent shared_entry;
char shared_buffer[16 << 10];

}  // namespace

HOOK(hostent*, gethostbyname2, (const char* host, int family)) {
  hostent* found = nullptr;
  int code = 0;
  if (by_name(host, family, &shared_entry, shared_buffer, sizeof shared_buffer, &found, &h_errno, code))
    return found;
  const Bypass bypass_here;
  return original(gethostbyname2)(host, family);
}

HOOK(hostent*, gethostbyname, (const char* host)) {
  hostent* found = nullptr;
  int code = 0;
  if (by_name(host, AF_INET, &shared_entry, shared_buffer, sizeof shared_buffer, &found, &h_errno, code))
    return found;
  const Bypass bypass_here;
  return original(gethostbyname)(host);
}

HOOK(int, gethostbyname_r,
     (const char* host, hostent* into, char* buffer, size_t size, hostent** found, int* h_error)) {
  int code = 0;
  if (by_name(host, AF_INET, into, buffer, size, found, h_error, code)) return code;
  const Bypass bypass_here;
  return original(gethostbyname_r)(host, into, buffer, size, found, h_error);
}

HOOK(int, gethostbyname2_r,
     (const char* host, int family, hostent* into, char* buffer, size_t size, hostent** found,
      int* h_error)) {
  int code = 0;
  if (by_name(host, family, into, buffer, size, found, h_error, code)) return code;
  const Bypass bypass_here;
  return original(gethostbyname2_r)(host, family, into, buffer, size, found, h_error);
}

HOOK(hostent*, gethostbyaddr, (const void* address, socklen_t length, int family)) {
  hostent* found = nullptr;
  int code = 0;
  if (by_address(address, length, family, &shared_entry, shared_buffer, sizeof shared_buffer, &found,
                 &h_errno, code))
    return found;
  const Bypass bypass_here;
  return original(gethostbyaddr)(address, length, family);
}

HOOK(int, gethostbyaddr_r,
     (const void* address, socklen_t length, int family, hostent* into, char* buffer, size_t size,
      hostent** found, int* h_error)) {
  int code = 0;
  if (by_address(address, length, family, into, buffer, size, found, h_error, code)) return code;
  const Bypass bypass_here;
  return original(gethostbyaddr_r)(address, length, family, into, buffer, size, found, h_error);
}
