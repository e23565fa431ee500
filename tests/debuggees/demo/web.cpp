// inpod-demo-web: the sample service of `inpod demo`. It answers each HTTP request with JSON made from a
// config file, a secret, an environment variable and the host name: all of them the pod's, wherever the
// program itself runs.
//
// An ordinary program that knows nothing of inpod. Good places for a breakpoint: handle_request,
// make_greeting.
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <map>
#include <string>
#include <thread>

namespace {

struct Request {
  std::string method, path;
};

std::atomic<int> served{0};

// Reads "key: value" lines.
std::map<std::string, std::string> read_config(const char* path) {
  std::map<std::string, std::string> config;
  std::ifstream file(path);
  std::string line;
  while (std::getline(file, line)) {
    const auto colon = line.find(": ");
    if (colon != std::string::npos) config[line.substr(0, colon)] = line.substr(colon + 2);
  }
  return config;
}

std::string read_secret(const char* path) {
  std::ifstream file(path);
  std::string secret;
  std::getline(file, secret);
  return secret;
}

std::string make_greeting(const std::map<std::string, std::string>& config, const Request& request) {
  const auto found = config.find("greeting");
  const std::string greeting = found == config.end() ? "(no config)" : found->second;
  return request.path == "/" ? greeting : greeting + ", you asked for " + request.path;
}

std::string quoted(const std::string& text) {
  std::string result = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') result += '\\';
    if (static_cast<unsigned char>(c) >= 0x20) result += c;
  }
  return result + "\"";
}

std::string handle_request(const Request& request) {
  const auto config = read_config("/etc/web/config.yaml");
  const std::string secret = read_secret("/run/secrets/web/password");
  const char* color = std::getenv("WEB_COLOR");
  char hostname[256] = "";
  gethostname(hostname, sizeof hostname - 1);
  const std::string greeting = make_greeting(config, request);
  const int number = ++served;
  return "{\"greeting\": " + quoted(greeting) + ", \"color\": " + quoted(color == nullptr ? "" : color) +
         ", \"hostname\": " + quoted(hostname) + ", \"secret_length\": " + std::to_string(secret.size()) +
         ", \"number\": " + std::to_string(number) + ", \"process\": " + std::to_string(getpid()) + "}\n";
}

// Reads a request's head; its body, if any, is of no interest. False: the peer sent none.
bool read_request(int connection, Request& request) {
  std::string head;
  char buffer[2048];
  while (head.find("\r\n\r\n") == std::string::npos && head.size() < 16384) {
    const ssize_t got = recv(connection, buffer, sizeof buffer, 0);
    if (got <= 0) return false;
    head.append(buffer, static_cast<std::size_t>(got));
  }
  const auto first = head.find(' ');
  const auto second = head.find(' ', first + 1);
  if (first == std::string::npos || second == std::string::npos) return false;
  request.method = head.substr(0, first);
  request.path = head.substr(first + 1, second - first - 1);
  return true;
}

void serve(int connection) {
  Request request;
  if (read_request(connection, request)) {
    const std::string body = handle_request(request);
    const std::string answer =
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: " +
        std::to_string(body.size()) + "\r\n\r\n" + body;
    send(connection, answer.data(), answer.size(), MSG_NOSIGNAL);
    std::printf("%s %s\n", request.method.c_str(), request.path.c_str());
    std::fflush(stdout);
  }
  close(connection);
}

int listen_on(int port) {
  const int listener = socket(AF_INET6, SOCK_STREAM, 0);
  const int on = 1, off = 0;
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  setsockopt(listener, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
  sockaddr_in6 address{};
  address.sin6_family = AF_INET6;
  address.sin6_port = htons(static_cast<std::uint16_t>(port));
  if (bind(listener, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 ||
      listen(listener, 64) != 0) {
    std::perror("inpod-demo-web");
    std::exit(1);
  }
  return listener;
}

}  // namespace

int main(int count, char** arguments) {
  const int port = count > 1 ? std::atoi(arguments[1]) : 8080;
  const int listener = listen_on(port);
  std::signal(SIGTERM, [](int) { _exit(0); });
  std::fprintf(stderr, "listening on port %d\n", port);
  while (true) {
    const int connection = accept(listener, nullptr, nullptr);
    if (connection < 0) continue;
    std::thread(serve, connection).detach();
  }
}
