// Who may use the relay's sockets: the program, and no other user of the machine.
#include <sys/un.h>

#include "catch.hpp"
#include "relay/socket_diag.hpp"
#include "unit/relay/bench.hpp"
#include "unit/relay/other_user.hpp"
#include "unit/relay/program_sockets.hpp"

using namespace inpod;
using namespace inpod::test;

namespace {

/// What came to the pod's peer, which echoes it.
struct Peer {
  explicit Peer(Bench& bench) : bench_(bench) {
    bench.agent.on_connect = [this, &bench](std::uint32_t id, const protocol::Connect& request) {
      bench.agent.spawn(serve(bench.agent.connected(id, ipv4("10.0.0.9", 40001), request.remote)));
    };
    bench.agent.on_datagram = [this](const protocol::DatagramFrame& frame) {
      heard.emplace_back(frame.data.begin(), frame.data.end());
      return std::vector<Bytes>{protocol::encode(frame.kind, frame.peer, 0, frame.data)};
    };
  }
  Task<void> serve(std::shared_ptr<protocol::Stream> stream) {
    for (;;) {
      auto data = co_await stream->read();
      if (!data || data->empty()) co_return;
      heard.emplace_back(data->begin(), data->end());
      co_await stream->write(*data);
    }
  }
  bool datagrams_ended() const { return bench_.agent.open_datagram_sockets == 0; }
  std::vector<std::string> heard;

 private:
  Bench& bench_;
};

relay::Reply dial(const RelayClient& client, int fd, const Raw& remote) {
  const auto reply =
      client.call({.op = Op::connect, .fd = fd, .address = remote.get(), .address_length = remote.length})
          .reply;
  REQUIRE(reply.error == 0);
  return reply;
}

const sockaddr* address_in(const relay::Reply& reply) {
  return reinterpret_cast<const sockaddr*>(&reply.address);
}

void say(int fd, const std::string& text, const relay::Reply& to) {
  CHECK(::sendto(fd, text.data(), text.size(), 0, address_in(to), to.address_length) ==
        static_cast<ssize_t>(text.size()));
}

std::string hear(int fd) {
  char data[100];
  const auto length = ::recv(fd, data, sizeof(data), 0);
  return length < 0 ? std::string("errno ") + std::to_string(errno) : std::string(data, data + length);
}

/// The other user's datagram to `to`, sent from `from` if that is not null. 0: it was sent.
int spoof(const relay::Reply& to, const Raw* from = nullptr) {
  return as_other_user([&] {
    UniqueFd fd(::socket(to.address.ss_family, SOCK_DGRAM, 0));
    if (from != nullptr && ::bind(fd.get(), from->get(), from->length) != 0) return errno;
    return ::sendto(fd.get(), "spoofed", 7, 0, address_in(to), to.address_length) == 7 ? 0 : 1;
  });
}

/// Binds to a port below those that the kernel gives out.
Raw bind_chosen_port(int fd) {
  for (std::uint16_t port = 21000 + static_cast<std::uint16_t>(::getpid() % 1000); port < 32000; ++port) {
    const auto at = raw(AF_INET, "127.0.0.1", port);
    if (::bind(fd, at.get(), at.length) == 0) return at;
  }
  throw std::runtime_error("no free port");
}

Raw unix_address(const char* path) {
  Raw remote;
  auto* un = reinterpret_cast<sockaddr_un*>(&remote.storage);
  un->sun_family = AF_UNIX;
  std::strcpy(un->sun_path, path);
  remote.length = sizeof(sockaddr_un);
  return remote;
}

/// Sends a request to the relay's abstract name. 0: it was answered, 1: it was not, others: no connection.
int ask_by_abstract_name(const std::string& path, Op op) {
  UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{AF_UNIX, {}};
  std::memcpy(address.sun_path + 1, path.data(), path.size());
  const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + path.size());
  if (::connect(fd.get(), reinterpret_cast<sockaddr*>(&address), length) != 0) return 2;
  relay::Request request;
  request.op = op;
  (void)!::send(fd.get(), &request, sizeof request, MSG_NOSIGNAL);
  pollfd wait{fd.get(), POLLIN, 0};
  char byte;
  if (::poll(&wait, 1, 10000) != 1) return 3;
  return ::recv(fd.get(), &byte, 1, 0) == 1 ? 0 : 1;
}

bool become_other_user() {
  return ::setresgid(other_user, other_user, other_user) == 0 &&
         ::setresuid(other_user, other_user, other_user) == 0;
}

int exit_code_of(pid_t child) {
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 100;
}

}  // namespace

TEST_CASE(
    "a program that becomes another user is still heard, and its children; a stranger of that user isn't") {
  if (!can_be_other_user()) return;
  Bench bench;
  const auto path = bench.relay->socket_path();
  const pid_t program = ::fork();
  if (program == 0) {
    ::alarm(30);
    if (ask_by_abstract_name(path, Op::hello) != 0) ::_exit(10);
    if (!become_other_user()) ::_exit(11);
    if (ask_by_abstract_name(path, Op::host) != 0) ::_exit(12);
    const pid_t child = ::fork();
    if (child == 0) ::_exit(ask_by_abstract_name(path, Op::hello));
    ::_exit(exit_code_of(child) == 0 ? 0 : 13);
  }
  CHECK(exit_code_of(program) == 0);
  CHECK(as_other_user([&] { return ask_by_abstract_name(path, Op::host); }) == 1);
}

TEST_CASE("a UDP flow is the program's, whoever sends first and whoever sends later") {
  if (!can_be_other_user()) return;
  Bench bench;
  Peer peer(bench);
  const auto client = bench.client();
  for (const int domain : {AF_INET, AF_INET6}) {
    peer.heard.clear();
    auto fd = make_socket(domain, SOCK_DGRAM);
    const auto relay_end =
        dial(client, fd.get(), raw(domain, domain == AF_INET ? "10.0.0.10" : "fd00::10", 53));
    CHECK(spoof(relay_end) == 0);
    say(fd.get(), "first", relay_end);
    CHECK(hear(fd.get()) == "first");
    CHECK(spoof(relay_end) == 0);
    say(fd.get(), "second", relay_end);
    CHECK(hear(fd.get()) == "second");
    CHECK(bench.on_loop([&] { return peer.heard; }) == std::vector<std::string>{"first", "second"});
  }
}

TEST_CASE("a UDP socket that the program has bound or connected before keeps its flow") {
  Bench bench;
  Peer peer(bench);
  const auto client = bench.client();
  const auto remote = raw(AF_INET, "10.0.0.10", 53);
  auto fd = make_socket(AF_INET, SOCK_DGRAM);
  SECTION("bound to all addresses") {
    const auto any = raw(AF_INET, "0.0.0.0", 0);
    REQUIRE(::bind(fd.get(), any.get(), any.length) == 0);
  }
  SECTION("bound to loopback, at a port of its own choosing") {
    bind_chosen_port(fd.get());
  }
  SECTION("connected to another peer, then to none, so that it has another port") {
    REQUIRE(connect_in_pod(client, fd.get(), remote, false) == 0);
    const sockaddr none{AF_UNSPEC, {}};
    REQUIRE(::connect(fd.get(), &none, sizeof none) == 0);
  }
  SECTION("of both families, towards IPv4") {
    fd = make_socket(AF_INET6, SOCK_DGRAM);
    const auto mapped = raw(AF_INET6, "::ffff:10.0.0.10", 53);
    const auto relay_end = dial(client, fd.get(), mapped);
    say(fd.get(), "mapped", relay_end);
    CHECK(hear(fd.get()) == "mapped");
    return;
  }
  const auto relay_end = dial(client, fd.get(), remote);
  say(fd.get(), "unconnected", relay_end);
  CHECK(hear(fd.get()) == "unconnected");
  REQUIRE(connect_in_pod(client, fd.get(), remote, false) == 0);
  CHECK(::send(fd.get(), "connected", 9, 0) == 9);
  CHECK(hear(fd.get()) == "connected");
}

TEST_CASE("what a program says last, before it closes its UDP socket, is heard") {
  Bench bench;
  Peer peer(bench);
  auto fd = make_socket(AF_INET, SOCK_DGRAM);
  const auto relay_end = dial(bench.client(), fd.get(), raw(AF_INET, "10.0.0.10", 53));
  bench.on_loop([&] {  // the relay looks only afterwards
    say(fd.get(), "last", relay_end);
    fd.reset();
  });
  CHECK(bench.eventually([&] { return peer.heard == std::vector<std::string>{"last"}; }));
}

TEST_CASE("the port of a program's closed UDP socket gives nobody its flow") {
  if (!can_be_other_user()) return;
  Bench bench;
  Peer peer(bench);
  const auto client = bench.client();
  auto fd = make_socket(AF_INET, SOCK_DGRAM);
  Raw own;
  SECTION("a port that the kernel chose stays taken") {
    const auto relay_end = dial(client, fd.get(), raw(AF_INET, "10.0.0.10", 53));
    say(fd.get(), "mine", relay_end);
    CHECK(hear(fd.get()) == "mine");
    own = raw(AF_INET, "127.0.0.1", own_port(fd.get()));
    fd.reset();
    CHECK(spoof(relay_end, &own) == EADDRINUSE);
  }
  SECTION("a port that the program chose is free at once, and ends the flow") {
    own = bind_chosen_port(fd.get());
    const auto relay_end = dial(client, fd.get(), raw(AF_INET, "10.0.0.10", 53));
    say(fd.get(), "mine", relay_end);
    CHECK(hear(fd.get()) == "mine");
    fd.reset();
    CHECK(spoof(relay_end, &own) == 0);
    CHECK(bench.eventually([&] { return peer.datagrams_ended(); }));
  }
  CHECK(bench.on_loop([&] { return peer.heard; }) == std::vector<std::string>{"mine"});
}

TEST_CASE("the relay's port of a UDP flow that is over is nobody else's while the program's socket lives") {
  Bench bench;
  bench.agent.end_datagrams = true;
  const auto client = bench.client();
  auto fd = make_socket(AF_INET, SOCK_DGRAM);
  const auto relay_end = dial(client, fd.get(), raw(AF_INET, "10.0.0.10", 53));
  REQUIRE(::connect(fd.get(), address_in(relay_end), relay_end.address_length) == 0);
  char data[10];
  CHECK(bench.eventually([&] {
    (void)::send(fd.get(), "one", 3, MSG_DONTWAIT);
    return ::recv(fd.get(), data, sizeof(data), MSG_DONTWAIT) == -1 && errno == ECONNREFUSED;
  }));
  auto other = make_socket(AF_INET, SOCK_DGRAM);
  CHECK(::bind(other.get(), address_in(relay_end), relay_end.address_length) == -1);
  CHECK(errno == EADDRINUSE);
}

TEST_CASE("a unix connection to the pod is the program's, whoever connects first") {
  if (!can_be_other_user()) return;
  Bench bench;
  Peer peer(bench);
  auto fd = make_socket(AF_UNIX, SOCK_STREAM);
  const auto relay_end = dial(bench.client(), fd.get(), unix_address("/run/app.sock"));
  const auto knock = [&] {  // what it hears is told by its exit code: 0: it is sent away, 1: it is let in
    UniqueFd other(::socket(AF_UNIX, SOCK_STREAM, 0));
    if (::connect(other.get(), address_in(relay_end), relay_end.address_length) != 0) return 10 + errno;
    (void)!::send(other.get(), "spoofed", 7, MSG_NOSIGNAL);
    char byte = 0;
    return ::recv(other.get(), &byte, 1, 0) <= 0 ? 0 : 1;
  };
  CHECK(as_other_user(knock) == 10 + EACCES);
  const auto* path = reinterpret_cast<const sockaddr_un*>(&relay_end.address)->sun_path;
  if (path[0] == '/') REQUIRE((::chmod(bench.directory().c_str(), 0755) == 0 && ::chmod(path, 0666) == 0));
  CHECK(as_other_user(knock) == 0);
  REQUIRE(::connect(fd.get(), address_in(relay_end), relay_end.address_length) == 0);
  CHECK(::send(fd.get(), "ping", 4, 0) == 4);
  CHECK(receive(fd.get(), 4) == "ping");
  CHECK(bench.on_loop([&] { return peer.heard; }) == std::vector<std::string>{"ping"});
  CHECK(bench.eventually([&] { return path[0] != '/' || ::access(path, F_OK) != 0; }));
}

TEST_CASE("the pod's traffic goes to nobody who took over a port that the program listened on") {
  if (!can_be_other_user()) return;
  Bench bench;
  Listener listener(bench.client(), AF_INET, 8080);
  CHECK(bench.eventually([&] { return bench.agent.subscribed.size() == 1; }));
  const auto at = raw(AF_INET, "127.0.0.1", listener.local_port);
  listener.fd.reset();  // as by a process that was killed: nobody tells the relay
  OtherUser other([&](int ready, int go) {
    UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0));
    const int on = 1;
    ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (::bind(fd.get(), at.get(), at.length) != 0 || ::listen(fd.get(), 8) != 0) return 2;
    (void)!::write(ready, "r", 1);
    char byte = 0;
    if (::read(go, &byte, 1) != 1) return 3;
    UniqueFd accepted(::accept(fd.get(), nullptr, nullptr));
    return accepted ? 1 : 0;
  });
  REQUIRE(other.ready());
  int code = 0;
  bench.on_loop([&] {
    std::shared_ptr<protocol::Stream> stream = std::move(*bench.agent.link->open_stream());
    bench.agent.link->notify(protocol::Incoming{1, stream->id(), protocol::IncomingMode::steal,
                                                ipv4("10.244.1.7", 51234), ipv4("10.0.0.9", 8080)});
    const auto talk = [](std::shared_ptr<protocol::Stream> to, int& ended) -> Task<void> {
      const std::string secret = "GET /secret";
      co_await to->write({reinterpret_cast<const std::uint8_t*>(secret.data()), secret.size()});
      auto answer = co_await to->read();
      ended = answer ? -1 : answer.error().code;
    };
    bench.agent.spawn(talk(std::move(stream), code));
  });
  CHECK(bench.eventually([&] { return code == ECONNREFUSED; }));
  other.go();
  CHECK(other.exit_code() == 0);
}

TEST_CASE("the owner of a loopback connection's other end is told") {
  const auto listen_here = [](UniqueFd& fd) {
    fd = make_socket(AF_INET, SOCK_STREAM);
    const auto at = raw(AF_INET, "127.0.0.1", 0);
    return ::bind(fd.get(), at.get(), at.length) == 0 && ::listen(fd.get(), 8) == 0;
  };
  const auto connect_to = [](std::uint16_t port) {
    auto fd = make_socket(AF_INET, SOCK_STREAM);
    const auto at = raw(AF_INET, "127.0.0.1", port);
    REQUIRE(::connect(fd.get(), at.get(), at.length) == 0);
    return fd;
  };
  UniqueFd listener;
  REQUIRE(listen_here(listener));
  const auto own = connect_to(own_port(listener.get()));
  CHECK_FALSE(relay::peer_user(own.get()));  // not accepted yet
  UniqueFd accepted(::accept(listener.get(), nullptr, nullptr));
  CHECK(relay::peer_user(own.get()) == ::geteuid());
  if (!can_be_other_user()) return;
  int ports[2];
  REQUIRE(::pipe(ports) == 0);
  OtherUser other([&](int ready, int go) {
    UniqueFd fd;
    if (!listen_here(fd)) return 2;
    const std::uint16_t port = own_port(fd.get());
    (void)!::write(ports[1], &port, sizeof port);
    (void)!::write(ready, "r", 1);
    char byte = 0;
    if (::read(go, &byte, 1) != 1) return 3;
    UniqueFd taken(::accept(fd.get(), nullptr, nullptr));
    (void)!::write(ready, "r", 1);
    return ::read(go, &byte, 1) == 1 ? 0 : 3;
  });
  REQUIRE(other.ready());
  std::uint16_t port = 0;
  REQUIRE(::read(ports[0], &port, sizeof port) == sizeof port);
  ::close(ports[0]), ::close(ports[1]);
  const auto strangers = connect_to(port);
  other.go();
  REQUIRE(other.ready());
  CHECK(relay::peer_user(strangers.get()) == other_user);
  other.go();
  CHECK(other.exit_code() == 0);
}
