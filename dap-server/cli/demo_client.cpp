// A minimal HTTP/1.0 client.
#include "cli/demo_client.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <ctime>
#include <thread>

#include "protocol/unique_fd.hpp"

namespace inpod::cli {
namespace {

/// A connection whose every wait is bounded by 5 s.
Result<UniqueFd> connect_to(const std::string& address, int port) {
  UniqueFd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in peer{};
  peer.sin_family = AF_INET;
  peer.sin_port = htons(static_cast<std::uint16_t>(port));
  inet_pton(AF_INET, address.c_str(), &peer.sin_addr);
  const timeval bound{5, 0};
  setsockopt(socket.get(), SOL_SOCKET, SO_RCVTIMEO, &bound, sizeof bound);
  setsockopt(socket.get(), SOL_SOCKET, SO_SNDTIMEO, &bound, sizeof bound);
  if (connect(socket.get(), reinterpret_cast<sockaddr*>(&peer), sizeof peer) != 0)
    return fail_errno("connect");
  return socket;
}

Result<std::string> get(const std::string& address, int port) {
  TRY_ASSIGN(socket, connect_to(address, port));
  const std::string request = "GET / HTTP/1.0\r\nHost: web\r\nUser-Agent: inpod-demo\r\n\r\n";
  if (send(socket.get(), request.data(), request.size(), MSG_NOSIGNAL) < 0) return fail_errno("send");
  std::string answer;
  char buffer[4096];
  ssize_t got = 0;
  while (answer.size() < 65536 && (got = recv(socket.get(), buffer, sizeof buffer, 0)) > 0) {
    answer.append(buffer, static_cast<std::size_t>(got));
  }
  if (got < 0) return fail_errno("receive");
  const auto body = answer.find("\r\n\r\n");
  if (body == std::string::npos) return fail("the answer was cut off");
  answer.erase(0, body + 4);
  while (!answer.empty() && answer.back() == '\n') answer.pop_back();
  return answer;
}

/// The files are opened with O_APPEND, so what comes next stands at the start.
void trim(int file) {
  struct stat info {};
  const bool large = fstat(file, &info) == 0 && S_ISREG(info.st_mode) && info.st_size > (1 << 20);
  if (large && ftruncate(file, 0) != 0) return;  // then it stays as it is
}

std::string clock_time() {
  const time_t now = time(nullptr);
  tm parts{};
  localtime_r(&now, &parts);
  char text[16];
  strftime(text, sizeof text, "%H:%M:%S", &parts);
  return text;
}

}  // namespace

Result<void> wait_for_service(const std::string& address, int port, std::chrono::seconds bound) {
  const auto end = std::chrono::steady_clock::now() + bound;
  while (true) {
    const auto socket = connect_to(address, port);
    if (socket) return {};
    if (std::chrono::steady_clock::now() > end)
      return Failed(socket.error().context("the demo's service does not answer"));
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
}

void ask_forever(const std::string& address, int port, DemoLogs logs, int pod) {
  while (waitpid(pod, nullptr, WNOHANG) == 0) {
    const auto answer = get(address, port);
    const std::string line =
        clock_time() + "  " + (answer ? *answer : "no answer: " + answer.error().text) + "\n";
    if (write(logs.answers, line.data(), line.size()) < 0) _exit(0);  // nobody reads it any more
    trim(logs.answers);
    trim(logs.service);
    std::this_thread::sleep_for(std::chrono::seconds(1));
  }
  _exit(0);
}

}  // namespace inpod::cli
