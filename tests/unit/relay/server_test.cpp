// Hostile and broken requests: they cost the sender its connection, and the relay goes on.
#include <dlfcn.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <ctime>

#include "catch.hpp"
#include "unit/relay/bench.hpp"

using namespace inpod;
using namespace inpod::test;
using relay::Op;

namespace {
std::atomic<bool> descriptors_used_up = false;
}

/// In libc's place: setrlimit(2) would take the descriptors from the sanitizers, too.
extern "C" int accept4(int listener, sockaddr* address, socklen_t* length, int flags) {
  static const auto real = reinterpret_cast<decltype(&accept4)>(::dlsym(RTLD_NEXT, "accept4"));
  if (!descriptors_used_up) return real(listener, address, length, flags);
  errno = EMFILE;
  return -1;
}

namespace {

/// What a raw byte string gets: a reply's errno, or -1 when the relay just closes.
int answer_to(const RelayClient& client, const std::string& bytes, bool close_after = true) {
  const auto socket = client.connect();
  RelayClient::send_bytes(socket.get(), bytes);
  if (close_after) ::shutdown(socket.get(), SHUT_WR);
  Received received;
  return RelayClient::receive(socket.get(), received) ? received.reply.error : -1;
}

std::string bytes_of(const relay::Request& request) {
  return {reinterpret_cast<const char*>(&request), sizeof(request)};
}

}  // namespace

TEST_CASE("broken requests are dropped, and the next one is answered") {
  Bench bench;
  const auto client = bench.client();
  relay::Request request;
  request.op = Op::host;

  SECTION("wrong magic") {
    request.magic_number = 1;
    CHECK(answer_to(client, bytes_of(request)) == -1);
  }
  SECTION("a descriptor that was announced and didn't come") {
    request.has_fd = 1;
    CHECK(answer_to(client, bytes_of(request)) == ENFILE);
  }
  SECTION("another version is refused by name") {
    request.version_number = 99;
    CHECK(answer_to(client, bytes_of(request)) == EPROTO);
  }
  SECTION("text beyond the cap") {
    request.text_length = relay::max_text + 1;
    CHECK(answer_to(client, bytes_of(request)) == -1);
  }
  SECTION("data beyond the cap") {
    request.data_length = relay::max_data + 1;
    CHECK(answer_to(client, bytes_of(request)) == -1);
  }
  SECTION("an address longer than any") {
    request.address_length = 1000;
    CHECK(answer_to(client, bytes_of(request)) == -1);
  }
  SECTION("more bytes than announced") {
    CHECK(answer_to(client, bytes_of(request) + "more") == -1);
  }
  SECTION("cut short") {
    CHECK(answer_to(client, bytes_of(request).substr(0, 30)) == -1);
  }
  SECTION("an unknown operation") {
    request.op = static_cast<Op>(9999);
    CHECK(answer_to(client, bytes_of(request)) == ENOSYS);
  }
  SECTION("operations on handles and sockets that don't exist") {
    for (const auto op :
         {Op::ensure, Op::refresh, Op::read, Op::write, Op::seek, Op::truncate, Op::file_stat})
      CHECK(client.call({.op = op, .a = 77}).reply.error == EBADF);
    CHECK(client.call({.op = Op::names}).reply.error == EBADF);
    CHECK(client.call({.op = Op::connect}).reply.error == EBADF);
    CHECK(client.call({.op = Op::bound}).reply.error == EINVAL);
    CHECK(client.call({.op = Op::change_path, .a = 200, .text = "/x"}).reply.error == EINVAL);
    CHECK(client.call({.op = Op::open, .text = "relative"}).reply.error == EINVAL);
    UniqueFd file(::memfd_create("not a socket", 0));
    CHECK(client.call({.op = Op::names, .fd = file.get()}).reply.a == 0);
    CHECK(client.call({.op = Op::listening, .fd = file.get()}).reply.error == 0);
  }
  const auto host = client.call({.op = Op::host});
  CHECK(host.data == std::string("checkout-7d9\0", 13));
}

TEST_CASE("operations on a link that has just been lost end, and are no danger") {
  Bench bench;
  const auto client = bench.client();
  bench.lose_link();
  for (int i = 0; i < 2; ++i) {
    const auto resolved = client.call({.op = Op::resolve,
                                       .text = std::string("db\0"
                                                           "80",
                                                           5)});
    CHECK(static_cast<std::int64_t>(resolved.reply.a) == EAI_AGAIN);
    sockaddr_in peer{AF_INET, htons(53), {htonl(0x0a010203)}, {}};
    UniqueFd udp(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    CHECK(client
              .call({.op = Op::connect,
                     .fd = udp.get(),
                     .address = reinterpret_cast<sockaddr*>(&peer),
                     .address_length = sizeof peer})
              .reply.error == ENETUNREACH);
    UniqueFd tcp(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    CHECK(client
              .call({.op = Op::connect,
                     .a = 1,
                     .fd = tcp.get(),
                     .address = reinterpret_cast<sockaddr*>(&peer),
                     .address_length = sizeof peer})
              .reply.error != 0);
    CHECK(client.call({.op = Op::open, .text = "/etc/x"}).reply.error != 0);
  }
}

TEST_CASE("another user's program is not heard, even where it can reach the socket") {
  if (::geteuid() != 0) return;  // needs two users
  Bench bench;
  const std::string socket = bench.directory() + "/relay";
  REQUIRE((::chmod(bench.directory().c_str(), 0755) == 0 && ::chmod(socket.c_str(), 0666) == 0));
  const pid_t child = ::fork();
  if (child == 0) {  // exit code 0: the connection was made, and closed without a word
    if (::setresuid(23456, 23456, 23456) != 0) ::_exit(2);
    UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{AF_UNIX, {}};
    std::strncpy(address.sun_path, socket.c_str(), sizeof address.sun_path - 1);
    if (::connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) ::_exit(3);
    relay::Request request;
    request.op = Op::host;
    (void)::send(fd.get(), &request, sizeof request, MSG_NOSIGNAL);
    pollfd wait{fd.get(), POLLIN, 0};
    char byte;
    ::_exit(::poll(&wait, 1, 5000) == 1 && ::recv(fd.get(), &byte, 1, 0) <= 0 ? 0 : 4);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 0);
  CHECK(bench.client().call({.op = Op::host}).reply.error == 0);
}

TEST_CASE("out of descriptors, the relay waits for one and keeps no processor busy") {
  Bench bench;
  const auto client = bench.client();
  descriptors_used_up = true;
  const auto socket = client.connect();
  const auto before = std::clock();
  std::this_thread::sleep_for(std::chrono::milliseconds(400));  // the time in which it could have been busy
  const double busy = static_cast<double>(std::clock() - before) / CLOCKS_PER_SEC;
  descriptors_used_up = false;
  CHECK(busy < 0.2);
  RelayClient::send_bytes(socket.get(), bytes_of(RelayClient::request_of({.op = Op::host})));
  Received received;
  REQUIRE(RelayClient::receive(socket.get(), received));
  CHECK(received.reply.error == 0);
}

TEST_CASE("a request in many pieces is understood") {
  Bench bench;
  bench.agent.files["/etc/x"] = {"hello"};
  const auto client = bench.client();
  auto request = RelayClient::request_of({.op = Op::stat, .a = 1, .text = "/etc/x"});
  const auto bytes = bytes_of(request) + "/etc/x";
  const auto socket = client.connect();
  for (const char byte : bytes) RelayClient::send_bytes(socket.get(), std::string(1, byte));
  Received received;
  REQUIRE(RelayClient::receive(socket.get(), received));
  CHECK(received.reply.stat.size == 5);
}

TEST_CASE("idle connections beyond the bound make room for working ones") {
  Bench bench;
  const auto client = bench.client();
  std::vector<UniqueFd> idle;
  for (int i = 0; i < 2100; ++i) {
    if (i >= 900 && i % 100 == 0)
      CHECK(client.call({.op = Op::host}).reply.error == 0);  // those before it have been taken
    idle.push_back(client.connect());
  }
  CHECK(client.call({.op = Op::host}).reply.error == 0);
  char byte;
  CHECK(::recv(idle[0].get(), &byte, 1, 0) == 0);  // the oldest had to go
}

TEST_CASE("the socket is the user's alone") {
  Bench bench;
  struct stat info {};
  REQUIRE(::stat(bench.relay->socket_path().c_str(), &info) == 0);
  CHECK((info.st_mode & 0777) == 0600);
}

TEST_CASE("after close every operation fails at once") {
  Bench bench;
  bench.agent.files["/f"] = {"x"};
  const auto client = bench.client();
  CHECK(client.call({.op = Op::open, .text = "/f"}).reply.error == 0);
  const auto waiting = client.connect();
  bench.on_loop([&] { bench.relay->close(); });
  Received received;
  CHECK_FALSE(RelayClient::receive(waiting.get(), received));
  CHECK_THROWS(client.call({.op = Op::host}));
  bench.on_loop([&] { bench.relay->close(); });
}
