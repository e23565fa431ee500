// Asking the relay for names. See names.hpp.
#include "core/names.hpp"

#include <arpa/inet.h>
#include <netdb.h>
#include <strings.h>

#include <cerrno>
#include <cstring>

#include "core/text.hpp"

namespace inpod::names {

relay::ResolvedEntry Answer::entry(std::size_t index) const {
  relay::ResolvedEntry copy;
  memcpy(&copy, buffer + index * sizeof copy, sizeof copy);
  if (copy.address_length > sizeof copy.address) copy.address_length = sizeof copy.address;
  return copy;
}

bool is_numeric(const char* host) {
  in_addr four;
  if (inet_aton(host, &four) != 0) return true;
  char copy[INET6_ADDRSTRLEN];
  const std::size_t length = strcspn(host, "%");
  if (length >= sizeof copy) return false;
  memcpy(copy, host, length);
  copy[length] = 0;
  in6_addr six;
  return inet_pton(AF_INET6, copy, &six) == 1;
}

bool names_interface(const char* host) {
  const char* scope = strchr(host, '%');
  return scope && scope[1 + strspn(scope + 1, "0123456789")] != 0;
}

bool is_localhost(std::string_view host) {
  if (host.ends_with('.')) host.remove_suffix(1);
  constexpr std::string_view word = "localhost";
  if (host.size() < word.size()) return false;
  const std::size_t before = host.size() - word.size();
  return strncasecmp(host.data() + before, word.data(), word.size()) == 0 &&
         (before == 0 || host[before - 1] == '.');
}

long resolve(Core& core, const Question& question, Answer& answer) {
  if (question.host.empty() || is_localhost(question.host)) return not_ours;
  if (core.rules.dns(question.host) == Side::local) return not_ours;
  if (question.host.size() > 1024 || question.service.size() > 256) return not_ours;
  if (!answer.buffer) return -ENOMEM;
  FixedText<1300> text;
  text << question.host << std::string_view("", 1) << question.service;
  RelayCall call(relay::Op::resolve, text.view());
  const auto number = [](int value) { return static_cast<std::uint64_t>(static_cast<std::int64_t>(value)); };
  call.request.a = number(question.family);
  call.request.b = number(question.socktype);
  call.request.c = number(question.protocol);
  call.request.d = number(question.flags);
  call.into = answer.buffer;
  call.capacity = largest_answer;
  if (const long result = core.relay.ask(call); result != 0) return result;
  answer.status = static_cast<int>(static_cast<std::int64_t>(call.reply.a));
  answer.system_errno = static_cast<int>(call.reply.b);
  answer.count = call.reply.c;
  const std::size_t fits = call.received / sizeof(relay::ResolvedEntry);
  if (answer.count > fits) answer.count = fits;
  const std::size_t used = answer.count * sizeof(relay::ResolvedEntry);
  std::string_view rest(answer.buffer + used, call.received - used);
  answer.canonical = take_until(rest, '\0');
  answer.aliases = rest;
  return 0;
}

namespace {

/// A number of an interface, which getnameinfo(3) tells by its name.
bool has_scope(const sockaddr* address, socklen_t length) {
  return address->sa_family == AF_INET6 && length >= sizeof(sockaddr_in6) &&
         reinterpret_cast<const sockaddr_in6*>(address)->sin6_scope_id != 0;
}

}  // namespace

long resolve_back(Core& core, const sockaddr* address, socklen_t length, int flags, BackAnswer& answer) {
  if (!address || length < sizeof(sa_family_t) ||
      (address->sa_family != AF_INET && address->sa_family != AF_INET6))
    return not_ours;
  const bool numeric = (flags & NI_NUMERICHOST) != 0;
  if (numeric && (!has_scope(address, length) || !core.rules.remote_hostname())) return not_ours;
  if (is_loopback(address, length) || core.rules.dns("reverse.in-addr.arpa") == Side::local) return not_ours;
  RelayCall call(relay::Op::resolve_back);
  call.set_address(address, length);
  call.request.a = static_cast<std::uint64_t>(flags);
  call.into = answer.buffer;
  call.capacity = sizeof answer.buffer - 2;
  if (const long result = core.relay.ask(call); result != 0) return result;
  answer.status = static_cast<int>(static_cast<std::int64_t>(call.reply.a));
  answer.buffer[call.received] = answer.buffer[call.received + 1] = 0;
  std::string_view rest(answer.buffer, call.received);
  answer.host = take_until(rest, '\0');
  answer.service = take_until(rest, '\0');
  return 0;
}

long host(Core& core, Host& answer) {
  if (!core.rules.remote_hostname()) return not_ours;
  RelayCall call(relay::Op::host);
  call.into = answer.buffer;
  call.capacity = sizeof answer.buffer - 2;
  if (const long result = core.relay.ask(call); result != 0) return result;
  answer.buffer[call.received] = answer.buffer[call.received + 1] = 0;
  std::string_view rest(answer.buffer, call.received);
  answer.name = take_until(rest, '\0');
  answer.domain = take_until(rest, '\0');
  return 0;
}

}  // namespace inpod::names
