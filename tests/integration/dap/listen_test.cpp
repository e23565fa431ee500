// `inpod dap --listen`: clients with the secret are served, all others start nothing: web pages by way of a
// browser, other users, programs that speak something else.
#include <grp.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <filesystem>
#include <fstream>

#include "bench.hpp"
#include "catch.hpp"

using namespace inpod::test;
using namespace std::chrono_literals;
namespace fs = std::filesystem;

namespace {

std::string content(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

/// A server that listens, with what it told on its stderr.
class ListeningServer {
 public:
  explicit ListeningServer(const Bench& bench,
                           std::vector<std::string> arguments = {"--listen", "127.0.0.1:0"},
                           const std::string& program = DAP_FAKE_INPOD)
      : told_(bench.directory + "/told"),
        server_(command(program, std::move(arguments), told_), bench.environment) {
    for (int i = 0; i < 500 && !is_ready(); ++i) usleep(20000);
    REQUIRE(is_ready());
  }

  std::string told() const { return content(told_); }
  /// Whether it tells `text` now or soon.
  bool tells(const std::string& text) const {
    for (int i = 0; i < 500 && told().find(text) == std::string::npos; ++i) usleep(20000);
    return told().find(text) != std::string::npos;
  }
  unsigned short port() const {
    const auto address = behind("listening on ");
    return static_cast<unsigned short>(std::stoi(address.substr(address.rfind(':') + 1)));
  }
  std::string secret() const { return behind("inpod-secret: "); }
  pid_t pid() const { return server_.pid(); }
  /// Ends it, and with it all that it has started. Its exit code.
  int stop() {
    kill(server_.pid(), SIGTERM);
    return WEXITSTATUS(server_.wait_exit(15s));
  }

 private:
  bool is_ready() const {
    const std::string text = told();
    return text.find("listening on ") != std::string::npos && text.ends_with('\n');
  }
  static std::vector<std::string> command(const std::string& program, std::vector<std::string> arguments,
                                          const std::string& told) {
    std::string line = "exec '" + program + "'";
    if (program == DAP_INPOD) line += " dap";
    for (const auto& argument : arguments) line += " '" + argument + "'";
    return {"sh", "-c", line + " 2>'" + told + "'"};
  }
  std::string behind(const std::string& mark) const {
    const std::string text = told();
    const auto at = text.find(mark);
    if (at == std::string::npos) throw DapError("the server did not tell \"" + mark + "\": " + text);
    return text.substr(at + mark.size(), text.find('\n', at) - at - mark.size());
  }

  std::string told_;
  DapClient server_;
};

/// A launch of a "debugger" that makes `marker`: what an attacker would send.
json marking_launch(const std::string& marker) {
  return {{"program", "/bin/true"},
          {"debugger", {{"command", "/bin/sh"}, {"args", {"-c", "exec touch '" + marker + "'"}}}}};
}
std::string framed(const std::string& command, const json& arguments) {
  const std::string body =
      json{{"seq", 1}, {"type", "request"}, {"command", command}, {"arguments", arguments}}.dump();
  return "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

/// All that the server sends until it closes the connection.
std::string answer_to(unsigned short port, const std::string& bytes) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  REQUIRE(connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
  const timeval bound{20, 0};
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &bound, sizeof bound);
  send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
  std::string out;
  char chunk[4096];
  ssize_t count = 0;
  while ((count = recv(fd, chunk, sizeof chunk, 0)) > 0) out.append(chunk, static_cast<std::size_t>(count));
  const bool late = count < 0 && errno == EAGAIN;
  close(fd);
  CHECK_FALSE(late);
  return out;
}

int connect_to(const std::string& path) {
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  if (connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0) return fd;
  close(fd);
  return -1;
}

/// Runs `act` as another user in a child; its exit code.
template <class Act>
int as_nobody(Act act) {
  const pid_t child = fork();
  if (child == 0) {
    if (setgroups(0, nullptr) != 0 || setresgid(65534, 65534, 65534) != 0 ||
        setresuid(65534, 65534, 65534) != 0)
      _exit(99);
    _exit(act());
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WEXITSTATUS(status);
}

/// An initialize, and whether anything comes back. For a child: no exception, no assertion.
int is_answered(int fd) {
  const timeval bound{20, 0};
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &bound, sizeof bound);
  const std::string bytes = framed("initialize", {{"adapterID", "x"}});
  send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
  char byte = 0;
  const ssize_t got = recv(fd, &byte, 1, 0);
  if (got < 0 && errno == EAGAIN) return 2;
  return got > 0 ? 1 : 0;
}

/// What the scripted adapter answers.
void script_answers(const std::string& file) {
  std::ofstream out(file);
  for (const std::string command : {"initialize", "launch", "restart", "disconnect"}) {
    const std::string body =
        R"({"seq":0,"type":"response","request_seq":@REQUEST_SEQ@,"success":true,"command":")" + command +
        R"(","body":{"supportsTerminateRequest":true}})";
    out << body.size() << "\n" << body;
  }
}

}  // namespace

TEST_CASE("a web page starts nothing, whatever it makes a browser send") {
  Bench bench;
  const std::string marker = bench.directory + "/marker";
  // The real program, as it is installed.
  ListeningServer server(bench, {"--listen", "127.0.0.1:0"}, DAP_INPOD);
  const std::string launch = framed("launch", marking_launch(marker));
  const std::string both = framed("initialize", {{"adapterID", "x"}}) + launch;
  const std::string host = "Host: 127.0.0.1:" + std::to_string(server.port()) + "\r\n";
  const auto post = [&](const std::string& head, const std::string& body) {
    return "POST " + head + " HTTP/1.1\r\n" + host + "Content-Type: text/plain\r\n" +
           "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
  };
  const std::string body = launch.substr(launch.find('{'));
  for (const std::string& attack : {
           post("/x:y", body),    // fetch(url, {mode: "no-cors", method: "POST", body})
           post("/", body),       // the same without a colon in the path
           post("/x:y", launch),  // a whole message as the body
           post("/x:y", both),    // a whole conversation
           "GET /x:y HTTP/1.1\r\n" + host +
               "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
               "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n" +
               both,                      // new WebSocket(url)
           "\x16\x03\x01\x02:\n" + both,  // TLS, with text in a session ticket
           std::string("\x00\x54\x00\x03!\x12\xa4\x42:\r\n", 11) + both,  // WebRTC's TURN over TCP
           "USER x:y\r\n" + both,                                         // FTP, SMTP
           "\r\n" + both,
       }) {
    INFO(attack.substr(0, 40));
    CHECK(answer_to(server.port(), attack) == "");
  }
  CHECK(server.stop() == 0);
  CHECK_FALSE(fs::exists(marker));
}

TEST_CASE("without the secret, or with a wrong one, nothing is started") {
  Bench bench;
  const std::string marker = bench.directory + "/marker";
  // Not even the adapter that the user named.
  ListeningServer server(bench, {"--listen", "127.0.0.1:0", "--", "/bin/sh", "-c", "touch '" + marker + "'"});
  const std::string initialize = framed("initialize", {{"adapterID", "x"}});
  json launch = marking_launch(marker);
  std::string wrong = server.secret();
  wrong[0] = wrong[0] == '0' ? '1' : '0';

  SECTION("launch at once") {
    CHECK_THAT(answer_to(server.port(), framed("launch", launch)), Catch::Contains("the secret is missing"));
  }
  SECTION("launch after initialize") {
    CHECK_THAT(answer_to(server.port(), initialize + framed("launch", launch)),
               Catch::Contains("the secret is missing"));
  }
  SECTION("attach, restart, a request to the session, a second initialize, no request at all") {
    for (const auto& more : {framed("attach", launch), framed("restart", {{"arguments", launch}}),
                             framed("inpod/readFile", {{"path", "/etc/passwd"}}), initialize})
      CHECK_THAT(answer_to(server.port(), initialize + more), Catch::Contains("the secret is missing"));
    CHECK_THAT(answer_to(server.port(), "Content-Length: 2\r\n\r\n{}"), !Catch::Contains("Content"));
  }
  SECTION("a wrong one, in each way") {
    CHECK_THAT(answer_to(server.port(), "inpod-secret: " + wrong + "\r\n" + initialize),
               Catch::Contains("the secret is wrong"));
    CHECK_THAT(answer_to(server.port(), framed("initialize", {{"inpodSecret", wrong}})),
               Catch::Contains("the secret is wrong"));
    launch["inpodSecret"] = wrong;
    CHECK_THAT(answer_to(server.port(), initialize + framed("launch", launch)),
               Catch::Contains("the secret is wrong"));
    launch["inpodSecret"] = nullptr;
    CHECK_THAT(answer_to(server.port(), initialize + framed("launch", launch)),
               Catch::Contains("the secret is wrong"));
  }
  SECTION("a wrong one ends the conversation, so that no other can be tried in it") {
    launch["inpodSecret"] = server.secret();
    CHECK_THAT(
        answer_to(server.port(), "inpod-secret: " + wrong + "\r\n" + initialize + framed("launch", launch)),
        Catch::Contains("the secret is wrong"));
  }
  SECTION("more than a launch needs") {
    CHECK(answer_to(server.port(), "Content-Length: 1048577\r\n\r\n") == "");
  }
  CHECK(server.stop() == 0);
  CHECK_FALSE(fs::exists(marker));
  CHECK(server.told().find(wrong) == std::string::npos);
}

TEST_CASE("the secret opens the way, wherever it stands, and the adapter does not see it") {
  Bench bench;
  const std::string received = bench.directory + "/received", answers = bench.directory + "/answers";
  script_answers(answers);
  ListeningServer server(bench, {"--listen", "127.0.0.1:0", "--", DAP_SCRIPTED_ADAPTER, received, answers});
  DapClient client(server.port());
  json initialize = initialize_arguments(), launch{{"program", "/bin/true"}};
  const bool later = GENERATE(false, true);
  SECTION("as the first line") {
    client.send_bytes("inpod-secret: " + server.secret() + (later ? "\n" : "\r\n"));
  }
  SECTION("in initialize") {
    initialize["inpodSecret"] = server.secret();
  }
  SECTION("in the launch") {
    launch["inpodSecret"] = server.secret();
  }
  SECTION("in the configuration that the launch holds") {
    launch = {{"configuration", launch}};
    launch["configuration"]["inpodSecret"] = server.secret();
  }
  if (later) {  // also where it is not needed any more
    launch["inpodSecret"] = server.secret();
    launch["configuration"] = {{"program", "/bin/true"}, {"inpodSecret", server.secret()}};
  }
  const json first = client.must("initialize", initialize);
  client.must("launch", launch);
  if (first.contains("supportsTerminateRequest"))
    client.must("restart", {{"arguments", launch}});
  else  // no adapter ran before the launch
    CHECK(client.event("capabilities")["body"]["capabilities"]["supportsTerminateRequest"] == true);
  client.must("disconnect");
  client.close_input();  // the adapter would answer on
  CHECK(client.wait_end(15s));
  CHECK(server.stop() == 0);
  const std::string seen = content(received);
  INFO(seen);
  CHECK(seen.find("/bin/true") != std::string::npos);
  CHECK(seen.find("inpodSecret") == std::string::npos);
  CHECK(seen.find(server.secret()) == std::string::npos);
}

TEST_CASE("several clients over TCP, each with an adapter of its own") {
  Bench bench;
  ListeningServer server(bench);
  const auto greet = [&](DapClient& client) {
    client.send_bytes("inpod-secret: " + server.secret() + "\r\n");
  };
  {
    DapClient one(server.port()), two(server.port());
    greet(one);
    json launch = bench.launch("fake");
    launch["inpodSecret"] = server.secret();
    REQUIRE(start_debugging(one, bench, bench.launch("fake"), "BREAK"));
    REQUIRE(start_debugging(two, bench, launch, "BREAK"));
    const json stopped = one.event("stopped");
    two.event("stopped");
    CHECK(children_of(server.pid()).size() == 2);
    resume(one, stopped);
    one.event("terminated");
    one.must("disconnect");
    CHECK(one.wait_end(5s));
    two.must("threads");
    two.must("inpod/stop");
    two.output("`inpod session stop` ended its session");
    two.event("terminated");
    two.must("disconnect");
    CHECK(two.wait_end(5s));
  }
  DapClient three(server.port());
  greet(three);
  three.must("initialize", initialize_arguments());
  CHECK(server.stop() == 0);
}

TEST_CASE("a client without the secret is not waited for, and many of them keep nobody out") {
  Bench bench;
  SECTION("its time is limited") {
    bench.environment["FAKE_SECRET_TIMEOUT"] = "200";
    ListeningServer server(bench);
    DapClient silent(server.port()), started(server.port());
    started.must("initialize", initialize_arguments());
    CHECK(silent.wait_end(15s));
    CHECK(started.wait_end(15s));
    CHECK(server.tells("did not show the secret in time"));
  }
  SECTION("the oldest gives way") {
    ListeningServer server(bench);
    DapClient oldest(server.port());
    oldest.must("initialize", initialize_arguments());
    std::vector<std::unique_ptr<DapClient>> others;
    for (int i = 0; i < 8; ++i) others.push_back(std::make_unique<DapClient>(server.port()));
    CHECK(oldest.wait_end(15s));
    DapClient client(server.port());
    client.send_bytes("inpod-secret: " + server.secret() + "\r\n");
    REQUIRE(start_debugging(client, bench, bench.launch("fake"), ""));
    for (int i = 0; i < 8; ++i) others.push_back(std::make_unique<DapClient>(server.port()));
    client.event("terminated");  // a client that has the secret stays
  }
}

TEST_CASE("a file keeps the secret for an editor's settings") {
  Bench bench;
  const std::string file = bench.directory + "/secret";
  std::string first;
  for (int start = 0; start < 2; ++start) {
    ListeningServer server(bench, {"--listen", "127.0.0.1:0", "--secret-file", file});
    const std::string secret = content(file).substr(0, 64);
    if (start == 1) CHECK(secret == first);
    first = secret;
    CHECK(server.told().find(secret) == std::string::npos);
    DapClient client(server.port());
    client.must("initialize", {{"adapterID", "x"}, {"inpodSecret", secret}});
    CHECK(server.stop() == 0);
    fs::remove(bench.directory + "/told");
  }
  fs::permissions(file, fs::perms::others_read, fs::perm_options::add);
  DapClient server(bench.server_with({"--listen", "127.0.0.1:0", "--secret-file", file}), bench.environment);
  CHECK(WEXITSTATUS(server.wait_exit(5s)) == 125);
}

TEST_CASE("another user of the machine is refused") {
  if (geteuid() != 0) {
    SUCCEED("needs root, to be another user");
    return;
  }
  Bench bench;
  SECTION("on TCP, before a byte is read") {
    const std::string where = GENERATE("127.0.0.1:0", "[::1]:0");
    ListeningServer server(bench, {"--listen", where});
    const auto port = htons(server.port());
    const std::string greeting = "inpod-secret: " + server.secret() + "\r\n";
    const auto attempt = [&] {
      const int fd = socket(where[0] == '[' ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
      sockaddr_in four{};
      four.sin_family = AF_INET, four.sin_port = port;
      four.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
      sockaddr_in6 six{};
      six.sin6_family = AF_INET6, six.sin6_port = port, six.sin6_addr = in6addr_loopback;
      const int done = where[0] == '[' ? connect(fd, reinterpret_cast<sockaddr*>(&six), sizeof six)
                                       : connect(fd, reinterpret_cast<sockaddr*>(&four), sizeof four);
      if (done != 0) return 3;
      send(fd, greeting.data(), greeting.size(), MSG_NOSIGNAL);
      return is_answered(fd);
    };
    CHECK(attempt() == 1);
    CHECK(as_nobody(attempt) == 0);
    CHECK(server.tells("another user (uid 65534)"));
  }
  SECTION("on a unix socket") {
    const std::string path = bench.directory + "/socket";
    fs::permissions(bench.directory, fs::perms::others_exec | fs::perms::others_read, fs::perm_options::add);
    ListeningServer server(bench, {"--listen", "unix:" + path});
    const auto attempt = [&] {
      const int fd = connect_to(path);
      return fd < 0 ? 3 : is_answered(fd);
    };
    CHECK(as_nobody(attempt) == 3);
    REQUIRE(chmod(path.c_str(), 0666) == 0);
    CHECK(as_nobody(attempt) == 0);
    CHECK(attempt() == 1);
  }
}

TEST_CASE("a unix socket needs no secret: only its user reaches it") {
  Bench bench;
  const std::string path = bench.directory + "/socket";
  {
    ListeningServer server(bench, {"--listen", "unix:" + path});
    struct stat status {};
    REQUIRE(stat(path.c_str(), &status) == 0);
    CHECK((status.st_mode & 0777) == 0600);
    CHECK(server.told().find("secret") == std::string::npos);
    DapClient client(DapClient::Socket{connect_to(path)});
    REQUIRE(start_debugging(client, bench, bench.launch("fake"), ""));
    client.event("terminated");
    client.must("disconnect");
    CHECK(client.wait_end(5s));
    SECTION("its end removes it") {
      CHECK(server.stop() == 0);
      CHECK_FALSE(fs::exists(path));
    }
    SECTION("one that is served is left alone") {
      DapClient second(bench.server_with({"--listen", "unix:" + path}), bench.environment);
      CHECK(WEXITSTATUS(second.wait_exit(5s)) == 125);
      DapClient again(DapClient::Socket{connect_to(path)});
      again.must("initialize", initialize_arguments());
    }
    SECTION("one that a killed server left is replaced") {
      kill(server.pid(), SIGKILL);
      REQUIRE(wait_gone(server.pid(), 5s));
      CHECK(fs::exists(path));
      fs::remove(bench.directory + "/told");
      ListeningServer next(bench, {"--listen", "unix:" + path});
      DapClient again(DapClient::Socket{connect_to(path)});
      again.must("initialize", initialize_arguments());
    }
  }
}

TEST_CASE("an address that others could reach or take is refused") {
  Bench bench;
  const std::string open = bench.directory + "/open";
  fs::create_directory(open);
  REQUIRE(chmod(open.c_str(), 0777) == 0);
  std::ofstream(bench.directory + "/file") << "";
  fs::create_directory(open + "/own");  // anyone may put another directory in its place
  REQUIRE(chmod((open + "/own").c_str(), 0700) == 0);
  for (const std::string& where :
       {std::string("0.0.0.0:0"), std::string("[::]:0"), "unix:" + open + "/socket",
        "unix:" + open + "/own/socket", "unix:" + bench.directory + "/file", "unix:" + bench.directory + "/",
        std::string("unix:"), "unix:" + bench.directory + "/" + std::string(108, 'x'),
        std::string("unix:/tmp/socket")}) {
    INFO(where);
    DapClient server(bench.server_with({"--listen", where}), bench.environment);
    CHECK(WEXITSTATUS(server.wait_exit(5s)) == 125);
  }
  CHECK(fs::exists(bench.directory + "/file"));
}

TEST_CASE("over stdio, too, nothing is done before initialize") {
  Bench bench;
  const std::string marker = bench.directory + "/marker";
  DapClient client(bench.server_with({}), bench.environment);
  for (const std::string command : {"launch", "attach", "restart", "inpod/readFile", "evaluate"}) {
    const json refused = client.request(command, marking_launch(marker));
    CHECK_FALSE(refused.value("success", true));
    CHECK_THAT(refused.dump(), Catch::Contains("send initialize first"));
  }
  client.must("disconnect");
  client.wait_exit();
  CHECK_FALSE(fs::exists(marker));
}
