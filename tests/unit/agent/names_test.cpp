// hosts and services files, literals, hints and the order of addresses.
#include "names/hosts.hpp"

#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "catch.hpp"
#include "names/address_order.hpp"
#include "names/hints.hpp"
#include "names/literal.hpp"

using namespace inpod::agent;
using inpod::protocol::AddressFamily;

namespace {
inpod::protocol::Resolve ask(const std::string& service, int socktype = 0, int protocol = 0, int flags = 0) {
  inpod::protocol::Resolve request;
  request.host = "x";
  request.service = service;
  request.socktype = socktype;
  request.protocol = protocol;
  request.flags = flags;
  return request;
}
}  // namespace

TEST_CASE("hosts", "[names]") {
  auto lines = parse_hosts(
      "# comment\n127.0.0.1 localhost\n10.0.0.1\tweb.shop web # here\nfe80::1 six\nnonsense "
      "x\n1.2.3.4\n\n10.0.0.2 last");
  REQUIRE(lines.size() == 4);
  CHECK(lines[1].names == std::vector<std::string>{"web.shop", "web"});
  CHECK(literal_of(lines[2].address) == "fe80::1");
  CHECK(lines[3].names[0] == "last");
}

TEST_CASE("host.conf", "[names]") {
  CHECK(parse_host_conf("# comment\norder hosts,bind\nmulti on  # all\n"));
  CHECK_FALSE(parse_host_conf(""));
  CHECK_FALSE(parse_host_conf("multi on\nmulti off\n"));
  CHECK_FALSE(parse_host_conf("multi\n# multi on"));
}

TEST_CASE("services", "[names]") {
  auto services =
      parse_services("http 80/tcp www\n#x 1/tcp\ndomain 53/udp\nbad tcp\nworse 99999/tcp\nodd 7\n");
  REQUIRE(services.size() == 2);
  CHECK(service_port(services, "www", "tcp") == 80);
  CHECK_FALSE(service_port(services, "http", "udp"));
  CHECK(service_name(services, 53, "udp") == "domain");
  CHECK_FALSE(service_name(services, 53, "tcp"));
  CHECK(service_port(common_services(), "https", "tcp") == 443);
}

TEST_CASE("literals", "[names]") {
  CHECK(literal_of(*parse_literal("10.1.2.3", LiteralForm::strict)) == "10.1.2.3");
  CHECK_FALSE(parse_literal("10.1", LiteralForm::strict));
  CHECK(literal_of(*parse_literal("10.1", LiteralForm::loose)) == "10.0.0.1");
  CHECK(literal_of(*parse_literal("0x7f000001", LiteralForm::loose)) == "127.0.0.1");
  CHECK(literal_of(*parse_literal("2001:db8::1", LiteralForm::loose)) == "2001:db8::1");
  CHECK_FALSE(parse_literal("1.2.3.4 x", LiteralForm::loose));
  CHECK_FALSE(parse_literal("", LiteralForm::loose));
  CHECK_FALSE(parse_literal("web", LiteralForm::loose));
  CHECK(parse_literal("fe80::1%lo", LiteralForm::loose)->scope_id > 0);
  CHECK(literal_of(*parse_literal("fe80::1%lo", LiteralForm::loose)) == "fe80::1%lo");
  CHECK(parse_literal("fe80::1%no-such-link", LiteralForm::loose)->family == AddressFamily::none);
}

TEST_CASE("hints that are wrong", "[names]") {
  auto request = ask("");
  request.flags = 0x40000000;
  CHECK(check_hints(request) == EAI_BADFLAGS);
  request = ask("");
  request.family = AF_UNIX;
  CHECK(check_hints(request) == EAI_FAMILY);
  request = ask("");
  request.host = "";
  CHECK(check_hints(request) == EAI_NONAME);
  request.service = "80";
  request.flags = AI_CANONNAME;
  CHECK(check_hints(request) == EAI_BADFLAGS);
  CHECK(check_hints(ask("80", SOCK_STREAM)) == 0);
}

TEST_CASE("types and protocols as glibc lists them", "[names]") {
  auto services = parse_services("http 80/tcp\ndomain 53/tcp\ndomain 53/udp\n");
  std::vector<SocketPlan> got;
  using Plan = std::vector<SocketPlan>;
  SocketPlan tcp{SOCK_STREAM, IPPROTO_TCP, 0}, udp{SOCK_DGRAM, IPPROTO_UDP, 0}, raw{SOCK_RAW, 0, 0};
  CHECK(plan_sockets(ask(""), services, got) == 0);
  CHECK(got == Plan{tcp, udp, raw});
  CHECK(plan_sockets(ask("", SOCK_STREAM), services, got) == 0);
  CHECK(got == Plan{tcp});
  CHECK(plan_sockets(ask("", 0, IPPROTO_UDP), services, got) == 0);
  CHECK(got == Plan{udp});
  CHECK(plan_sockets(ask("http"), services, got) == 0);
  CHECK(got == Plan{{SOCK_STREAM, IPPROTO_TCP, 80}});
  CHECK(plan_sockets(ask("domain"), services, got) == 0);
  CHECK(got.size() == 2);
  CHECK(plan_sockets(ask("8080"), services, got) == 0);
  CHECK(got.size() == 3);
  CHECK(got[0].port == 8080);
  CHECK(plan_sockets(ask("http", SOCK_DGRAM), services, got) == EAI_SERVICE);
  CHECK(plan_sockets(ask("none"), services, got) == EAI_SERVICE);
  CHECK(plan_sockets(ask("http", 0, 0, AI_NUMERICSERV), services, got) == EAI_NONAME);
  CHECK(plan_sockets(ask("80", SOCK_RAW), services, got) == EAI_SERVICE);
  CHECK(plan_sockets(ask("", 77), services, got) == EAI_SOCKTYPE);
  CHECK(plan_sockets(ask("", SOCK_STREAM, IPPROTO_UDP), services, got) == EAI_SOCKTYPE);
}

TEST_CASE("addresses that can be reached come first", "[names]") {
  std::vector<inpod::protocol::SocketAddress> addresses{*parse_literal("ff0e::1%0", LiteralForm::loose),
                                                        *parse_literal("127.0.0.2", LiteralForm::strict),
                                                        *parse_literal("127.0.0.1", LiteralForm::strict)};
  addresses[0] = *parse_literal(
      "100::1", LiteralForm::strict);  // the discard prefix: no route, or none better than loopback's
  order_addresses(addresses);
  CHECK(addresses.size() == 3);
  CHECK(literal_of(addresses[0]).substr(0, 4) == "127.");
}
