// Names: the agent's answers are those of getaddrinfo and getnameinfo called inside the pod.
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "agent_client.hpp"
#include "catch.hpp"
#include "pod.hpp"

using namespace inpod;
using namespace inpod::test;

namespace {
std::string resolve(const std::string& host, const std::string& service = "", int family = 0,
                    int socktype = 0, int flags = 0, int protocol = 0) {
  return "resolve\t" + host + "\t" + service + "\t" + std::to_string(family) + "\t" +
         std::to_string(socktype) + "\t" + std::to_string(protocol) + "\t" + std::to_string(flags);
}
std::string back(const std::string& ip, int port, int flags) {
  return "back\t" + ip + "\t" + std::to_string(port) + "\t" + std::to_string(flags);
}
}  // namespace

TEST_CASE("Names resolve as they do in the pod", "[names]") {
  TestPod pod;
  AgentProcess agent(pod.pid());
  AgentClient client(agent);
  std::vector<std::string> operations;
  // Services of the cluster by every length of their name, hosts, and what does not exist.
  for (const char* host : {"web",
                           "web.shop",
                           "web.shop.svc",
                           "web.shop.svc.cluster.local",
                           "web.shop.svc.cluster.local.",
                           "both.other",
                           "both.other.svc",
                           "db",
                           "six",
                           "alias",
                           "text",
                           "nothing",
                           "nothing.shop",
                           "www.example.test",
                           "none.example.test",
                           "localhost",
                           "web-5d8f",
                           "twice",
                           "TWICE.hosts.test",
                           "ip6-localhost",
                           "elsewhere.org",
                           "many",
                           "127.0.0.1",
                           "127.1",
                           "10.1.2.3",
                           "::1",
                           "fe80::1%eth0",
                           "fe80::1%nope",
                           "::ffff:1.2.3.4",
                           "1.2.3.4.5",
                           "bad name",
                           ".",
                           "-"}) {
    for (int family : {AF_UNSPEC, AF_INET, AF_INET6})
      operations.push_back(resolve(host, "", family, SOCK_STREAM));
    operations.push_back(resolve(host, "", AF_UNSPEC, SOCK_STREAM, AI_CANONNAME));
    operations.push_back(resolve(host, "", AF_INET6, SOCK_STREAM, AI_V4MAPPED));
    operations.push_back(resolve(host, "", AF_INET6, SOCK_STREAM, AI_V4MAPPED | AI_ALL));
    operations.push_back(resolve(host, "", AF_UNSPEC, SOCK_STREAM, AI_ADDRCONFIG));
    operations.push_back(resolve(host, "", AF_UNSPEC, SOCK_STREAM, AI_NUMERICHOST));
  }
  for (const char* service : {"80", "http", "https", "domain", "nothing", "0x50", "99999", "www"}) {
    operations.push_back(resolve("db", service));
    for (int type : std::initializer_list<int>{SOCK_STREAM, SOCK_DGRAM, SOCK_RAW, SOCK_SEQPACKET, 77})
      operations.push_back(resolve("db", service, 0, type));
    operations.push_back(resolve("db", service, 0, 0, AI_NUMERICSERV));
    operations.push_back(resolve("", service, 0, SOCK_STREAM));
    operations.push_back(resolve("", service, 0, SOCK_STREAM, AI_PASSIVE));
    operations.push_back(resolve("", service, AF_INET, SOCK_STREAM, AI_PASSIVE));
    operations.push_back(resolve("", service, 0, 0, AI_CANONNAME));
  }
  for (int protocol : std::initializer_list<int>{IPPROTO_TCP, IPPROTO_UDP, IPPROTO_SCTP, 99})
    operations.push_back(resolve("db", "", 0, 0, 0, protocol));
  operations.push_back(resolve("db", "", AF_UNIX));
  operations.push_back(resolve("db", "", 0, 0, 0x40000000));
  operations.push_back(resolve("*", "*"));
  operations.push_back(resolve("db"));
  compare(client, pod, operations);
}

TEST_CASE("Addresses resolve back as they do in the pod", "[names]") {
  TestPod pod;
  AgentProcess agent(pod.pid());
  AgentClient client(agent);
  std::vector<std::string> operations;
  for (const char* ip :
       {"10.77.0.1", "10.77.0.5", "fd77::1", "127.0.0.1", "::1", "10.88.0.1", "10.1.1.1", "10.77.0.2"}) {
    for (int flags : {0, NI_NUMERICHOST, NI_NUMERICSERV, NI_NUMERICHOST | NI_NUMERICSERV, NI_NAMEREQD,
                      NI_DGRAM, NI_NAMEREQD | NI_NUMERICSERV}) {
      operations.push_back(back(ip, 80, flags));
      operations.push_back(back(ip, 53, flags));
    }
  }
  operations.push_back(back("10.77.0.1", 54321, 0));
  compare(client, pod, operations);
}

TEST_CASE("Changed files are read again", "[names]") {
  TestPod pod;
  AgentProcess agent(pod.pid());
  AgentClient client(agent);
  const std::string fresh = resolve("fresh.test", "", AF_INET, SOCK_STREAM),
                    web = resolve("web", "", AF_INET, SOCK_STREAM);
  compare(client, pod, {fresh, web});
  pod.shell("echo 10.9.9.9 fresh.test >>/etc/hosts");
  CHECK(perform(client, fresh) == " 1/6/10.9.9.9#0");
  pod.shell("printf 'nameserver 10.77.0.1\\n' >/etc/resolv.conf");  // no search list
  compare(client, pod, {fresh, web});
  CHECK(perform(client, web) != " 1/6/10.77.0.1#0");
}

TEST_CASE("host.conf says whether all lines of hosts count", "[names]") {
  TestPod pod;
  AgentProcess agent(pod.pid());
  AgentClient client(agent);
  std::vector<std::string> operations;
  for (const char* host : {"localhost", "ip6-localhost", "twice", "elsewhere.hosts.test"})
    for (int family : {AF_UNSPEC, AF_INET, AF_INET6})
      operations.push_back(resolve(host, "", family, SOCK_STREAM));
  for (const char* multi : {"on", "off", "on"}) {
    pod.shell(std::string("printf 'multi ") + multi + "\\n' >/etc/host.conf");
    compare(client, pod, operations);
  }
}

TEST_CASE("A name server that does not answer costs its own question only", "[names]") {
  TestPod pod;
  pod.shell("printf 'nameserver 10.77.0.200\\noptions timeout:1 attempts:1\\n' >/etc/resolv.conf");
  AgentProcess agent(pod.pid());
  AgentClient client(agent);
  protocol::Resolve request;
  request.host = "web.shop";
  auto waiting = client.start(request);
  CHECK(perform(client, resolve("localhost", "", AF_INET, SOCK_STREAM)) == " 1/6/127.0.0.1#0");
  REQUIRE(waiting.wait_for(seconds(20)) == std::future_status::ready);
  auto answer = waiting.get();
  REQUIRE(answer);
  CHECK(std::get<protocol::Resolved>(*answer).status == EAI_AGAIN);
}

TEST_CASE("A name server that refuses connections is told as such", "[names]") {
  TestPod pod;
  pod.shell("printf 'nameserver 127.0.0.1\\noptions timeout:1 attempts:1\\n' >/etc/resolv.conf");
  AgentProcess agent(pod.pid());
  AgentClient client(agent);
  compare(client, pod,
          {resolve("web", "", AF_INET, SOCK_STREAM), resolve("web.shop", "", AF_UNSPEC, SOCK_STREAM)});
}
