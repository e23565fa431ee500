// The C++ service of the cluster tests: answers each HTTP request with what it reads from the pod's file and
// environment. A breakpoint in handle() sees `path`, `color` and `greeting`. Usage: inpod-test-service PORT
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>

namespace {

std::string handle(const std::string& path) {
  const char* color = getenv("APP_COLOR");
  std::string greeting;
  std::ifstream file("/etc/web/config.yaml");
  std::getline(file, greeting);
  const std::string shown = color ? color : "no color";
  std::string answer = "by c++ " + path + " " + shown + " " + greeting + "\n";  // breakpoint
  return answer;
}

void serve(int connection) {
  std::string request;
  char buffer[4096];
  while (request.find("\r\n\r\n") == std::string::npos) {
    const ssize_t n = read(connection, buffer, sizeof buffer);
    if (n <= 0) return;
    request.append(buffer, static_cast<std::size_t>(n));
  }
  const auto from = request.find(' ') + 1;
  const std::string path = request.substr(from, request.find(' ', from) - from);
  const std::string body = handle(path);
  const std::string answer =
      "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" +
      body;
  for (std::size_t done = 0; done < answer.size();) {
    const ssize_t n = write(connection, answer.data() + done, answer.size() - done);
    if (n <= 0) return;
    done += static_cast<std::size_t>(n);
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return fprintf(stderr, "usage: inpod-test-service PORT\n"), 2;
  const int listener = socket(AF_INET, SOCK_STREAM, 0);
  const int on = 1;
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(atoi(argv[1])));
  if (bind(listener, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 || listen(listener, 64) != 0)
    return perror("listen"), 1;
  fprintf(stderr, "listening\n");
  for (;;) {
    sockaddr_in peer{};
    socklen_t length = sizeof peer;
    const int connection = accept(listener, reinterpret_cast<sockaddr*>(&peer), &length);
    if (connection < 0) return perror("accept"), 1;
    char text[INET_ADDRSTRLEN];
    printf("request from %s\n", inet_ntop(AF_INET, &peer.sin_addr, text, sizeof text));
    fflush(stdout);
    serve(connection);
    close(connection);
  }
}
