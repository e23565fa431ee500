// The binary form: its numbers, its bytes, its round trip, and what it makes of damaged input.
#include "protocol/codec.hpp"

#include "catch.hpp"
#include "protocol/json.hpp"
#include "random_message.hpp"

using namespace inpod;
using namespace inpod::protocol;

namespace {

constexpr auto message_count = std::variant_size_v<Message>;

bool is_protocol_error(const auto& result) {
  return !result && result.error().code == EPROTO;
}

}  // namespace

TEST_CASE("the numbers of messages never change") {
  const char* names[] = {
      "Failure",          "Done",          "Text",         "OpenFile",     "OpenedFile", "ReadFile",
      "FileData",         "StreamFile",    "FileStream",   "WriteFile",    "Written",    "TruncateFile",
      "CloseFile",        "StatFile",      "FileStat",     "AccessFile",   "ReadLink",   "RealPath",
      "ReadDirectory",    "Directory",     "ChangePath",   "GetPod",       "Pod",        "Resolve",
      "Resolved",         "ResolveBack",   "ResolvedName", "Connect",      "Connected",  "Subscribe",
      "Subscribed",       "Unsubscribe",   "Incoming",     "Bye",          "Note",       "Leaving",
      "ChangeAttributes", "ControlFile",   "Controlled",   "GetListeners", "Listeners",  "PeerClosed",
      "OpenDatagrams",    "GetInterfaces", "Interfaces"};
  RandomMessages random(1);
  REQUIRE(message_count >= std::size(names));
  for (std::size_t i = 0; i < std::size(names); ++i) {
    Message message = random.message(i);
    CHECK(type_name(message) == names[i]);
    auto bytes = encode(message);
    REQUIRE(bytes);
    CHECK((*bytes)[0] == i);
    CHECK((*bytes)[1] == 0);
  }
  CHECK(encode(Handshake(Hello{}))->front() == 0);
  CHECK(encode(Handshake(Welcome{}))->front() == 1);
  CHECK(encode(Handshake(Rejected{}))->front() == 2);
  CHECK(encode(Handshake(Greeting{}))->front() == 3);
}

TEST_CASE("the bytes of a message") {
  OpenFile open{"/etc", 0x01020304, 7, 1ULL << 40, 9};
  Bytes expected = {3, 0,                            // number
                    4, 0, 0, 0, '/', 'e', 't', 'c',  // path
                    4, 3, 2, 1, 7,   0,   0,   0,    // flags, mode
                    0, 0, 0, 0, 0,   1,   0,   0,    // prefetch_limit
                    9, 0, 0, 0};                     // inline_limit
  REQUIRE(*encode(Message(open)) == expected);

  Resolved resolved{-2, 0, "", {}, {"a", "bc"}};
  expected = {24, 0, 0xfe, 0xff, 0xff, 0xff, 0, 0, 0, 0,   0, 0, 0, 0, 0,   0,  0,
              0,  2, 0,    0,    0,    1,    0, 0, 0, 'a', 2, 0, 0, 0, 'b', 'c'};
  REQUIRE(*encode(Message(resolved)) == expected);
}

TEST_CASE("every message survives the round trip") {
  RandomMessages random(2);
  for (std::size_t i = 0; i < message_count; ++i) {
    bool good = true;
    for (int round = 0; round < 50; ++round) {
      auto bytes = encode(random.message(i));
      auto back = decode_message(*bytes);
      good = good && back && back->index() == i && *encode(*back) == *bytes;
    }
    INFO(type_name(random.message(i)));
    REQUIRE(good);
  }
  for (std::size_t i = 0; i < std::variant_size_v<Handshake>; ++i) {
    auto bytes = encode(random.handshake(i));
    REQUIRE((*encode(*decode_handshake(*bytes)) == *bytes));
  }
  Message message = Connect{Transport::datagram, {AddressFamily::ipv4, {10, 0, 0, 1}, 53, 0, ""}, {}, 1500};
  auto back = std::get<Connect>(*decode_message(*encode(message)));
  CHECK(back.transport == Transport::datagram);
  CHECK(back.remote == std::get<Connect>(message).remote);
  CHECK(back.timeout_ms == 1500);
}

TEST_CASE("a message cut short, or followed by more, is refused") {
  RandomMessages random(3);
  for (std::size_t i = 0; i < message_count; ++i) {
    Bytes bytes = *encode(random.message(i));
    bool refused = true;
    for (std::size_t size = 0; size < bytes.size(); ++size) {
      refused = refused && is_protocol_error(decode_message(std::span(bytes).first(size)));
    }
    REQUIRE(refused);
    bytes.push_back(0);
    REQUIRE(is_protocol_error(decode_message(bytes)));
  }
}

TEST_CASE("damaged messages are refused, or are other messages in their one form") {
  RandomMessages random(4);
  std::size_t accepted = 0, refused = 0;
  for (int round = 0; round < 5000; ++round) {
    Bytes bytes = *encode(random.message());
    for (std::size_t changes = 1 + random.below(3); changes > 0; --changes) {
      bytes[random.below(bytes.size())] = static_cast<std::uint8_t>(random.below(256));
    }
    auto message = decode_message(bytes);
    if (message) {
      accepted += *encode(*message) == bytes;
    } else {
      refused += message.error().code == EPROTO;
    }
  }
  CHECK(accepted + refused == 5000);
  CHECK(accepted > 100);
  CHECK(refused > 100);
}

TEST_CASE("values that have no meaning are refused") {
  CHECK(is_protocol_error(decode_message(Bytes{static_cast<std::uint8_t>(message_count), 0})));
  CHECK(is_protocol_error(decode_message(Bytes{1, 1})));
  Bytes note = *encode(Message(Note{Severity::error, ""}));
  note[2] = 3;
  CHECK(is_protocol_error(decode_message(note)));
  Bytes stat = *encode(Message(StatFile{"/", 0, true}));
  stat.back() = 2;
  CHECK(is_protocol_error(decode_message(stat)));
}

TEST_CASE("a short message can't claim much memory") {
  // A directory of 2^32 − 1 entries in 200 bytes: refused by arithmetic, before anything is allocated.
  Bytes directory = *encode(Message(Directory{}));
  for (std::size_t i = directory.size() - 4; i < directory.size(); ++i) directory[i] = 0xff;
  directory.resize(200);
  CHECK(is_protocol_error(decode_message(directory)));
}

TEST_CASE("a message of more than 1 MiB can't be made") {
  FileData data;
  data.data.resize(max_message_size - 200);
  CHECK(encode(Message(data)));
  data.data.resize(max_message_size);
  auto result = encode(Message(data));
  REQUIRE(!result);
  CHECK(result.error().code == EMSGSIZE);
}
