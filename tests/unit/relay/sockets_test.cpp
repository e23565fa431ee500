// Sockets over a real relay and a scripted agent: the program's side is real sockets of this process.
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

void echo_everything(Bench& bench) {
  bench.agent.on_connect = [&bench](std::uint32_t id, const protocol::Connect& request) {
    bench.agent.spawn(bench.agent.echo(bench.agent.connected(id, ipv4("10.0.0.9", 40001), request.remote)));
  };
}

}  // namespace

TEST_CASE("a blocking connect waits for the pod's outcome, and carries bytes both ways") {
  Bench bench;
  echo_everything(bench);
  const auto client = bench.client();
  const int domain = GENERATE(AF_INET, AF_INET6);
  const auto remote = raw(domain, domain == AF_INET ? "10.1.2.3" : "fd00::5", 5432);
  auto fd = make_socket(domain, SOCK_STREAM);
  REQUIRE(connect_in_pod(client, fd.get(), remote, true) == 0);
  const auto names = client.call({.op = Op::names, .fd = fd.get()}).reply;
  CHECK(names.a == 1);
  CHECK(text_of(names.address2) == (domain == AF_INET ? "10.1.2.3:5432" : "fd00::5|5432"));
  CHECK(text_of(names.address) == (domain == AF_INET ? "10.0.0.9:40001" : "::ffff:10.0.0.9|40001"));
  const std::string big(3 << 20, 'x');
  std::thread writer([&] {
    for (std::size_t sent = 0; sent < big.size();)
      sent += static_cast<std::size_t>(::send(fd.get(), big.data() + sent, big.size() - sent, 0));
    ::shutdown(fd.get(), SHUT_WR);
  });
  CHECK(receive(fd.get(), big.size() + 1) == big);  // and then the end: a half-close in both directions
  writer.join();
  CHECK(client
            .call({.op = Op::connect,
                   .a = 1,
                   .fd = fd.get(),
                   .address = remote.get(),
                   .address_length = remote.length})
            .reply.error != EALREADY);
}

TEST_CASE("a mapped IPv4 address on an IPv6 socket goes the IPv4 way") {
  Bench bench;
  echo_everything(bench);
  auto fd = make_socket(AF_INET6, SOCK_STREAM);
  REQUIRE(connect_in_pod(bench.client(), fd.get(), raw(AF_INET6, "::ffff:10.1.2.3", 80), true) == 0);
  CHECK(::send(fd.get(), "ping", 4, 0) == 4);
  CHECK(receive(fd.get(), 4) == "ping");
  CHECK(text_of(bench.client().call({.op = Op::names, .fd = fd.get()}).reply.address2) ==
        "::ffff:10.1.2.3|80");
}

TEST_CASE("a blocking connect fails with the pod's errno") {
  Bench bench;
  bench.agent.on_connect = [&](std::uint32_t id, const protocol::Connect&) {
    bench.agent.link->respond(id, protocol::Failure{EHOSTUNREACH, "no route"});
  };
  auto fd = make_socket(AF_INET, SOCK_STREAM);
  CHECK(connect_in_pod(bench.client(), fd.get(), raw(AF_INET, "10.1.2.3", 80), true) == EHOSTUNREACH);
}

TEST_CASE("a non-blocking connect is in progress until the pod answers, then wakes at once") {
  Bench bench;
  std::uint32_t request_id = 0;
  protocol::SocketAddress wanted;
  bench.agent.on_connect = [&](std::uint32_t id, const protocol::Connect& request) {
    request_id = id;
    wanted = request.remote;
  };
  const auto client = bench.client();
  const int domain = GENERATE(AF_INET, AF_INET6);
  const bool succeed = GENERATE(true, false);
  auto fd = make_socket(domain, SOCK_STREAM | SOCK_NONBLOCK);
  Poller poller(fd.get());
  const auto remote = raw(domain, domain == AF_INET ? "10.1.2.3" : "fd00::5", 80);
  REQUIRE(connect_in_pod(client, fd.get(), remote, false) == EINPROGRESS);
  CHECK(connect_in_pod(client, fd.get(), remote, false) == EALREADY);
  CHECK(poller.wait(1200) == 0);  // longer than the first repeated SYN
  REQUIRE(bench.eventually([&] { return request_id != 0; }));
  const auto before = std::chrono::steady_clock::now();
  bench.on_loop([&] {
    if (succeed)
      bench.agent.spawn(bench.agent.echo(bench.agent.connected(request_id, ipv4("10.0.0.9", 40001), wanted)));
    else
      bench.agent.link->respond(request_id, protocol::Failure{ECONNREFUSED, "refused"});
  });
  const auto events = poller.wait(2000);
  CHECK(std::chrono::steady_clock::now() - before < std::chrono::milliseconds(50));
  if (succeed) {
    CHECK((events & (EPOLLOUT | EPOLLERR | EPOLLHUP)) == EPOLLOUT);
    CHECK(socket_error(fd.get()) == 0);
    CHECK(client.call({.op = Op::names, .fd = fd.get()}).reply.a == 1);
    CHECK(::send(fd.get(), "ping", 4, 0) == 4);
    CHECK((poller.wait(2000) & EPOLLIN) != 0);
    CHECK(receive(fd.get(), 4) == "ping");
    CHECK(connect_in_pod(client, fd.get(), remote, false) == EISCONN);
  } else {
    CHECK((events & EPOLLERR) != 0);
    CHECK(socket_error(fd.get()) == ECONNRESET);
    CHECK(client.call({.op = Op::socket_error, .a = cookie(fd.get())}).reply.a == ECONNREFUSED);
    CHECK(client.call({.op = Op::socket_error, .a = cookie(fd.get())}).reply.a == 0);
    CHECK(connect_in_pod(client, fd.get(), remote, false) == EINPROGRESS);  // the socket can be used again
  }
}

TEST_CASE("a blocking connect that a signal interrupts goes on by itself") {
  Bench bench;
  std::uint32_t request_id = 0;
  int requests = 0;
  protocol::SocketAddress wanted;
  bench.agent.on_connect = [&](std::uint32_t id, const protocol::Connect& request) {
    request_id = id;
    wanted = request.remote;
    ++requests;
  };
  const auto client = bench.client();
  const int domain = GENERATE(AF_INET, AF_INET6);
  const bool succeed = GENERATE(true, false), crossed = GENERATE(true, false);
  CAPTURE(domain, succeed, crossed);
  const auto answer = [&] {
    bench.on_loop([&] {
      if (succeed)
        bench.agent.spawn(
            bench.agent.echo(bench.agent.connected(request_id, ipv4("10.0.0.9", 40001), wanted)));
      else
        bench.agent.link->respond(request_id, protocol::Failure{ECONNREFUSED, "refused"});
    });
  };
  auto fd = make_socket(domain, SOCK_STREAM);
  const auto remote = raw(domain, domain == AF_INET ? "10.1.2.3" : "fd00::5", 80);
  const auto ask = [&](std::uint64_t how) {
    return client
        .call({.op = Op::connect,
               .a = how,
               .fd = fd.get(),
               .address = remote.get(),
               .address_length = remote.length})
        .reply;
  };
  int first = -1;
  std::thread waiting([&] { first = ask(1).error; });
  REQUIRE(bench.eventually([&] { return request_id != 0; }));
  if (crossed) answer(), waiting.join();  // the outcome was on its way when the signal came
  Poller poller(fd.get());
  const auto reply = ask(2);
  CHECK(reply.error == 0);
  ::fcntl(fd.get(), F_SETFL, O_NONBLOCK);
  CHECK(::connect(fd.get(), reinterpret_cast<const sockaddr*>(&reply.address), reply.address_length) == -1);
  CHECK(errno == EINPROGRESS);
  ::fcntl(fd.get(), F_SETFL, 0);
  if (!crossed) {
    CHECK(poller.wait(200) == 0);
    CHECK(ask(2).error == EALREADY);
    answer(), waiting.join();
    CHECK(first == EINTR);
  } else if (!succeed) {  // told to nobody, so it is asked anew
    CHECK(first == ECONNREFUSED);
    REQUIRE(bench.eventually([&] { return requests == 2; }));
    answer();
  }
  const auto events = poller.wait(2000);
  if (succeed) {
    CHECK((events & (EPOLLOUT | EPOLLERR | EPOLLHUP)) == EPOLLOUT);
    CHECK(::send(fd.get(), "ping", 4, 0) == 4);
    CHECK(receive(fd.get(), 4) == "ping");
    CHECK(text_of(client.call({.op = Op::names, .fd = fd.get()}).reply.address2) ==
          (domain == AF_INET ? "10.1.2.3:80" : "fd00::5|80"));
  } else {
    CHECK((events & EPOLLERR) != 0);
    CHECK(client.call({.op = Op::socket_error, .a = cookie(fd.get())}).reply.a == ECONNREFUSED);
  }
}

TEST_CASE("an outcome faster than the program's own connect is not lost") {
  Bench bench;
  const bool succeed = GENERATE(true, false);
  if (succeed) echo_everything(bench);
  const auto client = bench.client();
  auto fd = make_socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK);
  const auto remote = raw(AF_INET, "10.1.2.3", 80);
  const auto before = bench.received();
  const auto reply =
      client
          .call({.op = Op::connect, .fd = fd.get(), .address = remote.get(), .address_length = remote.length})
          .reply;
  REQUIRE(reply.error == 0);
  for (int i = 0; i < 1000 && bench.received() == before; ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  REQUIRE(bench.received() > before);
  Poller poller(fd.get());
  REQUIRE(::connect(fd.get(), reinterpret_cast<const sockaddr*>(&reply.address), reply.address_length) == -1);
  CHECK(((poller.wait(2000) & EPOLLERR) == 0) == succeed);
}

TEST_CASE("resets travel both ways") {
  Bench bench;
  std::shared_ptr<protocol::Stream> stream;
  bench.agent.on_connect = [&](std::uint32_t id, const protocol::Connect& request) {
    stream = bench.agent.connected(id, ipv4("10.0.0.9", 40001), request.remote);
  };
  auto fd = make_socket(AF_INET, SOCK_STREAM);
  REQUIRE(connect_in_pod(bench.client(), fd.get(), raw(AF_INET, "10.1.2.3", 80), true) == 0);
  char byte;
  SECTION("from the pod") {
    bench.on_loop([&] { stream->reset(ECONNRESET); });
    CHECK(::recv(fd.get(), &byte, 1, 0) == -1);
    CHECK(errno == ECONNRESET);
  }
  SECTION("from the program") {
    const linger now{1, 0};
    ::setsockopt(fd.get(), SOL_SOCKET, SO_LINGER, &now, sizeof(now));
    int code = 0;
    bench.on_loop([&] {
      bench.agent.spawn([](std::shared_ptr<protocol::Stream> from, int& into) -> Task<void> {
        auto data = co_await from->read();
        into = data ? -1 : data.error().code;
      }(stream, code));
    });
    fd.reset();
    CHECK(bench.eventually([&] { return code == ECONNRESET; }));
  }
  SECTION("from the relay's end") {
    bench.on_loop([&] { bench.relay->close(); });
    CHECK(::recv(fd.get(), &byte, 1, 0) == -1);
    CHECK(errno == ECONNRESET);
  }
  bench.on_loop([&] { stream.reset(); });
}

TEST_CASE("a program that closes is heard in the pod, though the relay had a copy of its descriptor") {
  Bench bench;
  bool ended = false;
  bench.agent.on_connect = [&](std::uint32_t id, const protocol::Connect& request) {
    std::shared_ptr<protocol::Stream> stream =
        bench.agent.connected(id, ipv4("10.0.0.9", 40001), request.remote);
    bench.agent.spawn([](std::shared_ptr<protocol::Stream> from, bool& flag) -> Task<void> {
      auto data = co_await from->read();
      flag = data && data->empty();
    }(std::move(stream), ended));
  };
  const bool wait = GENERATE(true, false);
  auto fd = make_socket(AF_INET, SOCK_STREAM | (wait ? 0 : SOCK_NONBLOCK));
  const int code = connect_in_pod(bench.client(), fd.get(), raw(AF_INET, "10.1.2.3", 80), wait);
  CHECK(code == (wait ? 0 : EINPROGRESS));
  if (!wait) CHECK((Poller(fd.get()).wait(1000), socket_error(fd.get())) == 0);
  CHECK(bench.eventually([&] { return bench.agent.asked["connect"] == 1 && descriptors_of(fd.get()) == 1; }));
  fd.reset();
  CHECK(bench.eventually([&] { return ended; }));
}

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
    bool told = false;
    for (int i = 0; i < 500 && !told; ++i) {
      told = send_to(client, fd.get(), server, "two") == ENETUNREACH;
      if (!told) std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    CHECK(told);
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

TEST_CASE("unix sockets of the pod") {
  Bench bench;
  echo_everything(bench);
  auto fd = make_socket(AF_UNIX, SOCK_STREAM);
  Raw remote;
  auto* un = reinterpret_cast<sockaddr_un*>(&remote.storage);
  un->sun_family = AF_UNIX;
  std::strcpy(un->sun_path, "/run/app.sock");
  remote.length = sizeof(sockaddr_un);
  REQUIRE(connect_in_pod(bench.client(), fd.get(), remote, false) == 0);
  CHECK(::send(fd.get(), "ping", 4, 0) == 4);
  CHECK(receive(fd.get(), 4) == "ping");
  const auto names = bench.client().call({.op = Op::names, .fd = fd.get()}).reply;
  CHECK(std::string(reinterpret_cast<const sockaddr_un*>(&names.address2)->sun_path) == "/run/app.sock");
}

namespace {

std::shared_ptr<protocol::Stream> come(Bench& bench, protocol::IncomingMode mode, std::uint16_t port) {
  std::shared_ptr<protocol::Stream> stream = std::move(*bench.agent.link->open_stream());
  bench.agent.link->notify(
      protocol::Incoming{1, stream->id(), mode, ipv4("10.244.1.7", 51234), ipv4("10.0.0.9", port)});
  return stream;
}

Task<void> collect(std::shared_ptr<protocol::Stream> from, std::string& into, int& code) {
  for (;;) {
    auto data = co_await from->read();
    if (!data) {
      code = data.error().code;
      co_return;
    }
    if (data->empty()) {
      code = 0;
      co_return;
    }
    into.append(data->begin(), data->end());
  }
}

}  // namespace

TEST_CASE("stolen connections come to the program's listener with the true peer") {
  Config config;
  config.incoming.mode = protocol::IncomingMode::steal;
  Bench bench(config);
  const auto client = bench.client();
  const int domain = GENERATE(AF_INET, AF_INET6);
  Listener listener(client, domain, 8080);
  REQUIRE(bench.on_loop([&] { return bench.agent.subscribed.size(); }) == 1);
  CHECK(bench.on_loop([&] { return bench.agent.subscribed[0].port; }) == 8080);
  CHECK(text_of(client.call({.op = Op::names, .fd = listener.fd.get()}).reply.address) ==
        (domain == AF_INET ? "0.0.0.0:8080" : "::|8080"));

  auto stream = bench.on_loop([&] { return come(bench, protocol::IncomingMode::steal, 8080); });
  std::string output;
  int code = -1;
  bench.on_loop([&] {
    bench.agent.spawn(collect(stream, output, code));
    bench.agent.spawn([](std::shared_ptr<protocol::Stream> to) -> Task<void> {
      const std::string text = "GET /";
      co_await to->write({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
      to->finish();
    }(stream));
  });
  UniqueFd accepted(::accept(listener.fd.get(), nullptr, nullptr));
  const auto names = client.call({.op = Op::names, .fd = accepted.get()}).reply;
  CHECK(names.a == 1);
  CHECK(text_of(names.address2) == (domain == AF_INET ? "10.244.1.7:51234" : "::ffff:10.244.1.7|51234"));
  CHECK(text_of(names.address) == (domain == AF_INET ? "10.0.0.9:8080" : "::ffff:10.0.0.9|8080"));
  CHECK(receive(accepted.get(), 100) == "GET /");
  CHECK(::send(accepted.get(), "200", 3, 0) == 3);
  accepted.reset();
  CHECK(bench.eventually([&] { return code == 0; }));
  CHECK(output == "200");
  bench.on_loop([&] { stream.reset(); });
  const auto activity = [&] { return bench.events.empty() ? nlohmann::json() : bench.events.back(); };
  CHECK(bench.eventually([&] {
    const auto last = activity();
    return last.value("event", "") == "activity" && last["incoming"].size() == 1 &&
           last["incoming"][0]["open"] == 0 && last["incoming"][0]["requests"] == 1;
  }));
}

TEST_CASE("a port on which the pod does not listen is told, with those on which it does") {
  Config config;
  const bool listened = GENERATE(false, true);
  config.incoming.map[3000] = listened ? 443 : 8080;
  Bench bench(config);
  bench.on_loop([&] { bench.agent.listeners = {{80, 443, 40001}, {15000}}; });
  const auto client = bench.client();
  Listener listener(client, AF_INET, 3000), other(client, AF_INET, 9000);
  const auto told = [&](const std::string& text) {
    return std::any_of(bench.events.begin(), bench.events.end(), [&](const auto& event) {
      return event.value("event", "") == "note" && event.value("severity", "") == "warning" &&
             event.value("text", "").find(text) == 0;
    });
  };
  const std::string advice =
      ": nothing listens on it in the pod, which listens on 80, 443: for that traffic map the program's port "
      "to the pod's, incoming.map: ";
  CHECK(bench.eventually([&] { return told("port 9000" + advice + "{9000: 80}"); }));
  if (!listened)
    CHECK(bench.eventually([&] { return told("port 8080" + advice + "{3000: 80}"); }));
  else
    CHECK_FALSE(bench.on_loop([&] { return told("port 443"); }));
}

TEST_CASE("nothing is advised about ports where nothing is known") {
  CHECK_FALSE(relay::port_advice({}, 8080, 8080));
  CHECK_FALSE(relay::port_advice({{}, {80}}, 8080, 8080));
  CHECK_FALSE(relay::port_advice({{40001}, {}}, 8080, 8080));
  CHECK_FALSE(relay::port_advice({{80}, {8080}}, 8080, 8080));
  CHECK_FALSE(relay::port_advice({{80, 8080}, {}}, 8080, 8080));
}

TEST_CASE("what a program answers to mirrored traffic goes nowhere") {
  Bench bench;
  Listener listener(bench.client(), AF_INET, 80);
  CHECK(bench.on_loop([&] { return bench.agent.subscribed.at(0).mode; }) == protocol::IncomingMode::mirror);
  std::string output;
  int code = -1;
  bench.on_loop([&] {
    auto stream = come(bench, protocol::IncomingMode::mirror, 80);
    bench.agent.spawn(collect(stream, output, code));
  });
  UniqueFd accepted(::accept(listener.fd.get(), nullptr, nullptr));
  CHECK(::send(accepted.get(), "answer", 6, 0) == 6);
  accepted.reset();
  CHECK(bench.eventually([&] { return code == 0; }));
  CHECK(output.empty());
}

TEST_CASE("the end of a mirrored connection waits for the program's answer, if the pod had answered") {
  Bench bench;
  Listener listener(bench.client(), AF_INET, 80);
  const bool reset = GENERATE(false, true);
  const std::uint64_t answered = GENERATE(0, 6);
  CAPTURE(reset, answered);
  const auto before = bench.received();
  auto stream = bench.on_loop([&] {
    auto made = come(bench, protocol::IncomingMode::mirror, 80);
    bench.agent.spawn(
        [](Bench& of, std::shared_ptr<protocol::Stream> to, std::uint64_t got, bool by_reset) -> Task<void> {
          const std::string text = "GET /";
          co_await to->write({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
          of.agent.link->notify(protocol::PeerClosed{to->id(), got});
          by_reset ? to->reset(ECONNRESET) : to->finish();
        }(bench, made, answered, reset));
    return made;
  });
  const auto accepted = listener.accept();
  REQUIRE(accepted);
  CHECK(receive(accepted.get(), 5) == "GET /");
  constexpr int frames = 4;  // Incoming, the request, PeerClosed, the end
  for (int i = 0; i < 1000 && bench.received() < before + frames; ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  REQUIRE(bench.received() >= before + frames);
  bench.on_loop([] {});
  char byte = 0;
  const auto look = [&] { return ::recv(accepted.get(), &byte, 1, MSG_PEEK); };
  if (answered != 0) {
    CHECK((::recv(accepted.get(), &byte, 1, MSG_PEEK | MSG_DONTWAIT) == -1 && errno == EAGAIN));
    CHECK(::send(accepted.get(), "answer", 6, MSG_NOSIGNAL) == 6);
  }
  const auto end = look();
  if (reset)
    CHECK((end == -1 && errno == ECONNRESET));
  else
    CHECK(end == 0);
}

TEST_CASE("without a listener a connection is refused, so that the agent gives it to the pod") {
  Bench bench;
  int code = -1;
  std::string output;
  Listener listener(bench.client(), AF_INET, 80);
  SECTION("closed just now") {
    listener.fd.reset();
  }
  SECTION("closed, and said so") {
    listener.fd.reset();
    bench.client().tell({.op = Op::listener_gone, .a = listener.local_port});
    CHECK(bench.eventually([&] { return bench.agent.unsubscribed.size() == 1; }));
  }
  bench.on_loop(
      [&] { bench.agent.spawn(collect(come(bench, protocol::IncomingMode::steal, 80), output, code)); });
  CHECK(bench.eventually([&] { return code == ECONNREFUSED; }));
  CHECK(bench.eventually([&] { return bench.agent.unsubscribed.size() == 1; }));
}

TEST_CASE("a listener that is still open elsewhere stays subscribed") {
  Bench bench;
  Listener listener(bench.client(), AF_INET, 80);
  UniqueFd copy(::dup(listener.fd.get()));
  listener.fd.reset();
  const auto client = bench.client();
  const auto telling = client.connect();
  RelayClient::send(telling.get(), {.op = Op::listener_gone, .a = listener.local_port});
  Received none;
  CHECK_FALSE(RelayClient::receive(telling.get(), none));  // it has looked
  CHECK(client.call({.op = Op::stat, .a = 1, .text = "/nothing"}).reply.error ==
        ENOENT);  // what it told the agent has come there
  CHECK(bench.on_loop([&] { return bench.agent.unsubscribed.empty(); }));
  Listener second(bench.client(), AF_INET, 80);
  CHECK(bench.on_loop([&] { return bench.agent.subscribed.size(); }) == 1);  // one subscription for both
}

TEST_CASE("ports: ignored, chosen, mapped") {
  Config config;
  config.incoming.ignore_ports = {9229};
  config.incoming.map = {{3000, 80}};
  Bench bench(config);
  const auto client = bench.client();
  Listener ignored(client, AF_INET, 9229), anywhere(client, AF_INET, 0), mapped(client, AF_INET, 3000);
  const auto ports = bench.on_loop([&] {
    std::vector<int> result;
    for (auto& entry : bench.agent.subscribed) result.push_back(entry.port);
    return result;
  });
  CHECK(ports == std::vector<int>{80});
}

TEST_CASE("a program that connects to itself does so without the pod") {
  Bench bench;
  const auto client = bench.client();
  Listener listener(client, AF_INET, 8080);
  for (const char* host : {"127.0.0.1", "10.0.0.9"}) {
    auto fd = make_socket(AF_INET, SOCK_STREAM);
    CHECK(connect_in_pod(client, fd.get(), raw(AF_INET, host, 8080), true) == 0);
    UniqueFd accepted(::accept(listener.fd.get(), nullptr, nullptr));
    CHECK(accepted);
  }
  CHECK(bench.asked("connect") == 0);
}

namespace {

/// op bound, by which the relay binds; its errno.
int bind_in_pod(const RelayClient& client, int fd, const Raw& asked) {
  const std::uint64_t families = asked.storage.ss_family == AF_INET ? relay::bound_ipv4 : relay::bound_ipv6;
  return client
      .call({.op = Op::bound,
             .b = families,
             .c = 1,
             .fd = fd,
             .address = asked.get(),
             .address_length = asked.length})
      .reply.error;
}

}  // namespace

TEST_CASE("a socket is bound to addresses of the pod alone, and keeps its source there") {
  Bench bench;
  protocol::Connect asked;
  int failing = 0;
  bench.agent.on_connect = [&](std::uint32_t id, const protocol::Connect& request) {
    asked = request;
    if (request.bind.port != 0 && failing != 0)
      return bench.agent.link->respond(id, protocol::Failure{std::exchange(failing, 0), "the port"});
    bench.agent.spawn(bench.agent.echo(bench.agent.connected(id, request.bind, request.remote)));
  };
  const auto client = bench.client();
  auto fd = make_socket(AF_INET, SOCK_STREAM);
  CHECK(bind_in_pod(client, fd.get(), raw(AF_INET, "10.0.0.10", 80)) == EADDRNOTAVAIL);
  CHECK(own_port(fd.get()) == 0);
  const bool any_port = GENERATE(false, true), taken = GENERATE(false, true);
  CAPTURE(any_port, taken);
  REQUIRE(bind_in_pod(client, fd.get(), raw(AF_INET, "10.0.0.9", any_port ? 0 : 4567)) == 0);
  const auto port = any_port ? own_port(fd.get()) : 4567;
  CHECK(text_of(client.call({.op = Op::names, .fd = fd.get()}).reply.address) ==
        "10.0.0.9:" + std::to_string(port));
  failing = taken ? EADDRINUSE : 0;
  const int code = connect_in_pod(client, fd.get(), raw(AF_INET, "10.1.2.3", 80), true);
  CHECK(code == (taken && !any_port ? EADDRINUSE : 0));
  CHECK(bench.on_loop([&] { return asked.bind; }) ==
        ipv4("10.0.0.9", taken && any_port ? 0 : static_cast<std::uint16_t>(port)));
}

TEST_CASE("a connection goes to the listener that a kernel would choose") {
  Config config;
  config.incoming.mode = protocol::IncomingMode::steal;
  Bench bench(config);
  const auto client = bench.client();
  auto at_address = make_socket(AF_INET, SOCK_STREAM);
  REQUIRE(bind_in_pod(client, at_address.get(), raw(AF_INET, "10.0.0.9", 8080)) == 0);
  Listener of_ipv4(client, AF_INET, 8080), of_both(client, AF_INET6, 8080);
  const bool with_address = GENERATE(true, false);
  if (with_address) {
    REQUIRE(::listen(at_address.get(), 8) == 0);
    client.call({.op = Op::listening, .fd = at_address.get()});
  }
  const auto come_to = [&](protocol::SocketAddress local) {
    bench.on_loop([&] {
      auto stream = std::move(*bench.agent.link->open_stream());
      auto remote = local;
      remote.port = 51234;
      bench.agent.link->notify(
          protocol::Incoming{1, stream->id(), protocol::IncomingMode::steal, remote, local});
    });
  };
  const auto accepts = [](int fd) { return static_cast<bool>(UniqueFd(::accept(fd, nullptr, nullptr))); };
  protocol::SocketAddress ipv6{protocol::AddressFamily::ipv6, {0xfd, 0, 1}, 8080, 0, {}};
  come_to(ipv4("10.0.0.9", 8080));
  CHECK(accepts(with_address ? at_address.get() : of_ipv4.fd.get()));
  come_to(ipv4("10.0.0.8", 8080));
  CHECK(accepts(of_ipv4.fd.get()));
  come_to(ipv6);
  CHECK(accepts(of_both.fd.get()));
}
