// Rules: order, loopback, ports, mappings, and that what isn't understood is refused.
#include "core/rules.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/un.h>

#include <cstring>
#include <memory>
#include <string>

#include "catch.hpp"

using namespace inpod;

namespace {

std::unique_ptr<Rules> parse(const std::string& text) {
  auto rules = std::make_unique<Rules>();
  std::string_view bad;
  const char* wrong = rules->parse(text, bad);
  INFO(bad);
  REQUIRE(wrong == nullptr);
  return rules;
}

std::string refusal(const std::string& text) {
  const auto rules = std::make_unique<Rules>();
  std::string_view bad;
  const char* wrong = rules->parse(text, bad);
  return wrong ? std::string(wrong) + ": " + std::string(bad) : "";
}

Side outgoing(const Rules& rules, const char* ip, int port, Network network = Network::tcp) {
  sockaddr_in four{};
  sockaddr_in6 six{};
  if (inet_pton(AF_INET, ip, &four.sin_addr) == 1) {
    four.sin_family = AF_INET;
    four.sin_port = htons(static_cast<std::uint16_t>(port));
    return rules.outgoing(network, reinterpret_cast<sockaddr*>(&four), sizeof four);
  }
  REQUIRE(inet_pton(AF_INET6, ip, &six.sin6_addr) == 1);
  six.sin6_family = AF_INET6;
  six.sin6_port = htons(static_cast<std::uint16_t>(port));
  return rules.outgoing(network, reinterpret_cast<sockaddr*>(&six), sizeof six);
}

Side unix_side(const Rules& rules, std::string path) {
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  const bool abstract = path[0] == '@';
  memcpy(name.sun_path, path.data(), path.size());
  if (abstract) name.sun_path[0] = 0;
  return rules.outgoing(
      Network::unix_socket, reinterpret_cast<sockaddr*>(&name),
      static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size() + (abstract ? 0 : 1)));
}

}  // namespace

TEST_CASE("the first file rule that matches decides") {
  const auto rules = parse(
      "file absent /root/.kube/**\n"
      "file read /etc/hosts\n"
      "file local /etc/**\n"
      "file write /data/*.db\n"
      "file read /**\n");
  CHECK(rules->file("/root/.kube/config") == FileMode::absent);
  CHECK(rules->file("/etc/hosts") == FileMode::read);
  CHECK(rules->file("/etc/hosts.deny") == FileMode::local);
  CHECK(rules->file("/etc") == FileMode::local);
  CHECK(rules->file("/data/a.db") == FileMode::write);
  CHECK(rules->file("/data/a.txt") == FileMode::read);
  CHECK(rules->file("/") == FileMode::read);
  CHECK(rules->file("/e") == FileMode::read);
}

TEST_CASE("what no rule names is local") {
  const auto rules = parse("");
  CHECK(rules->file("/etc/hosts") == FileMode::local);
  CHECK(outgoing(*rules, "10.0.0.1", 80) == Side::local);
  CHECK(rules->incoming(80) == Side::local);
  CHECK(rules->dns("db") == Side::local);
  CHECK_FALSE(rules->remote_hostname());
}

TEST_CASE("the longest mapped prefix is replaced, at a slash only") {
  const auto rules = parse("map /srv /pod\nmap /srv/app /opt/app\nmap / /root\n");
  std::string_view rest;
  CHECK(rules->mapped("/srv/app/x", rest) == "/opt/app");
  CHECK(rest == "/x");
  CHECK(rules->mapped("/srv/apple", rest) == "/pod");
  CHECK(rest == "/apple");
  CHECK(rules->mapped("/srv", rest) == "/pod");
  CHECK(rest.empty());
  CHECK(rules->mapped("/other", rest) == "/root");
  CHECK(rest == "/other");
  const auto spaced = parse("map /home/my self/app /etc/my app\n");
  CHECK(spaced->mapped("/home/my self/app/x", rest) == "/etc/my app");
  CHECK(rest == "/x");
}

TEST_CASE("addresses, ranges and ports") {
  const auto rules = parse(
      "outgoing tcp remote 127.0.0.0/8:3500\n"
      "outgoing tcp remote ::1/128:3500\n"
      "outgoing tcp local 10.1.0.0/16:5432\n"
      "outgoing tcp local 192.168.1.1\n"
      "outgoing tcp local [fd00::/8]:80-90\n"
      "outgoing tcp local 2001:db8::1\n"
      "outgoing tcp local fc00::/8:443\n"
      "outgoing tcp local *:25\n"
      "outgoing tcp remote *\n"
      "outgoing udp local 0.0.0.0/0\n");
  CHECK(outgoing(*rules, "127.0.0.1", 3500) == Side::remote);
  CHECK(outgoing(*rules, "127.0.0.1", 3501) == Side::local);
  CHECK(outgoing(*rules, "::1", 3500) == Side::remote);
  CHECK(outgoing(*rules, "::1", 80) == Side::local);
  CHECK(outgoing(*rules, "10.1.2.3", 5432) == Side::local);
  CHECK(outgoing(*rules, "10.1.2.3", 5433) == Side::remote);
  CHECK(outgoing(*rules, "10.2.2.3", 5432) == Side::remote);
  CHECK(outgoing(*rules, "192.168.1.1", 9) == Side::local);
  CHECK(outgoing(*rules, "::ffff:192.168.1.1", 9) == Side::local);
  CHECK(outgoing(*rules, "fd12::1", 85) == Side::local);
  CHECK(outgoing(*rules, "fd12::1", 91) == Side::remote);
  CHECK(outgoing(*rules, "2001:db8::1", 1) == Side::local);
  CHECK(outgoing(*rules, "fc12::1", 443) == Side::local);
  CHECK(outgoing(*rules, "8.8.8.8", 25) == Side::local);
  CHECK(outgoing(*rules, "8.8.8.8", 53, Network::udp) == Side::local);
}

TEST_CASE("loopback is local unless a rule names it") {
  const auto all = parse("outgoing tcp remote 0.0.0.0/0\noutgoing tcp remote *\n");
  for (const char* ip : {"127.0.0.1", "127.8.8.8", "0.0.0.0", "::1", "::", "::ffff:127.0.0.1"})
    CHECK(outgoing(*all, ip, 80) == Side::local);
  CHECK(outgoing(*all, "128.0.0.1", 80) == Side::remote);
  const auto named = parse("outgoing tcp remote 127.0.0.1:6379\noutgoing tcp remote ::1\n");
  CHECK(outgoing(*named, "127.0.0.1", 6379) == Side::remote);
  CHECK(outgoing(*named, "127.0.0.1", 6380) == Side::local);
  CHECK(outgoing(*named, "::1", 1) == Side::remote);
}

TEST_CASE("unix sockets are known by path, abstract ones by @") {
  const auto rules =
      parse("outgoing unix remote /run/app/*.sock\noutgoing unix remote @bus*\noutgoing unix local *\n");
  CHECK(unix_side(*rules, "/run/app/db.sock") == Side::remote);
  CHECK(unix_side(*rules, "/run/other.sock") == Side::local);
  CHECK(unix_side(*rules, "@bus-1") == Side::remote);
}

TEST_CASE("ports, names and the hostname") {
  const auto rules = parse(
      "incoming local 9229\nincoming remote 8000-8999\ndns local *.test\ndns remote *\nhostname remote\n");
  CHECK(rules->incoming(9229) == Side::local);
  CHECK(rules->incoming(8080) == Side::remote);
  CHECK(rules->incoming(9000) == Side::local);
  CHECK(rules->dns("a.test") == Side::local);
  CHECK(rules->dns("db") == Side::remote);
  CHECK(rules->remote_hostname());
}

TEST_CASE("a word that the layer does not know makes it refuse, and names the line") {
  CHECK(refusal("file read /a\nfuture thing\n") == "unknown word: future thing");
  CHECK(refusal("file sideways /a\n") == "unknown file mode: file sideways /a");
  for (const char* line :
       {"file read /a[", "map a /b", "map /a b", "outgoing sctp remote *", "outgoing tcp up *",
        "outgoing tcp remote 10.0.0.0/33", "outgoing tcp remote 10.0.0.0/8:99999", "outgoing tcp remote host",
        "outgoing tcp remote 10.0.0.0/8:9-1", "incoming remote x", "incoming remote 70000", "dns remote ",
        "hostname maybe", "listen_reject 2", "file read "}) {
    INFO(line);
    CHECK_FALSE(refusal(line).empty());
  }
}

TEST_CASE("too many rules are refused, not cut") {
  std::string text;
  for (int i = 0; i < 1025; ++i) text += "file local /d" + std::to_string(i) + "\n";
  CHECK(refusal(text).rfind("too many rules", 0) == 0);
  text.clear();
  for (int i = 0; i < 70; ++i) text += "file local /" + std::string(1000, 'x') + "\n";
  CHECK(refusal(text).rfind("too many rules", 0) == 0);
}
