// An "agent" that can be killed: steals one port with a Redirect and answers every connection with
// "stolen\n". Usage: incoming_holder PORT CLIENT owner|guardian|old. Prints "ready TABLE", or the error and
// exits with its errno.
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "incoming/redirect.hpp"
#include "protocol/unique_fd.hpp"

#include <netinet/in.h>
#include <sys/socket.h>

using namespace inpod;

int main(int count, char** words) {
  if (count != 4) return 2;
  agent::Redirect::Options options;
  options.without_owner = strcmp(words[3], "owner") != 0;
  options.without_inet = strcmp(words[3], "old") == 0;

  const UniqueFd listener(::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in6 address{};
  address.sin6_family = AF_INET6;
  socklen_t length = sizeof address;
  if (::bind(listener.get(), reinterpret_cast<sockaddr*>(&address), length) != 0 ||
      ::listen(listener.get(), 64) != 0 ||
      ::getsockname(listener.get(), reinterpret_cast<sockaddr*>(&address), &length) != 0)
    return 3;

  auto redirect = agent::Redirect::create(options);
  Result<void> set;
  if (redirect) set = (*redirect)->set({{std::uint16_t(atoi(words[1])), ntohs(address.sin6_port), words[2]}});
  if (!redirect || !set) {
    const Error& error = redirect ? set.error() : redirect.error();
    fprintf(stderr, "%s\n", error.to_string().c_str());
    return error.code;
  }
  printf("ready %s %s\n", (*redirect)->table().c_str(), (*redirect)->has_guardian() ? "guardian" : "kernel");
  fflush(stdout);
  for (;;) {
    const UniqueFd peer(::accept(listener.get(), nullptr, nullptr));
    (void)!::write(peer.get(), "stolen\n", 7);
  }
}
