// "What is my address?", as servers ask it before they register themselves.
// @pod ip address replace 10.77.3.1/24 broadcast 10.77.3.255 dev eth0 label eth0:1
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netpacket/packet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

static const char* text(const struct sockaddr* address) {
  static char texts[4][200];
  static int next;
  char* into = texts[next++ % 4];
  if (!address) return "-";
  if (address->sa_family == AF_PACKET) {
    const struct sockaddr_ll* link = (const void*)address;
    int length = sprintf(into, "%d/%d", link->sll_ifindex, link->sll_hatype);
    for (int i = 0; i < link->sll_halen; ++i) length += sprintf(into + length, ":%02x", link->sll_addr[i]);
    return into;
  }
  const socklen_t size =
      address->sa_family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6);
  const int status = getnameinfo(address, size, into, sizeof texts[0], NULL, 0, NI_NUMERICHOST);
  return status == 0 ? into : gai_strerror(status);
}

static void by_getifaddrs(void) {
  struct ifaddrs* first = NULL;
  printf("getifaddrs %d\n", getifaddrs(&first));
  for (struct ifaddrs* one = first; one; one = one->ifa_next)
    printf("  %s %x %s mask %s other %s data %d\n", one->ifa_name, one->ifa_flags, text(one->ifa_addr),
           text(one->ifa_netmask), text(one->ifa_broadaddr), one->ifa_data != NULL);
  freeifaddrs(first);
}

static void by_configuration(int fd) {
  struct ifreq requests[20];
  struct ifconf all = {0, {0}};
  printf("SIOCGIFCONF %d", ioctl(fd, SIOCGIFCONF, &all));
  printf(" needs %d\n", all.ifc_len);
  for (int room = 1; room <= 20; room += 19) {
    all.ifc_len = room * sizeof *requests;
    all.ifc_req = requests;
    ioctl(fd, SIOCGIFCONF, &all);
    for (int i = 0; i < all.ifc_len / (int)sizeof *requests; ++i)
      printf("  %s %s\n", requests[i].ifr_name, text(&requests[i].ifr_addr));
  }
}

static void by_name(int fd, const char* name) {
  static const struct {
    unsigned long number;
    const char* name;
  } calls[] = {{SIOCGIFADDR, "address"},        {SIOCGIFNETMASK, "mask"},    {SIOCGIFBRDADDR, "broadcast"},
               {SIOCGIFDSTADDR, "destination"}, {SIOCGIFHWADDR, "hardware"}, {SIOCGIFFLAGS, "flags"},
               {SIOCGIFINDEX, "index"},         {SIOCGIFMTU, "mtu"},         {SIOCGIFMETRIC, "metric"}};
  for (unsigned i = 0; i < sizeof calls / sizeof *calls; ++i) {
    struct ifreq request = {{{0}}};
    strcpy(request.ifr_name, name);
    errno = 0;
    // Half of them by number, as Go and others call.
    const long done =
        i % 2 ? ioctl(fd, calls[i].number, &request) : syscall(SYS_ioctl, fd, calls[i].number, &request);
    printf("%s %s: %ld %s", name, calls[i].name, done, done ? strerror(errno) : "");
    if (done == 0 && i < 4) printf("%s", text(&request.ifr_addr));
    if (done == 0 && i == 4)
      for (int k = 0; k < 6; ++k) printf(":%02x", (unsigned char)request.ifr_hwaddr.sa_data[k]);
    if (done == 0 && i == 5) printf("%x", (unsigned short)request.ifr_flags);
    if (done == 0 && i > 5) printf("%d", request.ifr_ifindex);
    printf("\n");
  }
}

static void numbers(int fd) {
  char name[IF_NAMESIZE] = "";
  const unsigned index = if_nametoindex("eth0");
  printf("if_nametoindex %u", index);
  printf(" %u", if_nametoindex("none"));
  printf(" %d\n", errno);
  printf("if_indextoname %s", if_indextoname(index, name) ? name : "none");
  printf(" %s", if_indextoname(9999, name) ? name : "none");
  printf(" %d\n", errno);
  struct if_nameindex* names = if_nameindex();
  for (struct if_nameindex* one = names; one && one->if_index; ++one)
    printf("if_nameindex %u %s\n", one->if_index, one->if_name);
  if_freenameindex(names);
  struct ifreq request = {{{0}}};
  request.ifr_ifindex = index;
  printf("SIOCGIFNAME %d", ioctl(fd, SIOCGIFNAME, &request));
  printf(" %s\n", request.ifr_name);
}

static void by_host_name(void) {
  char host[100];
  struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found = NULL;
  gethostname(host, sizeof host);
  printf("getaddrinfo %s %d\n", host, getaddrinfo(host, NULL, &hints, &found));
  for (; found; found = found->ai_next) printf("  %s\n", text(found->ai_addr));
}

static void by_scope(const char* literal) {
  struct addrinfo hints = {.ai_flags = AI_NUMERICHOST, .ai_socktype = SOCK_STREAM}, *found = NULL;
  const int status = getaddrinfo(literal, NULL, &hints, &found);
  printf("%s: %d", literal, status);
  if (status == 0)
    printf(" %u %s", ((struct sockaddr_in6*)found->ai_addr)->sin6_scope_id, text(found->ai_addr));
  printf("\n");
}

int main(void) {
  const int fd = socket(AF_INET, SOCK_DGRAM, 0);
  by_getifaddrs();
  by_configuration(fd);
  by_name(fd, "eth0");
  by_name(fd, "eth0:1");
  by_name(fd, "lo");
  by_name(fd, "none");
  numbers(fd);
  by_host_name();
  by_scope("fe80::1%eth0");
  by_scope("fe80::1%lo");
  by_scope("fe80::1%none");
  by_scope("fe80::1%1");
  by_scope("fe80::1");
  printf("ioctl of a file: %d", ioctl(0, SIOCGIFFLAGS, &(struct ifreq){{"eth0"}}));
  printf(" %d\n", errno);
}
