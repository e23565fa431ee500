// UDP over a real relay and a scripted agent: the program's side is real sockets of this process.
#include <fcntl.h>
#include <poll.h>
#include <sys/un.h>

#include <algorithm>

#include "catch.hpp"
#include "relay/incoming.hpp"
#include "unit/relay/bench.hpp"
#include "unit/relay/program_sockets.hpp"

using namespace inpod;
using namespace inpod::test;
namespace {

/// sendto(2) as the layer does it; the errno of either step.
int send_to(const RelayClient& client, int fd, const Raw& remote, const std::string& text) {
  const auto to =
      client
          .call(
              {.op = Op::connect, .a = 3, .fd = fd, .address = remote.get(), .address_length = remote.length})
          .reply;
  if (to.error != 0) return to.error;
  return ::sendto(fd, text.data(), text.size(), 0, reinterpret_cast<const sockaddr*>(&to.address),
                  to.address_length) == static_cast<ssize_t>(text.size())
             ? 0
             : errno;
}

/// What comes, and the pod's address that it comes from: "TEXT from 10.0.0.10:53".
std::string receive_from(const RelayClient& client, int fd) {
  char data[100];
  Raw from;
  from.length = sizeof(from.storage);
  const auto size =
      ::recvfrom(fd, data, sizeof(data), 0, reinterpret_cast<sockaddr*>(&from.storage), &from.length);
  if (size < 0) return "errno " + std::to_string(errno);
  const auto names =
      client.call({.op = Op::names, .fd = fd, .address = from.get(), .address_length = from.length}).reply;
  return std::string(data, data + size) + " from " + (names.a == 1 ? text_of(names.address2) : "a stranger");
}

Bytes frame_of(protocol::DatagramKind kind, const protocol::SocketAddress& peer, int code,
               const std::string& text) {
  return protocol::encode(kind, peer, code,
                          {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
}

}  // namespace

TEST_CASE("UDP keeps boundaries; an unconnected socket finds out who answered") {
  Bench bench;
  const auto client = bench.client();
  auto fd = make_socket(AF_INET, SOCK_DGRAM);
  const auto server = raw(AF_INET, "10.0.0.10", 53);
  SECTION("connected") {
    REQUIRE(connect_in_pod(client, fd.get(), server, false) == 0);
    CHECK(::send(fd.get(), "one", 3, 0) == 3);
    CHECK(::send(fd.get(), "", 0, 0) == 0);
    CHECK(::send(fd.get(), "three", 5, 0) == 5);
    char data[100];
    CHECK(::recv(fd.get(), data, sizeof(data), 0) == 3);
    CHECK(::recv(fd.get(), data, sizeof(data), 0) == 0);
    CHECK(::recv(fd.get(), data, sizeof(data), 0) == 5);
    const auto names = client.call({.op = Op::names, .fd = fd.get()}).reply;
    CHECK(text_of(names.address) == "10.0.0.9:" + std::to_string(own_port(fd.get())));
    CHECK(text_of(names.address2) == "10.0.0.10:53");
  }
  SECTION("the largest one") {
    REQUIRE(connect_in_pod(client, fd.get(), server, false) == 0);
    const std::string text(65507, 'x');
    CHECK(::send(fd.get(), text.data(), text.size(), 0) == 65507);
    std::string data(70000, 0);
    CHECK(::recv(fd.get(), data.data(), data.size(), 0) == 65507);
  }
  SECTION("unconnected: one socket in the pod, at the same port, for all peers") {
    CHECK(send_to(client, fd.get(), server, "one") == 0);
    CHECK(receive_from(client, fd.get()) == "one from 10.0.0.10:53");
    CHECK(send_to(client, fd.get(), raw(AF_INET, "10.0.0.11", 53), "two") == 0);
    CHECK(receive_from(client, fd.get()) == "two from 10.0.0.11:53");
    const auto asked = bench.on_loop([&] { return bench.agent.datagram_sockets; });
    REQUIRE(asked.size() == 1);
    CHECK(asked[0].bind == ipv4("0.0.0.0", own_port(fd.get())));
  }
  SECTION("of both families: one for each, at the same port") {
    fd = make_socket(AF_INET6, SOCK_DGRAM);
    CHECK(send_to(client, fd.get(), raw(AF_INET6, "::ffff:10.0.0.10", 53), "one") == 0);
    CHECK(receive_from(client, fd.get()) == "one from ::ffff:10.0.0.10|53");
    CHECK(send_to(client, fd.get(), raw(AF_INET6, "fd00::10", 53), "two") == 0);
    CHECK(receive_from(client, fd.get()) == "two from fd00::10|53");
    const auto asked = bench.on_loop([&] { return bench.agent.datagram_sockets; });
    REQUIRE(asked.size() == 2);
    CHECK(asked[0].bind.port == asked[1].bind.port);
  }
  SECTION("an answer may come from another port and another host") {
    bench.agent.on_datagram = [](const protocol::DatagramFrame&) {
      return std::vector<Bytes>{frame_of(protocol::DatagramKind::data, ipv4("10.0.0.12", 4000), 0, "data")};
    };
    CHECK(send_to(client, fd.get(), server, "request") == 0);
    CHECK(receive_from(client, fd.get()) == "data from 10.0.0.12:4000");
    CHECK(send_to(client, fd.get(), raw(AF_INET, "10.0.0.12", 4000), "acknowledgement") == 0);
    CHECK(receive_from(client, fd.get()) == "data from 10.0.0.12:4000");
  }
  SECTION("a connected socket hears its peer alone") {
    bench.agent.on_datagram = [](const protocol::DatagramFrame& frame) {
      return std::vector<Bytes>{frame_of(protocol::DatagramKind::data, ipv4("10.0.0.12", 4000), 0, "other"),
                                frame_of(protocol::DatagramKind::data, frame.peer, 0, "peer")};
    };
    REQUIRE(connect_in_pod(client, fd.get(), server, false) == 0);
    CHECK(::send(fd.get(), "request", 7, 0) == 7);
    CHECK(receive_from(client, fd.get()) == "peer from 10.0.0.10:53");
  }
  SECTION("connected to another peer, and to none") {
    REQUIRE(connect_in_pod(client, fd.get(), server, false) == 0);
    REQUIRE(connect_in_pod(client, fd.get(), raw(AF_INET, "10.0.0.11", 53), false) == 0);
    CHECK(text_of(client.call({.op = Op::names, .fd = fd.get()}).reply.address2) == "10.0.0.11:53");
    CHECK(::send(fd.get(), "one", 3, 0) == 3);
    CHECK(receive_from(client, fd.get()) == "one from 10.0.0.11:53");
    const sockaddr none{AF_UNSPEC, {}};
    REQUIRE(::connect(fd.get(), &none, sizeof none) == 0);
    CHECK(client.call({.op = Op::names, .fd = fd.get()}).reply.a == 0);
  }
  SECTION("a stream that can't be had is a failure, and no open connection") {
    bench.agent.hostile = [&bench](std::uint32_t id, const Message& request) {
      if (!std::holds_alternative<protocol::OpenDatagrams>(request)) return false;
      bench.agent.link->respond(id, protocol::Connected{0, ipv4("10.0.0.9", 40001), {}});
      return true;
    };
    CHECK(connect_in_pod(client, fd.get(), server, false) != 0);
    CHECK(bench.eventually([&] {
      return !bench.events.empty() && bench.events.back().at("event") == "activity" &&
             bench.events.back().at("outgoing").at("open") == 0 &&
             bench.events.back().at("outgoing").at("failed") == 1;
    }));
  }
}

TEST_CASE("what the network refuses is an error of the program's UDP socket, each time") {
  Bench bench;
  const auto client = bench.client();
  int code = ECONNREFUSED;
  bench.agent.on_datagram = [&](const protocol::DatagramFrame& frame) {
    return std::vector<Bytes>{frame_of(protocol::DatagramKind::failed, frame.peer, code, "x")};
  };
  auto fd = make_socket(AF_INET, SOCK_DGRAM);
  const auto server = raw(AF_INET, "10.0.0.10", 53);
  char data[10];
  SECTION("connected") {
    REQUIRE(connect_in_pod(client, fd.get(), server, false) == 0);
    for (int i = 0; i < 3; ++i) {
      pollfd waits{fd.get(), POLLIN, 0};
      REQUIRE(::send(fd.get(), "one", 3, 0) == 3);
      CHECK(::poll(&waits, 1, 10000) == 1);
      CHECK((::recv(fd.get(), data, sizeof(data), MSG_DONTWAIT) == -1 && errno == ECONNREFUSED));
    }
    bench.on_loop([&] { bench.agent.on_datagram = nullptr; });
    CHECK(bench.eventually([&] {  // the server is back; the last refusal may still be on its way
      (void)::send(fd.get(), "two", 3, MSG_DONTWAIT);
      return ::recv(fd.get(), data, sizeof(data), MSG_DONTWAIT) == 3;
    }));
  }
  SECTION("another error than a refusal") {
    code = EHOSTUNREACH;
    REQUIRE(connect_in_pod(client, fd.get(), server, false) == 0);
    REQUIRE(::send(fd.get(), "one", 3, 0) == 3);
    CHECK((::recv(fd.get(), data, sizeof(data), 0) == -1 && errno == ECONNREFUSED));
    CHECK(client.call({.op = Op::socket_error, .a = cookie(fd.get())}).reply.a == EHOSTUNREACH);
  }
  SECTION("not connected: the error queue tells, if the program wants it") {
    const int on = 1;
    REQUIRE(::setsockopt(fd.get(), IPPROTO_IP, IP_RECVERR, &on, sizeof on) == 0);
    REQUIRE(send_to(client, fd.get(), server, "one") == 0);
    pollfd waits{fd.get(), 0, 0};
    REQUIRE(::poll(&waits, 1, 10000) == 1);
    CHECK((waits.revents & POLLERR) != 0);
    CHECK(::recv(fd.get(), data, sizeof(data), MSG_ERRQUEUE) == 1);
  }
  SECTION("what the pod can't send is told at the next datagram to the same peer") {
    bench.agent.on_datagram = [](const protocol::DatagramFrame& frame) {
      return std::vector<Bytes>{frame_of(protocol::DatagramKind::unsent, frame.peer, ENETUNREACH, "x")};
    };
    REQUIRE(send_to(client, fd.get(), server, "one") == 0);
    CHECK(eventually_here([&] { return send_to(client, fd.get(), server, "two") == ENETUNREACH; }));
  }
}

TEST_CASE("the port that the program has bound is the pod's, or that is told") {
  Bench bench;
  const auto client = bench.client();
  auto fd = make_socket(AF_INET, SOCK_DGRAM);
  const auto any = raw(AF_INET, "0.0.0.0", 0);
  REQUIRE(::bind(fd.get(), any.get(), any.length) == 0);
  const auto port = own_port(fd.get());
  const auto asked = raw(AF_INET, "0.0.0.0", port);
  const auto bind_in_pod = [&](std::uint64_t how, const Raw& address) {
    return client
        .call({.op = Op::bound,
               .b = how,
               .fd = fd.get(),
               .address = address.get(),
               .address_length = address.length})
        .reply.error;
  };
  SECTION("free in the pod: a datagram that comes there reaches the program") {
    REQUIRE(bind_in_pod(0, asked) == 0);
    REQUIRE(bench.eventually([&] { return bench.agent.datagram_sockets.size() == 1; }));
    CHECK(bench.on_loop([&] { return bench.agent.datagram_sockets[0].bind.port; }) == port);
  }
  SECTION("taken in the pod") {
    bench.agent.refuse_datagrams = [&](const protocol::OpenDatagrams& request) {
      return request.bind.port == port ? EADDRINUSE : 0;
    };
    REQUIRE(bind_in_pod(0, asked) == 0);
    CHECK(bench.eventually([&] {
      return std::any_of(bench.events.begin(), bench.events.end(), [&](const auto& event) {
        return event.value("text", "").find("UDP port " + std::to_string(port)) != std::string::npos;
      });
    }));
    CHECK(send_to(client, fd.get(), raw(AF_INET, "10.0.0.10", 53), "one") == 0);
    CHECK(receive_from(client, fd.get()) == "one from 10.0.0.10:53");
  }
  SECTION("taken on this machine and in the pod: refused") {
    bench.agent.refuse_datagrams = [](const protocol::OpenDatagrams&) { return EADDRINUSE; };
    CHECK(bind_in_pod(1, asked) == EADDRINUSE);
  }
  SECTION("an address that the pod does not have") {
    CHECK(bind_in_pod(2, raw(AF_INET, "10.0.0.8", port)) == EADDRNOTAVAIL);
    CHECK(bind_in_pod(2, raw(AF_INET, "10.0.0.9", port)) == 0);
  }
}
