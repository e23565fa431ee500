// Writes the seeds of fuzz targets whose inputs are binary: fuzz_seeds DIRECTORY makes
// DIRECTORY/<target>/<number>.
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

#include "core/relay_protocol.hpp"
#include "protocol/codec.hpp"
#include "protocol/json.hpp"
#include "session_script.hpp"
#include "unit/protocol/random_message.hpp"

using namespace inpod;
using namespace inpod::protocol;

namespace {

class Seeds {
 public:
  explicit Seeds(std::filesystem::path directory) : directory_(std::move(directory)) {}
  void add(const std::string& target, std::string_view content) {
    std::filesystem::create_directories(directory_ / target);
    std::ofstream file(directory_ / target / std::to_string(++count_), std::ios::binary);
    file.write(content.data(), static_cast<std::streamsize>(content.size()));
  }
  void add(const std::string& target, const Bytes& content) {
    add(target, std::string_view(reinterpret_cast<const char*>(content.data()), content.size()));
  }

 private:
  std::filesystem::path directory_;
  int count_ = 0;
};

Bytes payload_of(const Bytes& frame) {
  return Bytes(frame.begin() + frame_header_size, frame.end());
}

/// A client that asks for everything, and one connection with data.
Bytes agent_script(RandomMessages& random) {
  Bytes script = {1};
  std::uint8_t id = 0;
  for (int i = 0; i < 10; ++i) append_step(script, 2, ++id, *encode(random.message()));
  append_step(script, 2, ++id, *encode(Message(Connect{})));
  append_step(script, 3, 1, Bytes(100, 'x'));
  append_step(script, 5, 1, payload_of(make_credit_frame(1, 1000)));
  append_step(script, cut_step, 0, {});
  append_step(script, 4, 1, payload_of(make_end_frame(1, {EndKind::fin, 0})));
  return script;
}

/// An agent that answers, sends data, and leaves.
Bytes client_script() {
  Bytes script = {0};
  Connected connected;
  for (std::uint8_t id = 1; id <= 4; ++id) {
    connected.stream = id;
    append_step(script, 2, id, *encode(Message(connected)));
    append_step(script, 3, id, Bytes(200, id));
    EndKind kind = id % 2 ? EndKind::fin : EndKind::reset;
    append_step(script, 4, id, payload_of(make_end_frame(id, {kind, ECONNREFUSED})));
  }
  Incoming incoming;
  incoming.stream = 5;
  append_step(script, 2, 0, *encode(Message(incoming)));
  append_step(script, cut_step, 0, {});
  append_step(script, 7, 0, Bytes(8, 1));
  append_step(script, 9, 0, payload_of(make_close_frame(0, "bye")));
  return script;
}

/// A reply with an alias (names compressed), an address of each kind, and a name.
std::string dns_reply() {
  const auto record = [](const std::string& name, char type, const std::string& data) {
    return name + std::string{0, type, 0, 1, 0, 0, 0, 60, 0, static_cast<char>(data.size())} + data;
  };
  const std::string question("\3web\4test\0", 10), again("\xc0\x0c", 2), other("\1b\xc0\x10", 4);
  return std::string("\x12\x34\x81\x80\0\1\0\4\0\0\0\0", 12) + question + std::string("\0\1\0\1", 4) +
         record(again, 5, other) + record(other, 1, "\x0a\1\1\2") +
         record(other, 28, std::string(16, '\x20')) + record(again, 12, other);
}

/// Each operation with a path, a name or an address, and a descriptor of each kind.
void add_relay_requests(Seeds& seeds) {
  for (std::uint16_t op = 0; op <= static_cast<std::uint16_t>(relay::Op::note); ++op) {
    relay::Request request;
    request.op = static_cast<relay::Op>(op);
    const std::string text = std::string("/etc/hosts") + '\0' + "80", data(16, '\1');
    request.text_length = static_cast<std::uint32_t>(text.size());
    request.data_length = static_cast<std::uint32_t>(data.size());
    request.address.ss_family = 2;  // AF_INET
    request.address_length = 16;
    seeds.add("relay_request", std::string{static_cast<char>(8 + op % 7), static_cast<char>(op)} +
                                   std::string(reinterpret_cast<const char*>(&request), sizeof request) +
                                   text + data);
  }
}

/// A message of a server's: one unmasked binary frame.
std::string websocket_frame(char channel, const std::string& text) {
  return std::string{'\x82', static_cast<char>(text.size() + 1), channel} + text;
}

void add_kube_streams(Seeds& seeds) {
  const std::string close("\x88\2\3\xe8", 4), ping("\x89\0", 2);
  seeds.add("kube_websocket", std::string(1, 0) + websocket_frame(2, "starting\n") + ping +
                                  websocket_frame(1, "inpod-agent ready port=4242 version=1\n") + close);
  seeds.add(
      "kube_websocket",
      std::string(1, 0) + websocket_frame(1, "sh: not found\n") +
          websocket_frame(
              3,
              R"({"status":"Failure","message":"exit","details":{"causes":[{"reason":"ExitCode","message":"3"}]}})") +
          close);
  seeds.add("kube_websocket", std::string(1, 0) + websocket_frame(3, R"({"status":"Success"})") + close);
  const std::string port("\x90\x1f", 2);
  seeds.add("kube_websocket", std::string(1, 1) + websocket_frame(0, port) + websocket_frame(1, port) +
                                  websocket_frame(0, "data") + close);
  seeds.add("kube_websocket", std::string(1, 1) + websocket_frame(0, port + "data") +
                                  websocket_frame(1, port + "no such port"));
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  Seeds seeds(argv[1]);
  RandomMessages random(1);
  Bytes frames = {6};
  for (std::size_t i = 0; i < std::variant_size_v<Message>; ++i) {
    Message message = random.message(i);
    Bytes bytes = *encode(message);
    seeds.add("message", bytes);
    seeds.add("json", to_json(message).dump());
    append_frame(frames, FrameType::message, 1, bytes);
  }
  for (std::size_t i = 0; i < std::variant_size_v<Handshake>; ++i)
    seeds.add("handshake", *encode(random.handshake(i)));
  for (const Bytes& frame :
       {make_end_frame(3, {EndKind::reset, 104}), make_credit_frame(3, 9), make_close_frame(1, "bye")}) {
    frames.insert(frames.end(), frame.begin(), frame.end());
  }
  append_number_frame(frames, FrameType::ping, 7);
  seeds.add("frame", frames);
  for (int i = 0; i < 8; ++i) seeds.add("link_session", agent_script(random));
  seeds.add("link_session", client_script());
  seeds.add("dns_answer", dns_reply());
  seeds.add("rules", std::string("file read /etc/**\nfile absent /x/[a-c]?\nmap /a /b\noutgoing tcp remote "
                                 "10.0.0.0/8:80-90\noutgoing unix local *\n"
                                 "incoming remote 80-90\ndns remote *.svc\nhostname remote\n") +
                         '\0' + "/etc/hosts\n/a/c\nweb.svc\n");
  add_relay_requests(seeds);
  add_kube_streams(seeds);
  return 0;
}
