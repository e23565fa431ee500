// The JSON form of messages.
#include "protocol/json.hpp"

#include <nlohmann/json.hpp>

#include "catch.hpp"
#include "protocol/codec.hpp"
#include "random_message.hpp"

using namespace inpod;
using namespace inpod::protocol;
using nlohmann::json;

TEST_CASE("what a message looks like as JSON") {
  CHECK(to_json(OpenFile{"/etc/hosts", 0, 0, 8 << 20, 4096}) == json{{"type", "OpenFile"},
                                                                     {"path", "/etc/hosts"},
                                                                     {"flags", 0},
                                                                     {"mode", 0},
                                                                     {"prefetch_limit", 8 << 20},
                                                                     {"inline_limit", 4096}});
  CHECK(to_json(Done{}) == json{{"type", "Done"}});
  CHECK(to_json(Note{Severity::warning, "a gap"})["severity"] == "warning");
  CHECK(to_json(FileData{{'h', 'e', 'l', 'l', 'o'}, {}})["data"] == "aGVsbG8=");
  CHECK(to_json(ReadLink{"/\xff"})["path"] == json{{"base64", "L/8="}});
  CHECK(to_json(ReadLink{"/größe/\U0001F600"})["path"] == "/größe/\U0001F600");
}

TEST_CASE("every message survives the round trip through JSON text") {
  RandomMessages random(5);
  for (std::size_t i = 0; i < std::variant_size_v<Message>; ++i) {
    bool good = true;
    for (int round = 0; round < 20; ++round) {
      Message message = random.message(i);
      auto parsed = from_json(json::parse(to_json(message).dump()));
      auto direct = from_json(to_json(message));
      good = good && parsed && direct && *encode(*parsed) == *encode(message) &&
             *encode(*direct) == *encode(message);
    }
    INFO(type_name(random.message(i)));
    REQUIRE(good);
  }
}

TEST_CASE("JSON that is no message is refused, with the key's name") {
  auto refusal = [](const char* text) {
    auto message = from_json(json::parse(text));
    REQUIRE(!message);
    CHECK(message.error().code == EINVAL);
    return message.error().text;
  };
  CHECK(refusal("[]") == "a message is an object");
  CHECK(refusal("{}") == "type is missing");
  CHECK(refusal(R"({"type": "Nonsense"})") == "type \"Nonsense\" is unknown");
  CHECK(refusal(R"({"type": "ReadLink"})") == "ReadLink: path is missing");
  CHECK(refusal(R"({"type": "Done", "x": 1})") == "Done: has unknown keys");
  CHECK(refusal(R"({"type": "ReadLink", "path": 7})") ==
        "ReadLink: path is neither text nor {\"base64\": \"…\"}");
  CHECK(refusal(R"({"type": "CloseFile", "handle": -1})") == "CloseFile: handle is out of range");
  CHECK(refusal(R"({"type": "CloseFile", "handle": 1.5})") == "CloseFile: handle is not an integer");
  CHECK(refusal(R"({"type": "Failure", "code": 4294967296, "text": ""})") == "Failure: code is out of range");
  CHECK(refusal(R"({"type": "Note", "severity": "loud", "text": ""})") ==
        "Note: severity is not one of the known names");
  CHECK(
      refusal(
          R"({"type": "ResolveBack", "flags": 0, "address": {"family": "ipv4", "ip": "AA==", "port": 1, "scope_id": 0, "path": ""}})") ==
      "ResolveBack: address.ip is not 16 bytes");
  for (const char* bad : {"A", "AA=", "AAA", "A===", "AB==", "AA=A", "A A=", "????"}) {
    json written = to_json(WriteFile{});
    written["data"] = bad;
    INFO(bad);
    CHECK(!from_json(written));
  }
}
