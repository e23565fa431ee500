// See hints.hpp.
#include "names/hints.hpp"

#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cstdlib>

namespace inpod::agent {
namespace {

struct Kind {
  int socktype, protocol;
  bool any_protocol;  // the hints' protocol is taken as it is
  bool by_default;    // answered when the hints name neither type nor protocol
  const char* name;   // in /etc/services; null: has no services
};
constexpr Kind kinds[] = {
    {SOCK_STREAM, IPPROTO_TCP, false, true, "tcp"},
    {SOCK_DGRAM, IPPROTO_UDP, false, true, "udp"},
    {SOCK_DCCP, IPPROTO_DCCP, false, false, "dccp"},
    {SOCK_DGRAM, IPPROTO_UDPLITE, false, false, "udplite"},
    {SOCK_STREAM, IPPROTO_SCTP, false, false, "sctp"},
    {SOCK_SEQPACKET, IPPROTO_SCTP, false, false, "sctp"},
    {SOCK_RAW, 0, true, true, nullptr},
};

bool matches(const Kind& kind, const protocol::Resolve& request) {
  return (request.socktype == 0 || request.socktype == kind.socktype) &&
         (request.protocol == 0 || kind.any_protocol || request.protocol == kind.protocol);
}

SocketPlan planned(const Kind& kind, const protocol::Resolve& request, std::uint16_t port) {
  return {kind.socktype, kind.any_protocol ? request.protocol : kind.protocol, port};
}

}  // namespace

int check_hints(const protocol::Resolve& request) {
  constexpr int known = AI_PASSIVE | AI_CANONNAME | AI_NUMERICHOST | AI_ADDRCONFIG | AI_V4MAPPED |
                        AI_NUMERICSERV | AI_ALL | AI_IDN | AI_CANONIDN | 0x100 |
                        0x200;  // the last two: AI_IDN_ALLOW_UNASSIGNED, …_STD3_ASCII_RULES
  if (request.host.empty() && request.service.empty()) return EAI_NONAME;
  if (request.flags & ~known) return EAI_BADFLAGS;
  if ((request.flags & AI_CANONNAME) && request.host.empty()) return EAI_BADFLAGS;
  if (request.family != AF_UNSPEC && request.family != AF_INET && request.family != AF_INET6)
    return EAI_FAMILY;
  return 0;
}

int plan_sockets(const protocol::Resolve& request, const std::vector<ServiceLine>& services,
                 std::vector<SocketPlan>& sockets) {
  sockets.clear();
  bool chosen = request.socktype != 0 || request.protocol != 0;
  const Kind* first = nullptr;
  for (const Kind& kind : kinds) {
    if (chosen && matches(kind, request)) {
      first = &kind;
      break;
    }
  }
  if (chosen && !first) return request.socktype ? EAI_SOCKTYPE : EAI_SERVICE;
  if (!request.service.empty() && first && !first->name) return EAI_SERVICE;

  char* end = nullptr;
  unsigned long number = strtoul(request.service.c_str(), &end, 10);
  if (*end == '\0') {  // numeric, or none
    auto port = static_cast<std::uint16_t>(number);
    if (first) sockets.push_back(planned(*first, request, port));
    for (const Kind& kind : kinds) {
      if (!first && kind.by_default) sockets.push_back(planned(kind, request, port));
    }
    return 0;
  }
  if (request.flags & AI_NUMERICSERV) return EAI_NONAME;
  for (const Kind& kind : kinds) {
    if (!kind.name || (first && &kind != first)) continue;
    if (auto port = service_port(services, request.service, kind.name))
      sockets.push_back(planned(kind, request, *port));
  }
  return sockets.empty() ? EAI_SERVICE : 0;
}

}  // namespace inpod::agent
