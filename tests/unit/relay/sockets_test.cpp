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
