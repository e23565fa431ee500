// See resolver.hpp.
#include "names/resolver.hpp"

#include <netdb.h>
#include <resolv.h>
#include <sys/socket.h>

#include <algorithm>

#include "names/address_order.hpp"
#include "names/hints.hpp"
#include "names/literal.hpp"
#include "names/text.hpp"

namespace inpod::agent {
using protocol::AddressFamily;
using protocol::SocketAddress;
using protocol::Task;

namespace {

bool family_fits(const SocketAddress& address, int family) {
  if (family == AF_UNSPEC) return true;
  return family == (address.family == AddressFamily::ipv4 ? AF_INET : AF_INET6);
}

bool is_mapped(const SocketAddress& address) {
  constexpr std::uint8_t prefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  return address.family == AddressFamily::ipv6 && std::equal(prefix, prefix + 12, address.ip.begin());
}

SocketAddress to_mapped(SocketAddress address) {
  std::array<std::uint8_t, 16> ip{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  std::copy_n(address.ip.begin(), 4, ip.begin() + 12);
  address.ip = ip;
  address.family = AddressFamily::ipv6;
  return address;
}

SocketAddress from_mapped(SocketAddress address) {
  std::array<std::uint8_t, 16> ip{};
  std::copy_n(address.ip.begin() + 12, 4, ip.begin());
  address.ip = ip;
  address.family = AddressFamily::ipv4;
  return address;
}

bool is_loopback(const SocketAddress& address) {
  return address.family == AddressFamily::ipv6 &&
         address.ip == std::array<std::uint8_t, 16>{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
}

/// The address of a line in hosts as a question for one family finds it; nothing: not at all. To IPv4
/// questions glibc also gives what is IPv4 in the form of IPv6, and 127.0.0.1 for ::1.
std::optional<SocketAddress> seen_as(const SocketAddress& address, int family) {
  if (family_fits(address, family)) return address;
  if (family == AF_INET && is_mapped(address)) return from_mapped(address);
  if (family == AF_INET && is_loopback(address)) return parse_literal("127.0.0.1", LiteralForm::strict);
  return std::nullopt;
}

/// "1.2.3.4.5": meant as an IPv4 address, and none. glibc asks nobody for its IPv4 addresses.
bool is_bad_number(const std::string& host) {
  return host.find_first_not_of("0123456789.") == std::string::npos && host.front() != '.' &&
         host.back() != '.';
}

/// Addresses for a request without a host: the wildcard ones, or loopback.
std::vector<SocketAddress> own_addresses(const protocol::Resolve& request) {
  bool passive = request.flags & AI_PASSIVE;
  std::vector<SocketAddress> result;
  for (const char* text : {passive ? "::" : "::1", passive ? "0.0.0.0" : "127.0.0.1"}) {
    auto address = parse_literal(text, LiteralForm::strict);
    if (family_fits(*address, request.family)) result.push_back(*address);
  }
  return result;
}

/// For a host that is an address already. Fills `address`, or says why it does not do.
int fit_literal(SocketAddress& address, const protocol::Resolve& request) {
  if (address.family == AddressFamily::none)
    return request.family == AF_INET ? EAI_ADDRFAMILY : EAI_NONAME;  // a scope that does not exist
  if (family_fits(address, request.family)) return 0;
  if (address.family == AddressFamily::ipv4 && (request.flags & AI_V4MAPPED)) {
    address = to_mapped(std::move(address));
    return 0;
  }
  if (is_mapped(address)) {
    address = from_mapped(std::move(address));
    return 0;
  }
  return EAI_ADDRFAMILY;
}

/// AI_ADDRCONFIG: may leave out a family that no interface has.
int restrict_family(protocol::Resolve& request) {
  if (!(request.flags & AI_ADDRCONFIG)) return 0;
  ConfiguredFamilies have = configured_families();
  if (request.family == AF_UNSPEC && have.ipv4 != have.ipv6) request.family = have.ipv4 ? AF_INET : AF_INET6;
  if ((request.family == AF_INET && !have.ipv4) || (request.family == AF_INET6 && !have.ipv6))
    return EAI_NONAME;
  return 0;
}

/// "4.3.2.1.in-addr.arpa", RFC 1035 3.5 and RFC 3596 2.5.
std::string reverse_name(const SocketAddress& address) {
  std::string name;
  if (address.family == AddressFamily::ipv4) {
    for (int i = 3; i >= 0; --i) name += std::to_string(address.ip[static_cast<std::size_t>(i)]) + ".";
    return name + "in-addr.arpa";
  }
  for (auto byte = address.ip.rbegin(); byte != address.ip.rend(); ++byte) {
    constexpr char digits[] = "0123456789abcdef";
    name += {digits[*byte & 15], '.', digits[*byte >> 4], '.'};
  }
  return name + "ip6.arpa";
}

std::string host_of(const std::vector<HostLine>& hosts, const SocketAddress& address) {
  for (const HostLine& line : hosts) {
    if (line.address.family == address.family && line.address.ip == address.ip) return line.names.front();
  }
  return {};
}

}  // namespace

Resolver::Resolver(boost::asio::any_io_executor io, WorkerPool& workers, const PodRoot& root)
    : io_(std::move(io)),
      workers_(workers),
      group_(workers.make_group()),
      cache_(std::make_shared<NameFileCache>(root)) {}

Task<Resolver::Files> Resolver::load() {
  auto job = [cache = cache_] { return cache->load(); };
  auto files = co_await workers_.run(group_, std::move(job));
  co_return files ? *files : nullptr;
}

std::shared_ptr<DnsClient> Resolver::servers_of(const Files& files) {
  if (files_ == files && client_) return client_;
  auto client = DnsClient::create(io_, files->resolver);
  if (!client) return nullptr;
  files_ = files;
  client_ = *client;
  return client_;
}

Task<Resolver::Found> Resolver::ask_servers(Files files, std::string host, int family) {
  Found found;
  if (!::res_hnok(host.c_str())) {  // "-x", "a b": glibc asks no server for what can't be a host's name
    found.status = EAI_NONAME;
    co_return found;
  }
  std::vector<DnsType> types;
  if (family != AF_INET6) types.push_back(DnsType::a);
  if (family != AF_INET && !files->resolver.no_ipv6) types.push_back(DnsType::aaaa);
  bool no_data = false, again = false;
  auto client = servers_of(files);
  if (!client) {
    found.status = EAI_AGAIN;
    co_return found;
  }
  std::vector<std::string> names = names_to_try(files->resolver, host);
  for (const std::string& name : names) {
    auto answers = co_await client->ask(name, types);
    for (DnsAnswer& answer : answers) {
      no_data |= answer.status == DnsAnswer::Status::no_data;
      again |= answer.status == DnsAnswer::Status::try_again;
      if (answer.status != DnsAnswer::Status::found) continue;
      if (found.addresses.empty()) {
        found.canonical = std::move(answer.canonical);
        found.aliases = std::move(answer.aliases);
      }
      found.addresses.insert(found.addresses.end(), answer.addresses.begin(), answer.addresses.end());
    }
    if (!found.addresses.empty()) co_return found;
  }
  found.status = no_data ? EAI_NODATA : again ? EAI_AGAIN : EAI_NONAME;  // in glibc's order
  co_return found;
}

Task<Resolver::Found> Resolver::look_up(Files files, std::string host, int family) {
  Found found;
  for (const HostLine& line : files->hosts) {
    bool named = std::any_of(line.names.begin(), line.names.end(),
                             [&](const std::string& name) { return same_name(name, host); });
    auto address = named ? seen_as(line.address, family) : std::nullopt;
    if (!address) continue;
    if (found.addresses.empty()) {
      found.canonical = line.names.front();
      found.aliases.assign(line.names.begin() + 1, line.names.end());
    }
    found.addresses.push_back(std::move(*address));
    if (!files->all_lines_of_hosts) break;
  }
  if (found.addresses.empty()) found = co_await ask_servers(std::move(files), std::move(host), family);
  co_return found;
}

Task<Resolver::Found> Resolver::find(Files files, protocol::Resolve request) {
  Found found;
  if (request.host.empty()) {
    found.addresses = own_addresses(request);
    co_return found;
  }
  if (auto literal = parse_literal(request.host, LiteralForm::loose)) {
    found.status = fit_literal(*literal, request);
    found.canonical = request.host;
    if (!found.status) found.addresses.push_back(std::move(*literal));
    co_return found;
  }
  if (request.flags & AI_NUMERICHOST) {
    found.status = EAI_NONAME;
    co_return found;
  }
  if (request.family == AF_INET && is_bad_number(request.host)) {
    found.status = EAI_NONAME;
    co_return found;
  }
  found = co_await look_up(files, request.host, request.family);
  bool map = request.family == AF_INET6 && (request.flags & AI_V4MAPPED);
  if (!map || (!found.addresses.empty() && !(request.flags & AI_ALL))) co_return found;
  Found four = co_await look_up(files, request.host, AF_INET);
  for (SocketAddress& address : four.addresses) address = to_mapped(std::move(address));
  if (found.addresses.empty()) co_return four;
  found.addresses.insert(found.addresses.end(), four.addresses.begin(), four.addresses.end());
  co_return found;
}

Task<protocol::Message> Resolver::resolve(protocol::Resolve request) {
  if (request.host == "*") request.host.clear();
  if (request.service == "*") request.service.clear();
  protocol::Resolved answer;
  answer.status = check_hints(request);
  if (!answer.status) answer.status = restrict_family(request);
  if (answer.status) co_return answer;
  Files files = co_await load();
  if (!files) {
    answer.status = EAI_AGAIN;
    co_return answer;
  }
  std::vector<SocketPlan> sockets;
  answer.status = plan_sockets(request, files->services, sockets);
  if (answer.status) co_return answer;
  Found found = co_await find(files, request);
  answer.status = found.status;
  if (found.status) co_return answer;
  order_addresses(found.addresses);
  if (request.flags & AI_CANONNAME)
    answer.canonical_name = found.canonical.empty() ? request.host : found.canonical;
  answer.aliases = std::move(found.aliases);
  for (const SocketAddress& address : found.addresses) {
    for (const SocketPlan& planned : sockets) {
      protocol::ResolvedAddress one;
      one.socktype = planned.socktype;
      one.protocol = planned.protocol;
      one.address = address;
      one.address.port = planned.port;
      answer.addresses.push_back(std::move(one));
    }
  }
  co_return answer;
}

Task<protocol::Message> Resolver::resolve_back(protocol::ResolveBack request) {
  protocol::ResolvedName answer;
  const SocketAddress& address = request.address;
  Files files = co_await load();
  if (!files || (address.family != AddressFamily::ipv4 && address.family != AddressFamily::ipv6)) {
    answer.status = files ? EAI_FAMILY : EAI_AGAIN;
    co_return answer;
  }
  std::optional<std::string> service;
  if (!(request.flags & NI_NUMERICSERV))
    service = service_name(files->services, address.port, request.flags & NI_DGRAM ? "udp" : "tcp");
  answer.service = service ? *service : std::to_string(address.port);
  if ((request.flags & NI_NUMERICHOST) && (request.flags & NI_NAMEREQD)) answer.status = EAI_NONAME;
  if (!(request.flags & NI_NUMERICHOST)) {
    SocketAddress wanted = is_mapped(address) ? from_mapped(address) : address;
    answer.host = host_of(files->hosts, wanted);
    auto client = answer.host.empty() ? servers_of(files) : nullptr;
    if (client) {
      std::vector<DnsType> types{DnsType::ptr};
      auto answers = co_await client->ask(reverse_name(wanted), std::move(types));
      if (answers[0].status == DnsAnswer::Status::found) answer.host = answers[0].canonical;
      if (answers[0].status == DnsAnswer::Status::try_again)
        answer.status = EAI_AGAIN;  // as glibc, whatever the flags
    }
    if (answer.host.empty() && (request.flags & NI_NAMEREQD) && !answer.status) answer.status = EAI_NONAME;
  }
  if (answer.host.empty() && !answer.status) answer.host = literal_of(address);
  co_return answer;
}

}  // namespace inpod::agent
