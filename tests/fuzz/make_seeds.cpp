// Writes the seeds of the protocol's fuzz targets: fuzz_seeds DIRECTORY makes DIRECTORY/<target>/<number>.
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

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

Bytes payload_of(const Bytes& frame) { return Bytes(frame.begin() + frame_header_size, frame.end()); }

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
  for (std::size_t i = 0; i < std::variant_size_v<Handshake>; ++i) seeds.add("handshake", *encode(random.handshake(i)));
  for (const Bytes& frame : {make_end_frame(3, {EndKind::reset, 104}), make_credit_frame(3, 9), make_close_frame(1, "bye")}) {
    frames.insert(frames.end(), frame.begin(), frame.end());
  }
  append_number_frame(frames, FrameType::ping, 7);
  seeds.add("frame", frames);
  for (int i = 0; i < 8; ++i) seeds.add("link_session", agent_script(random));
  seeds.add("link_session", client_script());
  return 0;
}
