// The agent's life: who may come in, resuming, leases, and every way to end.
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>

#include "agent_client.hpp"
#include "catch.hpp"
#include "pod.hpp"

using namespace inpod;
using namespace inpod::test;

namespace {

UniqueFd connect_to(const AgentProcess& agent) {
  UniqueFd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(agent.port());
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  REQUIRE(::connect(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
  return socket;
}

}  // namespace

TEST_CASE("A wrong token reveals nothing", "[server]") {
  TestPod pod;
  AgentProcess agent(pod.pid());
  AgentClient good(agent);
  AgentClient bad(agent);
  auto token = agent.token();
  token[31] ^= 1;
  auto refused = bad.connect(token);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == EACCES);
  CHECK(perform(good, "readlink\t/bin/nothing") == "errno 2");
  CHECK(agent.process().err().find("refused: wrong token") != std::string::npos);
}

TEST_CASE("What the pod is", "[server]") {
  TestPod pod({"--user", "1000:1000", "--env", "ODD=a b\tc", "--env", "EMPTY="});
  AgentProcess agent(pod.pid());
  AgentClient client(agent);
  auto answer = client.ask<protocol::Pod>(protocol::GetPod{});
  REQUIRE(answer);
  CHECK(answer->hostname == "web-5d8f");
  CHECK(answer->pid == static_cast<std::uint32_t>(pod.pid()));
  CHECK(answer->uid == 1000);
  CHECK(answer->gid == 1000);
  CHECK(answer->working_directory == "/");
  std::string environment;
  for (const auto& variable : answer->environment) environment += variable + '\0';
  CHECK(environment == read_file("/proc/" + std::to_string(pod.pid()) + "/environ"));
  CHECK(environment.find("ODD=a b\tc") != std::string::npos);
  std::vector<std::string> addresses;
  for (const auto& address : answer->addresses) {
    if (address.family == protocol::AddressFamily::ipv4)
      addresses.push_back(std::to_string(address.ip[0]) + "." + std::to_string(address.ip[3]));
  }
  CHECK(addresses == std::vector<std::string>{"127.1", "10.2"});
}

TEST_CASE("A lost transport is resumed, with its open files and connections", "[server]") {
  TestPod pod;
  pod.shell("echo hello >/data/small");
  Process echo(pod.in_world({"python3", "-u", "-c", R"(
import socket
s = socket.socket(); s.bind(('10.77.0.1', 8080)); s.listen(8); print('up'); c, a = s.accept()
while True:
    d = c.recv(65536)
    if not d: break
    c.sendall(d)
)"}));
  REQUIRE(echo.wait_for_output("up", seconds(20)));
  AgentProcess agent(pod.pid());
  AgentClient client(agent);
  protocol::OpenFile open;
  open.path = "/data/small";
  auto opened = client.ask<protocol::OpenedFile>(open);
  REQUIRE(opened);
  protocol::Connect connect;
  connect.remote.family = protocol::AddressFamily::ipv4;
  connect.remote.ip = {10, 77, 0, 1};
  connect.remote.port = 8080;
  auto connected = client.ask<protocol::Connected>(connect);
  REQUIRE(connected);
  auto stream = client.take(connected->stream);
  for (int round = 0; round < 5; ++round) {
    const auto before = agent.fds();
    client.cut();
    CHECK(eventually(seconds(5), [&] { return agent.fds() < before; }));  // it has noticed
    protocol::ReadFile read;
    read.handle = opened->handle, read.length = 10;
    auto waiting = client.start(read);
    auto welcome = client.connect(agent.token());
    REQUIRE(welcome);
    CHECK(welcome->resumed);
    REQUIRE(waiting.wait_for(seconds(10)) == std::future_status::ready);
    auto data = waiting.get();
    REQUIRE(data);
    CHECK(std::get<protocol::FileData>(*data).data.size() == 6);
    REQUIRE(client.write(stream, "round " + std::to_string(round)));
    auto answer = client.read(stream);
    REQUIRE(answer);
    CHECK(*answer == "round " + std::to_string(round));
  }
}

TEST_CASE("Past the resume window a client's things are freed", "[server]") {
  TestPod pod;
  pod.shell("mkfifo /data/fifo; exec 3<>/data/fifo; echo x >/data/file");
  auto record = record_for(pod.pid());
  record.resume_seconds = 1;
  AgentProcess agent(record);
  AgentClient other(agent);
  CHECK(perform(other, "realpath\t/data") == "/data");
  auto before = agent.fds();
  AgentClient client(agent);
  protocol::OpenFile open;
  open.path = "/data/file";
  for (int i = 0; i < 50; ++i) REQUIRE(client.ask<protocol::OpenedFile>(open));
  CHECK(agent.fds() >= before + 50);
  client.cut();
  CHECK(eventually(seconds(10), [&] { return agent.fds() <= before; }));
  auto late = client.connect(agent.token());
  REQUIRE_FALSE(late);
  CHECK(late.error().code == ESTALE);
}

TEST_CASE("Bye frees a client's things at once and ends the link", "[server]") {
  TestPod pod;
  pod.shell("echo x >/data/file; mkfifo /data/fifo");
  AgentProcess agent(pod.pid());
  AgentClient other(agent);
  CHECK(perform(other, "realpath\t/data") == "/data");
  auto before = agent.fds();
  AgentClient client(agent);
  protocol::OpenFile open;
  open.path = "/data/file";
  REQUIRE(client.ask<protocol::OpenedFile>(open));
  open.path = "/data/fifo";
  auto hanging = client.start(open);
  CHECK(client.ask<protocol::Done>(protocol::Bye{}));
  CHECK(eventually(seconds(5), [&] { return client.closed(); }));
  CHECK(eventually(seconds(5), [&] { return agent.fds() <= before; }));
  CHECK(perform(other, "realpath\t/data") == "/data");
}

TEST_CASE("It leaves when its time without clients is over", "[server]") {
  TestPod pod;
  SECTION("nobody ever came") {
    auto record = record_for(pod.pid());
    record.first_client_seconds = 1;
    AgentProcess agent(record);
    auto end = agent.process().wait(seconds(10));
    CHECK(end.status == 0);
    CHECK(end.err.find("no client came") != std::string::npos);
  }
  SECTION("the last one left") {
    auto record = record_for(pod.pid());
    record.first_client_seconds = 1;
    record.lease_seconds = 2;
    AgentProcess agent(record);
    {
      AgentClient client(agent);
      std::this_thread::sleep_for(milliseconds(2500));  // past both times: a client keeps it
      CHECK(perform(client, "realpath\t/data") == "/data");
    }
    std::this_thread::sleep_for(milliseconds(800));
    CHECK(agent.process().running());
    { AgentClient again(agent); }
    auto end = agent.process().wait(seconds(10));
    CHECK(end.status == 0);
    CHECK(end.err.find("its lease is over") != std::string::npos);
  }
}

TEST_CASE("It leaves with its target, and says so", "[server]") {
  auto pod = std::make_unique<TestPod>();
  AgentProcess agent(pod->pid());
  AgentClient client(agent);
  pod.reset();
  auto end = agent.process().wait(seconds(10));
  CHECK(end.status == 0);
  CHECK(eventually(seconds(5), [&] { return client.closed(); }));
  auto events = client.events();
  REQUIRE(events.size() == 1);
  CHECK(std::get<protocol::Leaving>(events[0]).reason == "the target's process has ended");
}

TEST_CASE("It leaves when told to, even while the pod's files hang", "[server]") {
  TestPod pod;
  pod.shell("mkfifo /data/fifo");
  AgentProcess agent(pod.pid());
  AgentClient client(agent);
  protocol::OpenFile open;
  open.path = "/data/fifo";
  auto hanging = client.start(open);
  CHECK(perform(client, "realpath\t/data") == "/data");
  agent.process().signal(SIGTERM);
  auto end = agent.process().wait(seconds(10));
  CHECK(end.status == 0);
  CHECK(hanging.wait_for(seconds(5)) == std::future_status::ready);
}

TEST_CASE("A local agent ends with who started it", "[server]") {
  TestPod pod;
  AgentProcess local(record_for(pod.pid()), {"--local"});
  local.process().close_stdin();
  CHECK(local.process().wait(seconds(10)).status == 0);
  AgentProcess remote(pod.pid());
  remote.process().close_stdin();
  AgentClient client(remote);  // it serves on
  CHECK(perform(client, "realpath\t/data") == "/data");
  CHECK(remote.process().running());
}

TEST_CASE("An inherited socket serves instead of a port", "[server]") {
  TestPod pod;
  auto record = record_for(pod.pid());
  UniqueFd listener(::socket(AF_INET, SOCK_STREAM, 0));  // inherited: no O_CLOEXEC
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  REQUIRE(::bind(listener.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
  REQUIRE(::listen(listener.get(), 4) == 0);
  record.socket = listener.get();
  AgentProcess agent(record);
  CHECK(agent.port() == 0);
  CHECK(agent.process().running());
}

TEST_CASE("Without a target it acts in its own namespaces", "[server]") {
  TemporaryDirectory directory;
  auto path = directory.write("file", "hello");
  AgentProcess agent(record_for(0));
  AgentClient client(agent);
  CHECK(perform(client, "realpath\t" + path) == path);
  auto pod = client.ask<protocol::Pod>(protocol::GetPod{});
  REQUIRE(pod);
  CHECK(pod->pid == 0);
}

TEST_CASE("What can't start says why in one line", "[server]") {
  auto outcome_of = [](agent::StartRecord record) {
    AgentProcess agent(std::move(record), {}, false);
    return agent.process().wait(seconds(20));
  };
  auto record = record_for(0);
  record.container_id = std::string(64, 'd');
  auto missing = outcome_of(record);
  CHECK(missing.status == 1);
  CHECK(missing.out.rfind("inpod-agent failed: no process of container dddd", 0) == 0);
  CHECK(missing.out.find('\n') == missing.out.size() - 1);
  auto gone = outcome_of(record_for(0x3ffffff));
  CHECK(gone.status == 1);
  CHECK(gone.out.rfind("inpod-agent failed: ", 0) == 0);
  auto outcome = run({INPOD_AGENT});
  CHECK(outcome.status == 1);
  CHECK(outcome.out.rfind("inpod-agent failed: the start record on stdin is cut short", 0) == 0);
  CHECK(run({INPOD_AGENT, "--nonsense"}).status == 2);
  CHECK(run({INPOD_AGENT, "--version"}).out.rfind("inpod-agent 0.1.0, protocol 2", 0) == 0);
  CHECK(run({INPOD_AGENT, "--help"}).out.rfind("usage:", 0) == 0);
}

TEST_CASE("Several clients at once are apart", "[server]") {
  TestPod pod;
  pod.shell("echo x >/data/file");
  AgentProcess agent(pod.pid());
  AgentClient one(agent), two(agent), three(agent);
  protocol::OpenFile open;
  open.path = "/data/file";
  auto opened = one.ask<protocol::OpenedFile>(open);
  REQUIRE(opened);
  protocol::ReadFile read;
  read.handle = opened->handle, read.length = 1;
  CHECK(two.ask<protocol::FileData>(read).error().code == EBADF);
  CHECK(one.ask<protocol::FileData>(read));
  for (auto* client : {&one, &two, &three}) CHECK(perform(*client, "realpath\t/data") == "/data");
}

TEST_CASE("Hundreds of requests at once are all answered", "[server]") {
  TestPod pod;
  AgentProcess agent(pod.pid());
  AgentClient client(agent);
  std::vector<std::future<Result<Message>>> answers;
  for (int i = 0; i < 600; ++i) {
    protocol::StatFile stat;
    stat.path = i % 2 ? "/etc/hosts" : "/nowhere";
    answers.push_back(client.start(stat));
  }
  int good = 0, bad = 0;
  for (auto& answer : answers) {
    REQUIRE(answer.wait_for(seconds(20)) == std::future_status::ready);
    answer.get() ? ++good : ++bad;
  }
  CHECK(good == 300);
  CHECK(bad == 300);
}

TEST_CASE("Connections that say nothing keep no client out", "[server]") {
  TestPod pod;
  AgentProcess agent(pod.pid());
  std::vector<UniqueFd> idle;
  for (int i = 0; i < 300; ++i) idle.push_back(connect_to(agent));
  AgentClient client(agent);  // REQUIREs that it comes in
  CHECK(perform(client, "realpath\t/data") == "/data");
  for (int i = 0; i < 1000; ++i) connect_to(agent);
  AgentClient another(agent);
  CHECK(perform(another, "realpath\t/data") == "/data");
  // A session that stands is not among those that are dropped.
  for (int i = 0; i < 200; ++i) idle.push_back(connect_to(agent));
  CHECK(perform(client, "realpath\t/data") == "/data");
  CHECK_FALSE(client.closed());
  idle.clear();
  CHECK(eventually(seconds(20), [&] { return agent.fds() < 60; }));
}
