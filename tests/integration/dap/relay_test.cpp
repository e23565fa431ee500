// The relay itself, against an adapter that keeps every byte: without a session only sequence numbers change,
// whatever the messages hold.
#include <filesystem>
#include <fstream>
#include <random>

#include "bench.hpp"
#include "catch.hpp"

using namespace inpod::test;
using namespace std::chrono_literals;
namespace fs = std::filesystem;

namespace {

/// JSON text of every spelling that a parser would not keep: number forms, escapes, bad UTF-8, duplicate and
/// odd keys.
class RandomJson {
 public:
  explicit RandomJson(unsigned seed) : random_(seed) {}
  std::string value(int depth) {
    switch (below(depth > 0 ? 9 : 6)) {
      case 0:
        return pick({"1.0", "1e5", "-0", "12345678901234567890123", "0.1000", "1E+2", "-3.5e-7"});
      case 1:
        return pick({"true", "false", "null"});
      case 2:
        return "\"" + text() + "\"";
      case 3:
        return pick({"\"\"", "[]", "{}", "[ ]", "{ }"});
      case 4:
        return "\"seq\"";
      case 5:
        return std::to_string(below(1000));
      case 6:
        return array(depth);
      default:
        return object(depth, {});
    }
  }
  std::string object(int depth, std::vector<std::string> members) {
    for (int i = below(4); i > 0; --i)
      members.push_back("\"" + key() + "\"" + space() + ":" + space() + value(depth - 1));
    std::string out = "{" + space();
    for (std::size_t i = 0; i < members.size(); ++i) out += (i ? "," + space() : "") + members[i];
    return out + space() + "}";
  }
  int below(int limit) { return std::uniform_int_distribution<>(0, limit - 1)(random_); }

 private:
  std::string array(int depth) {
    std::string out = "[" + space();
    for (int i = below(4), n = i; i > 0; --i) out += (i == n ? "" : ",") + space() + value(depth - 1);
    return out + space() + "]";
  }
  std::string pick(std::vector<std::string> from) { return from[below(static_cast<int>(from.size()))]; }
  std::string space() { return pick({"", "", "", " ", "\n\t", "  "}); }
  std::string key() {
    return pick({"x", "seq", "request_seq", "body", "k\\u0065y", "\\\"", "}", "ключ", "command", text()});
  }
  std::string text() {
    return pick({"plain", "\\\"quoted\\\"", "\\u0000", "\xff\xfe bad", "{\\\"seq\\\":1}", "]}", "\\\\", "é"});
  }
  std::mt19937 random_;
};

std::string member(const std::string& name, const std::string& value) {
  return "\"" + name + "\":" + value;
}

void write_bodies(const fs::path& path, const std::vector<std::string>& bodies) {
  std::ofstream out(path, std::ios::binary);
  for (const auto& body : bodies) out << body.size() << "\n" << body;
}

std::vector<std::string> read_bodies(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::vector<std::string> out;
  for (std::string length; std::getline(in, length);) {
    std::string body(std::stoul(length), '\0');
    in.read(body.data(), static_cast<std::streamsize>(body.size()));
    if (in) out.push_back(body);
  }
  return out;
}

struct RelayBench : Bench {
  std::vector<std::string> server(const std::vector<std::string>& answers) const {
    write_bodies(directory + "/answers", answers);
    return server_with({"--", DAP_SCRIPTED_ADAPTER, directory + "/received", directory + "/answers"});
  }
  std::vector<std::string> received(std::size_t count) const {
    const auto until = std::chrono::steady_clock::now() + 10s;
    auto bodies = read_bodies(directory + "/received");
    while (bodies.size() < count && std::chrono::steady_clock::now() < until) {
      usleep(10000);
      bodies = read_bodies(directory + "/received");
    }
    return bodies;
  }
};

std::string initialize_answer(const std::string& seq) {
  return "{" + member("seq", seq) +
         R"(,"type":"response","request_seq":@REQUEST_SEQ@,"success":true,"command":"initialize","body":{}})";
}

}  // namespace

TEST_CASE("without a session only sequence numbers change, in both directions") {
  const unsigned seed = std::random_device()();
  INFO("seed " << seed);
  RandomJson random(seed);
  constexpr int count = 300;
  RelayBench bench;
  std::vector<std::string> sent, arrives, answers{initialize_answer("0")}, comes_back;
  sent.push_back(R"({"seq":1,"type":"request","command":"initialize","arguments":{}})");
  arrives.push_back(sent[0]);
  comes_back.push_back(
      R"({"seq":1,"type":"response","request_seq":1,"success":true,"command":"initialize","body":{}})");
  // Numbers of the sender's own, in spellings of its own; the receiver sees 2, 3, ….
  for (int i = 0; i < count; ++i) {
    const std::string client_seq = std::to_string(1000 + 7 * i),
                      adapter_seq = random.below(2) ? "0" : std::to_string(random.below(100000));
    const std::string command = random.below(2) ? R"("x/custom")" : R"("launch")";
    const auto request = [&](const std::string& seq, RandomJson from) {
      std::vector<std::string> members{member("seq", seq), member("type", "\"request\""),
                                       member("command", command)};
      members.push_back(member("arguments", from.object(4, {})));
      return from.object(0, members).insert(1, " ");
    };
    RandomJson copy = random;
    // A duplicate of a number's key at the top level would leave open which one counts.
    std::string raw = request("@", copy);
    while (raw.find("seq", raw.find("arguments")) != std::string::npos ||
           raw.find("seq") != raw.rfind("seq\":@")) {
      copy = RandomJson(static_cast<unsigned>(random.below(1 << 30)));
      raw = request("@", copy);
    }
    const auto at = raw.find('@');
    sent.push_back(std::string(raw).replace(at, 1, client_seq));
    arrives.push_back(std::string(raw).replace(at, 1, std::to_string(i + 2)));
    const std::string rest = random.object(3, {});
    const auto response = [&](const std::string& seq, const std::string& request_seq) {
      return "{" + member("body", rest) + "," + member("seq", seq) + " ," +
             member("request_seq", request_seq) + "," + member("type", "\"response\"") + "," +
             member("success", "true") + "," + member("command", command) + "}";
    };
    answers.push_back(response(adapter_seq, "@REQUEST_SEQ@"));
    comes_back.push_back(response(std::to_string(i + 2), client_seq));
  }
  DapClient client(bench.server(answers), bench.environment);
  for (const auto& body : sent) client.send_body(body);
  CHECK(bench.received(arrives.size()) == arrives);
  const auto until = std::chrono::steady_clock::now() + 10s;
  while (client.bodies().size() < comes_back.size() && std::chrono::steady_clock::now() < until)
    client.wait_end(50ms);
  CHECK(client.bodies() == comes_back);
}

TEST_CASE("events, reverse requests, cancel and unknown messages are passed on") {
  RelayBench bench;
  const std::vector<std::string> answers{
      initialize_answer("5"),
      R"({"seq":0,"type":"event","event":"x/own","body":{"n":1.50}})",
      R"({"seq":0,"type":"request","command":"x/reverse","arguments":{"a":1}})",
      R"({"not":"a dap message"})",
      R"({"seq":0,"type":"response","request_seq":424242,"success":true,"command":"x"})",
  };
  DapClient client(bench.server(answers), bench.environment);
  client.send_body(R"({"seq":1,"type":"request","command":"initialize"})");
  client.send_body(R"({"seq":11,"type":"request","command":"x/slow"})");
  client.send_body(R"({"type":"request","seq":12.0,"command":"x/two"})");
  client.send_body(R"({"seq":13,"type":"request","command":"cancel","arguments":{ "requestId": 11 }})");
  client.send_body(R"({"seq":14,"type":"request","command":"cancel","arguments":{"requestId":99}})");
  const auto received = bench.received(5);
  REQUIRE(received.size() >= 5);
  CHECK(received[1] == R"({"seq":2,"type":"request","command":"x/slow"})");
  CHECK(received[2] == R"({"type":"request","seq":3,"command":"x/two"})");
  CHECK(std::count(received.begin(), received.end(),
                   R"({"seq":4,"type":"request","command":"cancel","arguments":{ "requestId": 2 }})") == 1);
  client.wait_end(300ms);
  REQUIRE(client.bodies().size() == 5);
  CHECK(client.bodies()[1] == R"({"seq":2,"type":"event","event":"x/own","body":{"n":1.50}})");
  CHECK(client.bodies()[2] == R"({"seq":3,"type":"request","command":"x/reverse","arguments":{"a":1}})");
  CHECK(client.bodies()[3] == answers[3]);
  // The client's answer to the reverse request carries the adapter's own number again.
  const auto all = bench.received(6);
  const bool answered = std::any_of(all.begin(), all.end(), [](const std::string& body) {
    return body.find(R"("request_seq":0,)") != std::string::npos;
  });
  CHECK(answered);
}

TEST_CASE("an adapter that answers on after disconnect is heard on") {
  RelayBench bench;
  const auto answer = [](const std::string& command) {
    return R"({"seq":0,"type":"response","request_seq":@REQUEST_SEQ@,"success":true,"command":")" + command +
           "\"}";
  };
  DapClient client(bench.server({initialize_answer("1"), answer("disconnect"), answer("threads")}),
                   bench.environment);
  client.must("initialize", json::object());
  client.must("disconnect");
  client.must("threads");
  client.close_input();
  CHECK(client.wait_exit() == 0);
}

TEST_CASE("messages may come in any pieces, and several at once") {
  RelayBench bench;
  DapClient client(bench.server({initialize_answer("1")}), bench.environment);
  const std::string body = R"({"seq":1,"type":"request","command":"initialize"})",
                    other = R"({"seq":2,"type":"request","command":"x"})";
  std::string bytes = "content-LENGTH:" + std::to_string(body.size()) + "\r\nContent-Type: a\r\n\r\n" + body;
  for (const char c : bytes) {
    client.send_bytes(std::string(1, c));
    usleep(500);
  }
  const std::string two = "Content-Length: " + std::to_string(other.size()) + "\r\n\r\n" + other;
  client.send_bytes(two + two);
  CHECK(bench.received(3).size() == 3);
}

TEST_CASE("a broken stream from the client is an error, not a hang") {
  const std::string bytes = GENERATE("Content-Length: x\r\n\r\n", "Content-Length: 99999999999\r\n\r\n",
                                     "nonsense\r\n\r\n", "Other: 1\r\n\r\n");
  RelayBench bench;
  DapClient client(bench.server({}), bench.environment);
  client.send_bytes(bytes);
  CHECK(WEXITSTATUS(client.wait_exit(5s)) == 125);
}

TEST_CASE("the client's end in the middle of a message is an error too") {
  const std::string bytes = GENERATE("Content-Length: 10\r\n\r\n{", "Content-Len");
  RelayBench bench;
  DapClient client(bench.server({}), bench.environment);
  client.send_bytes(bytes);
  client.close_input();
  CHECK(WEXITSTATUS(client.wait_exit(5s)) == 125);
}
