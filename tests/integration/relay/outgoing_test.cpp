// Connections from the pod through the real agent, on the program's own sockets.
#include "catch.hpp"
#include "pod_relay.hpp"
#include "unit/relay/program_sockets.hpp"

using namespace inpod;
using namespace inpod::test;

namespace {

/// A server in the world beside the pod.
UniqueFd listen_in_world(const PodRelay& bench, int domain, std::uint16_t& port) {
  auto fd = bench.socket_in_world(domain, SOCK_STREAM);
  const auto at = raw(domain, domain == AF_INET ? "10.77.0.1" : "fd77::1", 0);
  REQUIRE(::bind(fd.get(), at.get(), at.length) == 0);
  REQUIRE(::listen(fd.get(), 128) == 0);
  port = own_port(fd.get());
  return fd;
}

std::string address_of(int domain, std::uint16_t port) {
  return domain == AF_INET ? "10.77.0.1:" + std::to_string(port) : "fd77::1|" + std::to_string(port);
}

}  // namespace

TEST_CASE("a blocking connect reaches a server that only the pod can reach") {
  PodRelay bench;
  const int domain = GENERATE(AF_INET, AF_INET6);
  std::uint16_t port = 0;
  const auto server = listen_in_world(bench, domain, port);
  auto fd = make_socket(domain, SOCK_STREAM);
  REQUIRE(connect_in_pod(bench.client(), fd.get(),
                         raw(domain, domain == AF_INET ? "10.77.0.1" : "fd77::1", port), true) == 0);
  Raw peer;
  peer.length = sizeof(peer.storage);
  UniqueFd accepted(::accept(server.get(), reinterpret_cast<sockaddr*>(&peer.storage), &peer.length));
  REQUIRE(accepted);
  const auto names = bench.client().call({.op = Op::names, .fd = fd.get()}).reply;
  CHECK(text_of(names.address) == text_of(peer.storage));  // what getsockname says is what the server sees
  CHECK(text_of(names.address2) == address_of(domain, port));
  CHECK(::send(fd.get(), "ping", 4, 0) == 4);
  CHECK(receive(accepted.get(), 4) == "ping");
  CHECK(::send(accepted.get(), "pong", 4, 0) == 4);
  accepted.reset();
  CHECK(receive(fd.get(), 100) == "pong");
}

TEST_CASE("non-blocking connects: silence, then the outcome") {
  PodRelay bench;
  const int domain = GENERATE(AF_INET, AF_INET6);
  const auto client = bench.client();
  std::uint16_t port = 0;
  auto server = listen_in_world(bench, domain, port);
  const auto remote = raw(domain, domain == AF_INET ? "10.77.0.1" : "fd77::1", port);
  SECTION("success") {
    auto fd = make_socket(domain, SOCK_STREAM | SOCK_NONBLOCK);
    Poller poller(fd.get());
    REQUIRE(connect_in_pod(client, fd.get(), remote, false) == EINPROGRESS);
    CHECK((poller.wait(3000) & (EPOLLOUT | EPOLLERR | EPOLLHUP)) == EPOLLOUT);
    CHECK(socket_error(fd.get()) == 0);
    UniqueFd accepted(::accept(server.get(), nullptr, nullptr));
    CHECK(::send(fd.get(), "x", 1, 0) == 1);
    CHECK(receive(accepted.get(), 1) == "x");
  }
  SECTION("refused") {
    server.reset();
    auto fd = make_socket(domain, SOCK_STREAM | SOCK_NONBLOCK);
    Poller poller(fd.get());
    REQUIRE(connect_in_pod(client, fd.get(), remote, false) == EINPROGRESS);
    CHECK((poller.wait(3000) & EPOLLERR) != 0);
    CHECK(client.call({.op = Op::socket_error, .a = cookie(fd.get())}).reply.a == ECONNREFUSED);
  }
  SECTION("nobody answers") {
    auto fd = make_socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK);
    Poller poller(fd.get());
    const auto nobody = raw(AF_INET, "10.77.0.99", 80);
    REQUIRE(connect_in_pod(client, fd.get(), nobody, false) == EINPROGRESS);
    CHECK(poller.wait(1500) == 0);
    CHECK(connect_in_pod(client, fd.get(), nobody, false) == EALREADY);
  }
}

TEST_CASE("refusals and unreachable networks have the pod's errno") {
  PodRelay bench;
  auto refused = make_socket(AF_INET, SOCK_STREAM);
  CHECK(connect_in_pod(bench.client(), refused.get(), raw(AF_INET, "10.77.0.1", 1), true) == ECONNREFUSED);
  auto unreachable = make_socket(AF_INET, SOCK_STREAM);
  bench.pod().shell("ip route add unreachable 203.0.113.0/24");
  CHECK(connect_in_pod(bench.client(), unreachable.get(), raw(AF_INET, "203.0.113.5", 80), true) ==
        EHOSTUNREACH);
}

TEST_CASE("many connections at once keep their bytes apart") {
  PodRelay bench;
  std::uint16_t port = 0;
  const auto server = listen_in_world(bench, AF_INET, port);
  std::thread echo([&] {
    for (int i = 0; i < 50; ++i) {
      UniqueFd accepted(::accept(server.get(), nullptr, nullptr));
      const auto data = receive(accepted.get(), 100000);
      ::send(accepted.get(), data.data(), data.size(), MSG_NOSIGNAL);
    }
  });
  const auto client = bench.client();
  std::vector<UniqueFd> sockets;
  for (int i = 0; i < 50; ++i) {
    const bool wait = i % 2 == 0;
    sockets.push_back(make_socket(AF_INET, SOCK_STREAM | (wait ? 0 : SOCK_NONBLOCK)));
    const int fd = sockets.back().get();
    Poller poller(fd);
    REQUIRE(connect_in_pod(client, fd, raw(AF_INET, "10.77.0.1", port), wait) == (wait ? 0 : EINPROGRESS));
    if (!wait) REQUIRE((poller.wait(5000) & (EPOLLOUT | EPOLLERR)) == EPOLLOUT);
    ::fcntl(fd, F_SETFL, 0);
  }
  for (int i = 0; i < 50; ++i) {
    const std::string data(100000, static_cast<char>('A' + i));
    CHECK(::send(sockets[static_cast<std::size_t>(i)].get(), data.data(), data.size(), 0) == 100000);
    ::shutdown(sockets[static_cast<std::size_t>(i)].get(), SHUT_WR);
    CHECK(receive(sockets[static_cast<std::size_t>(i)].get(), 200000) == data);
  }
  echo.join();
}

TEST_CASE("UDP and names go out from the pod") {
  PodRelay bench;
  const auto client = bench.client();
  auto server = bench.socket_in_world(AF_INET, SOCK_DGRAM);
  const auto at = raw(AF_INET, "10.77.0.1", 0);
  REQUIRE(::bind(server.get(), at.get(), at.length) == 0);
  auto fd = make_socket(AF_INET, SOCK_DGRAM);
  REQUIRE(connect_in_pod(client, fd.get(), raw(AF_INET, "10.77.0.1", own_port(server.get())), false) == 0);
  CHECK(::send(fd.get(), "hi", 2, 0) == 2);
  char data[100];
  Raw from;
  from.length = sizeof(from.storage);
  CHECK(::recvfrom(server.get(), data, sizeof(data), 0, reinterpret_cast<sockaddr*>(&from.storage),
                   &from.length) == 2);
  CHECK(text_of(from.storage).substr(0, 10) == "10.77.0.2:");
  CHECK(::sendto(server.get(), "hello", 5, 0, from.get(), from.length) == 5);
  CHECK(::recv(fd.get(), data, sizeof(data), 0) == 5);

  const auto resolved = client.call({.op = Op::resolve, .text = std::string("localhost\0", 10)});
  CHECK(resolved.reply.a == 0);
  CHECK(resolved.reply.c >= 1);
}
