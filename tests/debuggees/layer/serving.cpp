// A server: answers each connection with what accept and the names of the socket say, then echoes. Usage:
// serving PORT COUNT [v6] Prints "ready" when it listens, and one line for each connection.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "report.hpp"

static std::string text_of(const sockaddr_storage& address, bool with_port) {
  char text[INET6_ADDRSTRLEN] = "";
  const auto& four = reinterpret_cast<const sockaddr_in&>(address);
  const auto& six = reinterpret_cast<const sockaddr_in6&>(address);
  if (address.ss_family == AF_INET) inet_ntop(AF_INET, &four.sin_addr, text, sizeof text);
  if (address.ss_family == AF_INET6) inet_ntop(AF_INET6, &six.sin6_addr, text, sizeof text);
  return std::string(text) + (with_port ? "#" + std::to_string(ntohs(four.sin_port)) : "");
}

static sockaddr_storage name(int (*ask)(int, sockaddr*, socklen_t*), int fd) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  ask(fd, reinterpret_cast<sockaddr*>(&address), &size);
  return address;
}

int main(int count, char** arguments) {
  setvbuf(stdout, nullptr, _IOLBF, 0);
  const bool six = count > 3;
  const auto port = htons(static_cast<std::uint16_t>(std::stoi(arguments[1])));
  const int fd = socket(six ? AF_INET6 : AF_INET, SOCK_STREAM, 0), one = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  sockaddr_in four{};
  four.sin_family = AF_INET;
  four.sin_port = port;
  sockaddr_in6 both{};
  both.sin6_family = AF_INET6;
  both.sin6_port = port;
  report("bind", six ? bind(fd, reinterpret_cast<sockaddr*>(&both), sizeof both)
                     : bind(fd, reinterpret_cast<sockaddr*>(&four), sizeof four));
  report("listen", listen(fd, 10));
  report("bound to", text_of(name(getsockname, fd), true));
  const int again = socket(AF_INET, SOCK_STREAM, 0);
  report("bound twice", bind(again, reinterpret_cast<sockaddr*>(&four), sizeof four));
  close(again);
  printf("ready\n");
  for (int i = 0; i < std::stoi(arguments[2]); ++i) {
    sockaddr_storage peer{};
    socklen_t size = sizeof peer;
    const int client = accept(fd, reinterpret_cast<sockaddr*>(&peer), &size);
    if (client < 0) {
      report("accept", client);
      break;
    }
    const std::string line = "accept " + text_of(peer, false) + " peer " +
                             text_of(name(getpeername, client), false) + " local " +
                             text_of(name(getsockname, client), true) + "\n";
    printf("%s", line.c_str());
    (void)!write(client, line.data(), line.size());
    char bytes[4096];
    ssize_t got;
    while ((got = read(client, bytes, sizeof bytes)) > 0)
      (void)!write(client, bytes, static_cast<std::size_t>(got));
    close(client);
  }
  report("close", close(fd));
  return 0;
}
