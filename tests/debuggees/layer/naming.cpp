// Resolves names by every call of libc that does so, and tells what the machine calls itself. Usage: naming
#include <arpa/inet.h>
#include <netdb.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <vector>

#include "report.hpp"

static std::string numbers(const sockaddr* address, socklen_t length) {
  char host[100], service[20];
  const int status = getnameinfo(address, length, host, sizeof host, service, sizeof service,
                                 NI_NUMERICHOST | NI_NUMERICSERV);
  return status == 0 ? std::string(host) + "#" + service : gai_strerror(status);
}

static void resolve(const char* host, const char* service, int family = AF_UNSPEC, int flags = 0,
                    int socktype = SOCK_STREAM) {
  addrinfo hints{}, *list = nullptr;
  hints.ai_family = family;
  hints.ai_flags = flags;
  hints.ai_socktype = socktype;
  const int status = getaddrinfo(host, service, &hints, &list);
  printf("%s %s %d %#x:", host ? host : "-", service ? service : "-", family, static_cast<unsigned>(flags));
  if (status != 0) printf(" %s", gai_strerror(status));
  for (const addrinfo* one = list; one && status == 0; one = one->ai_next) {
    printf(" %s/%d/%d", numbers(one->ai_addr, one->ai_addrlen).c_str(), one->ai_socktype, one->ai_protocol);
    if (one->ai_canonname) printf("(%s)", one->ai_canonname);
  }
  printf("\n");
  if (status == 0) freeaddrinfo(list);
}

static void show(const char* what, const hostent* host, int error) {
  printf("%s:", what);
  if (!host) {
    printf(" error %d\n", error);
    return;
  }
  printf(" %s", host->h_name);
  for (char** alias = host->h_aliases; *alias; ++alias) printf(" alias %s", *alias);
  for (char** address = host->h_addr_list; *address; ++address) {
    char text[INET6_ADDRSTRLEN];
    printf(" %s", inet_ntop(host->h_addrtype, *address, text, sizeof text));
  }
  printf("\n");
}

// h_errno is looked at after the call.
#define SHOW(what, call)          \
  do {                            \
    const hostent* host = (call); \
    show(what, host, h_errno);    \
  } while (0)

static void back(const char* ip, int flags) {
  sockaddr_in four{};
  sockaddr_in6 six{};
  const bool is_four = inet_pton(AF_INET, ip, &four.sin_addr) == 1;
  four.sin_family = AF_INET;
  four.sin_port = htons(80);
  six.sin6_family = AF_INET6;
  six.sin6_port = htons(443);
  inet_pton(AF_INET6, ip, &six.sin6_addr);
  char host[200] = "", service[50] = "";
  const int status = is_four ? getnameinfo(reinterpret_cast<sockaddr*>(&four), sizeof four, host, sizeof host,
                                           service, sizeof service, flags)
                             : getnameinfo(reinterpret_cast<sockaddr*>(&six), sizeof six, host, sizeof host,
                                           service, sizeof service, flags);
  printf("getnameinfo %s %d: %s %s %s\n", ip, flags, status == 0 ? "ok" : gai_strerror(status), host,
         service);
}

int main() {
  resolve("web", "80");
  resolve("web", "http");
  resolve("web.shop", nullptr);
  resolve("web.shop.svc.cluster.local", "https", AF_INET);
  resolve("web.shop.svc.cluster.local.", nullptr, AF_INET6);
  resolve("six", "80", AF_INET);
  resolve("six", "80", AF_INET6);
  resolve("db", "5432", AF_INET6, AI_V4MAPPED);
  resolve("web", nullptr, AF_INET6, AI_V4MAPPED | AI_ALL);
  resolve("alias", "80", AF_INET, AI_CANONNAME);
  resolve("text", "80");
  resolve("missing", "80");
  resolve("www.example.test", "80", AF_INET);
  resolve("web", "nosuchservice");
  resolve("web", "53", AF_INET, 0, 0);
  resolve("web", "53", AF_INET, 0, SOCK_DGRAM);
  resolve("web", "http", AF_INET, AI_NUMERICSERV);
  resolve("web", "80", AF_INET, AI_NUMERICHOST);
  resolve("twice.hosts.test", "1", AF_INET);
  resolve("twice", nullptr, AF_UNSPEC, AI_CANONNAME);
  resolve("web-5d8f", nullptr, AF_INET);
  resolve("10.1.2.3", "80");
  resolve("10.258", "80");
  resolve("fe80::1%lo", "80");
  resolve("::1", nullptr);
  resolve(nullptr, "80", AF_INET, AI_PASSIVE);
  resolve(nullptr, "80", AF_INET6);
  resolve("", "80");
  resolve("localhost", "80", AF_INET);
  resolve("web", "80", 99);
  addrinfo* list = nullptr;
  int count = 0;
  if (getaddrinfo("many.shop.svc.cluster.local", "80", nullptr, &list) == 0)
    for (const addrinfo* one = list; one; one = one->ai_next) count += one->ai_socktype == SOCK_STREAM;
  if (list) freeaddrinfo(list);
  report("many", count);

  SHOW("gethostbyname", gethostbyname("web"));
  SHOW("gethostbyname of an alias", gethostbyname("alias"));
  SHOW("gethostbyname of nothing", gethostbyname("missing"));
  SHOW("gethostbyname of text", gethostbyname("text"));
  SHOW("gethostbyname of a number", gethostbyname("10.1.2.3"));
  SHOW("gethostbyname2", gethostbyname2("six", AF_INET6));
  SHOW("gethostbyname2 none", gethostbyname2("six", AF_INET));
  hostent entry, *found = nullptr;
  int error = 0;
  std::vector<char> buffer(20);
  int code = gethostbyname_r("web", &entry, buffer.data(), buffer.size(), &found, &error);
  report("too small a buffer", code == ERANGE && !found);
  buffer.resize(4096);
  code = gethostbyname_r("web", &entry, buffer.data(), buffer.size(), &found, &error);
  report("gethostbyname_r", code);
  show("gethostbyname_r", found, error);
  code = gethostbyname2_r("web", AF_INET6, &entry, buffer.data(), buffer.size(), &found, &error);
  show("gethostbyname2_r", code == 0 ? found : nullptr, error);
  code = gethostbyname_r("missing", &entry, buffer.data(), buffer.size(), &found, &error);
  report("gethostbyname_r of nothing", code);
  show("gethostbyname_r of nothing", found, error);
  in_addr address;
  inet_aton("10.88.0.1", &address);
  SHOW("gethostbyaddr", gethostbyaddr(&address, sizeof address, AF_INET));
  back("10.88.0.1", 0);
  back("10.77.0.1", 0);
  back("10.77.0.1", NI_NUMERICHOST);
  back("10.77.0.1", NI_NUMERICHOST | NI_NUMERICSERV);
  back("10.250.0.1", NI_NAMEREQD);
  back("10.250.0.1", 0);
  back("fd88::1", 0);

  char name[100];
  report("gethostname", gethostname(name, sizeof name));
  report("hostname", std::string(name));
  report("gethostname cut", gethostname(name, 3));
  utsname machine;
  report("uname", uname(&machine));
  report("nodename", std::string(machine.nodename));
  report("getdomainname", getdomainname(name, sizeof name));
  report("domainname", std::string(name));
  return 0;
}
