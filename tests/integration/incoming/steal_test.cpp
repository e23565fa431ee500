// Steal with real programs: the client answers for the pod, and what it can't take reaches the pod whole.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <atomic>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <list>

#include "agent.hpp"
#include "catch.hpp"
#include "protocol/filter.hpp"
#include "protocol/task.hpp"
#include "protocol/unique_fd.hpp"

using namespace inpod;
using namespace inpod::test;
using protocol::IncomingMode;

namespace {

constexpr int port = 8080;

/// A blocking connection from the calling thread's namespace to the pod, every wait bounded to 30 s.
class Connection {
 public:
  Connection() : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    const timeval bound{30, 0};
    ::setsockopt(fd_.get(), SOL_SOCKET, SO_RCVTIMEO, &bound, sizeof bound);
    ::setsockopt(fd_.get(), SOL_SOCKET, SO_SNDTIMEO, &bound, sizeof bound);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    inet_pton(AF_INET, pod_ipv4, &address.sin_addr);
    connected_ = ::connect(fd_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
  }
  bool connected() const { return connected_; }
  bool send(const std::string& text) {
    return ::send(fd_.get(), text.data(), text.size(), MSG_NOSIGNAL) == ssize_t(text.size());
  }
  void finish() { ::shutdown(fd_.get(), SHUT_WR); }
  void reset() {
    const linger now{1, 0};
    ::setsockopt(fd_.get(), SOL_SOCKET, SO_LINGER, &now, sizeof now);
    fd_.reset();
  }
  /// Until FIN; an error is appended as "<errno>".
  std::string read_all() {
    std::string text;
    char piece[4096];
    ssize_t got;
    while ((got = ::recv(fd_.get(), piece, sizeof piece, 0)) > 0) text.append(piece, std::size_t(got));
    return got == 0 ? text : text + "<" + std::to_string(errno) + ">";
  }
  std::string read_until(const std::string& end) {
    std::string text;
    char byte;
    while (text.find(end) == std::string::npos && ::recv(fd_.get(), &byte, 1, 0) == 1) text += byte;
    return text;
  }

 private:
  UniqueFd fd_;
  bool connected_ = false;
};

/// Writes first, as an SMTP or MySQL server does.
protocol::Task<void> greeter(TestClient& client, std::unique_ptr<protocol::Stream> stream,
                             std::size_t index) {
  const std::string greeting = "220 hello\n";
  (void)co_await stream->write({reinterpret_cast<const std::uint8_t*>(greeting.data()), greeting.size()});
  stream->finish();
  client.record(index, [](Received& received) { received.ended = true; });
}

/// Answers a little, then resets.
protocol::Task<void> breaker(TestClient& client, std::unique_ptr<protocol::Stream> stream,
                             std::size_t index) {
  const std::uint8_t byte = 'x';
  (void)co_await stream->write({&byte, 1});
  (void)co_await stream->read();
  stream->reset(ECONNRESET);
  client.record(index, [](Received& received) { received.reset = ECONNRESET; });
}

std::atomic<bool> silent_saw_end{false};

/// Reads to the end and says nothing, until the connection is reset (or 20 s have passed).
protocol::Task<void> silent(TestClient& client, std::unique_ptr<protocol::Stream> stream, std::size_t index) {
  boost::asio::steady_timer timer(co_await boost::asio::this_coro::executor);
  int error = 0;
  for (int tries = 0; error == 0 && tries < 1000; ++tries) {
    const auto data = co_await stream->read();
    if (!data) error = data.error().code;
    if (!data || !data->empty()) continue;
    silent_saw_end = true;
    timer.expires_after(std::chrono::milliseconds(20));
    co_await timer.async_wait(as_result);
  }
  client.record(index, [&](Received& received) {
    received.reset = error;
    received.ended = true;
  });
}

}  // namespace

TEST_CASE("steal: the client answers; with its end the pod does, and no rule is left") {
  PodNetwork network;
  network.serve(port);
  TestAgent agent(network);
  TestClient alice(agent, "alice@laptop", http_answer("alice\n"));
  const auto subscription = alice.subscribe(port, IncomingMode::steal);
  REQUIRE(subscription);
  CHECK(network.rules().find("8080 stolen by alice@laptop") != std::string::npos);
  CHECK(network.curl("http://{4}:8080/four").out == "alice\n");
  CHECK(network.curl("http://{6}:8080/six").out == "alice\n");
  CHECK(network.curl_in_pod("http://127.0.0.1:8080/lo").out == "alice\n");
  CHECK(network.curl_in_pod("http://[::1]:8080/lo6").out == "alice\n");
  CHECK(network.curl_in_pod("http://10.77.0.2:8080/own").out == "alice\n");

  const auto received = alice.wait_for(5);
  REQUIRE(received.size() == 5);
  CHECK(received[0].event.mode == IncomingMode::steal);
  CHECK(received[0].event.subscription == *subscription);
  CHECK(std::string(received[0].event.remote.ip.begin(), received[0].event.remote.ip.begin() + 4) ==
        std::string("\x0a\x4d\x00\x09", 4));
  CHECK(received[0].event.local.port == port);
  CHECK(std::string(received[0].event.local.ip.begin(), received[0].event.local.ip.begin() + 4) ==
        std::string("\x0a\x4d\x00\x02", 4));
  CHECK(received[0].bytes.find("GET /four HTTP/1.1\r\n") == 0);
  CHECK(received[1].event.remote.family == protocol::AddressFamily::ipv6);

  alice.unsubscribe(*subscription);
  CHECK(network.rules().find("dport 8080") == std::string::npos);
  CHECK(network.curl("http://{4}:8080/back").out == "pod /back\n");
  CHECK(eventually(seconds(30), [&] { return network.rules().empty(); }));
  REQUIRE(alice.subscribe(port, IncomingMode::steal));
  CHECK(network.curl("http://{4}:8080/").out == "alice\n");
  agent.end_incoming();
  CHECK(network.curl("http://{4}:8080/gone").out == "pod /gone\n");
  CHECK(network.rules().empty());
}

TEST_CASE("steal: a large upload and its answer pass both ways, within the credit") {
  PodNetwork network;
  TestAgent agent(network);
  TestClient alice(agent, "alice@laptop", echo());
  REQUIRE(alice.subscribe(port, IncomingMode::steal));
  std::string body(5'000'000, '\0');
  for (std::size_t i = 0; i < body.size(); ++i) body[i] = char(i * 2654435761u >> 11);
  network.on_client_thread([&] {
    Connection connection;
    REQUIRE(connection.connected());
    std::thread sender([&] {
      connection.send(body);
      connection.finish();
    });
    const auto back = connection.read_all();  // half-close: the answer comes after our FIN too
    sender.join();
    CHECK(back.size() == body.size());
    CHECK(back == body);
  });
  CHECK(alice.wait_for(1).at(0).bytes == body);
}

TEST_CASE("steal: away, or without a listener, the pod gets the connection with all its bytes") {
  PodNetwork network;
  network.serve(port);
  TestAgent agent(network);
  TestClient alice(agent, "alice@laptop", refuser());
  REQUIRE(alice.subscribe(port, IncomingMode::steal));
  CHECK(network.curl("http://{4}:8080/refused").out == "pod /refused\n");
  CHECK(network.curl("http://{6}:8080/", {"-d", std::string(30'000, 'y')}).out.find("pod 30000 ") == 0);
  alice.wait_for(2);
  alice.set_away(true);
  CHECK(network.curl("http://{4}:8080/away").out == "pod /away\n");
  TemporaryDirectory directory;
  const auto path = directory.write("body", std::string(3'000'000, 'z'));
  CHECK(network.curl("http://{4}:8080/", {"--data-binary", "@" + path}).out.find("pod 3000000 ") == 0);
  CHECK(alice.count() == 2);
  alice.set_away(false);
  // Larger than what is kept for a replay, from a fast sender: refusal comes within the wait for the client's
  // word.
  CHECK(network.curl("http://{4}:8080/", {"--data-binary", "@" + path}).out.find("pod 3000000 ") == 0);
  CHECK(alice.wait_for(3).size() == 3);
  CHECK(agent.notes().empty());
}

TEST_CASE("steal: where the pod does not listen either, the peer is refused") {
  PodNetwork network;
  TestAgent agent(network);
  TestClient alice(agent, "alice@laptop", refuser());
  REQUIRE(alice.subscribe(port, IncomingMode::steal));
  const auto refused = network.curl("http://{4}:8080/");
  INFO(refused.err);
  CHECK((refused.status == 7 || refused.status == 56));  // refused, or reset, as it looks to curl
}

TEST_CASE("steal: a server that speaks first, and resets in both directions") {
  PodNetwork network;
  TestAgent agent(network);
  {
    TestClient alice(agent, "alice@laptop", greeter);
    REQUIRE(alice.subscribe(port, IncomingMode::steal));
    network.on_client_thread([] {
      Connection connection;
      CHECK(connection.read_all() == "220 hello\n");
    });
    alice.wait_for(1);
  }
  {
    TestClient alice(agent, "alice@laptop", breaker);
    REQUIRE(alice.subscribe(port, IncomingMode::steal));
    network.on_client_thread([] {
      Connection connection;
      connection.send("a");
      CHECK(connection.read_all() == "x<" + std::to_string(ECONNRESET) + ">");
    });
    alice.wait_for(1);
  }
  {
    TestClient alice(agent, "alice@laptop", echo());
    REQUIRE(alice.subscribe(port, IncomingMode::steal));
    network.on_client_thread([] {
      Connection connection;
      connection.send("a\n");
      CHECK(connection.read_until("\n") == "a\n");
      connection.reset();
    });
    const auto received = alice.wait_for(1);
    REQUIRE(received.size() == 1);
    CHECK(received[0].reset == ECONNRESET);
  }
}

TEST_CASE("steal: a peer that resets behind its FIN is heard, though nobody writes to it") {
  PodNetwork network;
  TestAgent agent(network);
  TestClient alice(agent, "alice@laptop", silent);
  REQUIRE(alice.subscribe(port, IncomingMode::steal));
  silent_saw_end = false;
  network.on_client_thread([] {
    Connection connection;
    connection.send("a\n");
    connection.finish();
    CHECK(eventually(seconds(10), [] { return silent_saw_end.load(); }));
    connection.reset();
  });
  const auto received = alice.wait_for(1);
  REQUIRE(received.size() == 1);
  CHECK(received[0].reset == ECONNRESET);
}

TEST_CASE("steal: connections that were open stay the pod's; the client's end with its subscription") {
  PodNetwork network;
  network.serve(port);
  TestAgent agent(network);
  TestClient alice(agent, "alice@laptop", echo());
  network.on_client_thread([&] {
    Connection before;
    REQUIRE(before.send("GET /before HTTP/1.1\r\nHost: x\r\n\r\n"));
    CHECK(before.read_until("/before\n").find("pod /before") != std::string::npos);
    const auto subscription = alice.subscribe(port, IncomingMode::steal);
    REQUIRE(subscription);
    CHECK(before.send("GET /still HTTP/1.1\r\nHost: x\r\n\r\n"));
    CHECK(before.read_until("/still\n").find("pod /still") != std::string::npos);

    Connection during;
    CHECK(during.send("hello\n"));
    CHECK(during.read_until("\n") == "hello\n");
    alice.unsubscribe(*subscription);
    CHECK(during.read_all() == "<" + std::to_string(ECONNRESET) + ">");
    CHECK(before.send("GET /after HTTP/1.1\r\nHost: x\r\n\r\n"));
    CHECK(before.read_until("/after\n").find("pod /after") != std::string::npos);
  });
  CHECK(alice.wait_for(1).at(0).reset != 0);
}

TEST_CASE("steal: a connection that went to the pod outlives the subscription") {
  PodNetwork network;
  network.serve(port);
  TestAgent agent(network);
  TestClient alice(agent, "alice@laptop", refuser());
  const auto subscription = alice.subscribe(port, IncomingMode::steal);
  REQUIRE(subscription);
  network.on_client_thread([&] {
    Connection connection;
    REQUIRE(connection.send("GET /one HTTP/1.1\r\nHost: x\r\n\r\n"));
    CHECK(connection.read_until("/one\n").find("pod /one") != std::string::npos);
    alice.unsubscribe(*subscription);
    CHECK(connection.send("GET /two HTTP/1.1\r\nHost: x\r\n\r\n"));
    CHECK(connection.read_until("/two\n").find("pod /two") != std::string::npos);
  });
  CHECK(eventually(seconds(30), [&] { return network.rules().empty(); }));
}

TEST_CASE("steal: several clients and ports; the second for one port hears who has it") {
  PodNetwork network;
  network.serve(8081);
  TestAgent agent(network);
  TestClient alice(agent, "alice@laptop", http_answer("alice\n"));
  TestClient bob(agent, "bob@desk", http_answer("bob\n"));
  REQUIRE(alice.subscribe(8080, IncomingMode::steal));
  REQUIRE(bob.subscribe(8081, IncomingMode::steal));
  const auto clash = bob.subscribe(8080, IncomingMode::steal);
  REQUIRE_FALSE(clash);
  CHECK(clash.error().code == EADDRINUSE);
  CHECK(clash.error().text == "port 8080 of this pod is already stolen by alice@laptop");
  CHECK(network.curl("http://{4}:8080/").out == "alice\n");
  CHECK(network.curl("http://{4}:8081/").out == "bob\n");
  alice.drop();
  REQUIRE(bob.subscribe(8080, IncomingMode::steal));
  CHECK(network.curl("http://{4}:8080/").out == "bob\n");
  bob.drop();
  CHECK(network.curl("http://{4}:8081/x").out == "pod /x\n");
}

TEST_CASE("steal: more connections than a held program can be kept waiting for go to the pod") {
  rlimit files{};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &files) == 0);
  files.rlim_cur = files.rlim_max;  // each connection takes two here
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &files) == 0);
  PodNetwork network;
  network.serve(port);
  TestAgent agent(network), other(network);
  TestClient alice(agent, "alice@laptop", collector());  // answers nothing until the peer has ended
  REQUIRE(alice.subscribe(port, IncomingMode::steal));
  network.on_client_thread([&] {
    std::list<Connection> waiting;
    const auto is_full = [&] { return agent.notes().size() == 1; };
    for (int i = 0; i < 1000 && !is_full(); ++i) waiting.emplace_back().send("x");
    CHECK(eventually(seconds(10), is_full));
    CHECK(waiting.size() < 1000);
    CHECK(network.curl("http://{4}:8080/beyond").out == "pod /beyond\n");
    CHECK(network.rules().find("dport 8080") == std::string::npos);
    TestClient bob(other, "bob@desk", collector());  // the port is still alice's
    const auto refused = bob.subscribe(port, IncomingMode::steal);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().text == "port 8080 of this pod is already stolen by alice@laptop");
  });
  CHECK(eventually(seconds(30), [&] { return network.rules().find("dport 8080") != std::string::npos; }));
  CHECK(agent.notes().size() == 2);
}

TEST_CASE("steal: the connections of a client that is likely gone are reset, or the pod's; the port stays") {
  PodNetwork network;
  network.serve(port);
  TestAgent agent(network);
  TestClient alice(agent, "alice@laptop", collector());
  REQUIRE(alice.subscribe(port, IncomingMode::steal));
  network.on_client_thread([&] {
    Connection given, silent;
    given.send("GET /given HTTP/1.1\r\nHost: x\r\n\r\n");
    CHECK(eventually(seconds(10), [&] { return alice.holds("/given"); }));
    CHECK(eventually(seconds(10), [&] { return alice.count() == 2; }));
    alice.give_up_connections();
    CHECK(given.read_all() == "<" + std::to_string(ECONNRESET) + ">");
    silent.send("GET /silent HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    CHECK(silent.read_all().find("pod /silent") != std::string::npos);
    Connection again;
    CHECK(eventually(seconds(10), [&] { return alice.count() == 3; }));
  });
  alice.wait_for(3);
}

TEST_CASE("steal: what the target's own container opens stays with the pod") {
  PodNetwork network;
  network.serve(port);
  std::atomic<bool> inside{true};
  std::atomic<int> asked{0};
  TestAgent agent(network, [&](protocol::SocketAddress from, protocol::SocketAddress to) {
    return [](bool own, bool right) -> protocol::Task<bool> { co_return own&& right; }(
                                        inside, ++asked > 0 && from.port != 0 && to.port == port);
  });
  TestClient alice(agent, "alice@laptop", http_answer("alice\n"));
  REQUIRE(alice.subscribe(port, IncomingMode::steal));
  CHECK(network.curl_in_pod("http://127.0.0.1:8080/loopback").out == "pod /loopback\n");
  CHECK(network.curl_in_pod("http://10.77.0.2:8080/own").out == "pod /own\n");
  CHECK(network.curl_in_pod("http://[::1]:8080/six").out == "pod /six\n");
  CHECK(asked == 3);
  CHECK(network.curl("http://{4}:8080/").out == "alice\n");  // from outside: nobody is asked
  CHECK(asked == 3);
  inside = false;
  CHECK(network.curl_in_pod("http://127.0.0.1:8080/sidecar").out == "alice\n");
  // Unless it was asked for.
  inside = true;
  alice.drop();
  protocol::Subscribe what;
  what.port = port;
  what.mode = IncomingMode::steal;
  what.filter = protocol::filter_with_own;
  REQUIRE(alice.subscribe(what));
  CHECK(network.curl_in_pod("http://127.0.0.1:8080/asked-for").out == "alice\n");
}

TEST_CASE("steal: of a thousand short connections none is lost") {
  PodNetwork network;
  TestAgent agent(network);
  TestClient alice(agent, "alice@laptop", echo());
  REQUIRE(alice.subscribe(port, IncomingMode::steal));
  std::atomic<int> right{0};
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 20; ++thread)
    threads.emplace_back([&, thread] {
      network.on_client_thread([&] {
        for (int i = 0; i < 50; ++i) {
          const auto text = std::to_string(thread * 1000 + i);
          Connection connection;
          connection.send(text);
          connection.finish();
          right += connection.read_all() == text;
        }
      });
    });
  for (auto& thread : threads) thread.join();
  CHECK(right == 1000);
  CHECK(alice.wait_for(1000).size() == 1000);
}

TEST_CASE("steal: while it begins and ends, every connection is answered by someone") {
  PodNetwork network;
  network.serve(port);
  TestAgent agent(network);
  TestClient alice(agent, "alice@laptop", refuser());
  std::atomic<bool> done{false};
  std::atomic<int> asked{0}, answered{0};
  std::thread traffic([&] {
    network.on_client_thread([&] {
      while (!done) {
        ++asked;
        Connection connection;
        connection.send("GET /x HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        answered += connection.read_all().find("pod /x\n") != std::string::npos;
      }
    });
  });
  const auto next_request = [&] {
    CHECK(eventually(seconds(10), [&, before = asked.load()] { return asked > before; }));
  };
  for (int round = 0; round < 30; ++round) {
    alice.set_away(round % 2 == 0);
    const auto subscription = alice.subscribe(port, IncomingMode::steal);
    CHECK(subscription);
    next_request();
    alice.set_away(true);  // what it was given and has not refused yet would be reset with the subscription
    next_request();
    if (subscription) alice.unsubscribe(*subscription);
  }
  done = true;
  traffic.join();
  CHECK(asked > 10);
  CHECK(answered == asked);
}
