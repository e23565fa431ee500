// The measured programs, one per verb, timed from inside so that start-up does not count. Each prints one
// JSON object.
//   inpod-bench open-loop FILE N         open, read, close a file N times: ns per turn (the best of 7 rounds)
//   inpod-bench small-files FILE…        open, read, close each once: ns per file
//   inpod-bench read FILE                read to the end in pieces of 128 KiB: bytes, ns
//   inpod-bench receive HOST PORT        connect, receive to the end: bytes, ns
//   inpod-bench ping-pong HOST PORT N    one byte there and back N times: ns p50, p99
#include <fcntl.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;

long nanoseconds(Clock::time_point from) {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(Clock::now() - from).count();
}

[[noreturn]] void die(const std::string& what) {
  perror(what.c_str());
  exit(1);
}

void read_once(const char* path) {
  char buffer[4096];
  const int fd = open(path, O_RDONLY);
  if (fd < 0) die(path);
  while (read(fd, buffer, sizeof buffer) > 0) {
  }
  close(fd);
}

int connect_to(const char* host, const char* port) {
  addrinfo hints{}, *found = nullptr;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_family = AF_INET;
  if (const int status = getaddrinfo(host, port, &hints, &found))
    die(std::string(host) + ": " + gai_strerror(status));
  const int fd = socket(found->ai_family, SOCK_STREAM, 0);
  if (connect(fd, found->ai_addr, found->ai_addrlen) != 0) die("connect");
  freeaddrinfo(found);
  const int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return fd;
}

int open_loop(const char* path, int turns) {
  long best = 0;
  for (int round = 0; round < 7; ++round) {
    const auto start = Clock::now();
    for (int turn = 0; turn < turns; ++turn) read_once(path);
    const long spent = nanoseconds(start);
    if (round == 0 || spent < best) best = spent;
  }
  return printf("{\"ns\": %.1f}\n", static_cast<double>(best) / turns), 0;
}

int small_files(char** paths, int count) {
  const auto start = Clock::now();
  for (int i = 0; i < count; ++i) read_once(paths[i]);
  return printf("{\"ns\": %.1f}\n", static_cast<double>(nanoseconds(start)) / count), 0;
}

int drain(int fd) {
  std::vector<char> buffer(128 << 10);
  const auto start = Clock::now();
  long total = 0;
  for (;;) {
    const ssize_t n = read(fd, buffer.data(), buffer.size());
    if (n < 0) die("read");
    if (n == 0) break;
    total += n;
  }
  return printf("{\"bytes\": %ld, \"ns\": %ld}\n", total, nanoseconds(start)), 0;
}

int ping_pong(int fd, int turns) {
  std::vector<long> times;
  char byte = 'x';
  for (int turn = 0; turn < turns; ++turn) {
    const auto start = Clock::now();
    if (write(fd, &byte, 1) != 1 || read(fd, &byte, 1) != 1) die("ping");
    times.push_back(nanoseconds(start));
  }
  std::sort(times.begin(), times.end());
  return printf("{\"p50\": %ld, \"p99\": %ld}\n", times[times.size() / 2], times[times.size() * 99 / 100]), 0;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string verb = argc > 1 ? argv[1] : "";
  if (verb == "open-loop" && argc == 4) return open_loop(argv[2], atoi(argv[3]));
  if (verb == "small-files" && argc > 2) return small_files(argv + 2, argc - 2);
  if (verb == "read" && argc == 3) {
    const int fd = open(argv[2], O_RDONLY);
    if (fd < 0) die(argv[2]);
    return drain(fd);
  }
  if (verb == "receive" && argc == 4) return drain(connect_to(argv[2], argv[3]));
  if (verb == "ping-pong" && argc == 5) return ping_pong(connect_to(argv[2], argv[3]), atoi(argv[4]));
  fprintf(stderr, "usage: inpod-bench open-loop|small-files|read|receive|ping-pong …\n");
  return 2;
}
