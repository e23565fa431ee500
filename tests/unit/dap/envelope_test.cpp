// What is read off a message, and the two-way numbering of requests.
#include "dap/envelope.hpp"

#include "catch.hpp"
#include "dap/launch_request.hpp"
#include "dap/sequence.hpp"

using namespace inpod::dap;
using Kind = Envelope::Kind;

TEST_CASE("the kinds of messages") {
  const Message request(R"({"type":"request","arguments":{"a":1},"command":"next","seq": 12})");
  CHECK(request.envelope.is(Kind::request, "next"));
  CHECK(request.part(request.envelope.seq) == "12");
  CHECK(request.arguments() == nlohmann::json{{"a", 1}});
  const Message response(
      R"({"seq":0,"type":"response","request_seq":7,"success":true,"command":"x","body":{}})");
  CHECK(response.envelope.is(Kind::response, "x"));
  CHECK(response.envelope.success);
  CHECK(response.part(response.envelope.request_seq) == "7");
  const Message event(R"({"seq":1.0,"type":"event","event":"stopped"})");
  CHECK(event.envelope.is(Kind::event, "stopped"));
  CHECK(event.body().is_null());
}

TEST_CASE("what is no DAP message is unknown, and is passed on") {
  const std::string text =
      GENERATE("", "[]", "{}", "nonsense", R"({"type":"request","command":"x"})",
               R"({"seq":"1","type":"request"})", R"({"seq":1,"type":"other"})",
               R"({"seq":1,"type":"response"})", R"({"seq":{},"type":"event","event":"x"})");
  INFO(text);
  CHECK(Message(text).envelope.kind == Kind::unknown);
}

TEST_CASE("numbers are given in order and given back as they were spelled") {
  Sequence sequence;
  CHECK(sequence.next() == 1);
  CHECK(sequence.open({"0017", "a", {}}) == 2);
  CHECK(sequence.open({"", "ours", {}}) == 3);
  CHECK(sequence.find("0017") == 2);
  CHECK_FALSE(sequence.find(""));
  CHECK_FALSE(sequence.close("x"));
  CHECK_FALSE(sequence.close("2.0"));
  CHECK_FALSE(sequence.close("99"));
  CHECK(sequence.close("2")->origin == "0017");
  CHECK_FALSE(sequence.close("2"));
  CHECK(sequence.close_all().size() == 1);
}

TEST_CASE("requests that are never answered take bounded memory") {
  Sequence sequence;
  for (std::size_t i = 0; i < Sequence::max_open + 10; ++i) sequence.open({std::to_string(i), "x", {}});
  CHECK_FALSE(sequence.find("3"));
  CHECK(sequence.close_all().size() == Sequence::max_open);
}

TEST_CASE("launch requests: flat, nested, switched off") {
  const auto flat =
      LaunchRequest::read(R"({"program":"p","n":1.0,"cluster":{"target":"t"},"debugger":"gdb"})");
  REQUIRE(flat);
  CHECK(flat->concerns_us());
  CHECK((*flat->cluster)["target"] == "t");
  CHECK(flat->debugger == "gdb");
  CHECK(flat->arguments.text() == R"({"program":"p","n":1.0})");
  const auto nested = LaunchRequest::read(
      R"({"cluster":{},"configuration":{"type":"lldb-dap","program":"p","cluster":{"target":"inner"}}})");
  CHECK(nested->nested);
  CHECK(nested->cluster->empty());
  CHECK(nested->arguments.text() == R"({"type":"lldb-dap","program":"p"})");
  const auto inner = LaunchRequest::read(R"({"configuration":{"cluster":{"target":"inner"}}})");
  CHECK((*inner->cluster)["target"] == "inner");
  for (const char* as_configured : {R"({"cluster":true})", R"({"cluster":[]})", R"({"cluster":{}})"}) {
    INFO(as_configured);
    const auto request = LaunchRequest::read(as_configured);
    CHECK(request->cluster == nlohmann::json::object());
    CHECK(request->concerns_us());
  }
  CHECK(LaunchRequest::read(R"({"cluster":["a"]})")->cluster->is_array());  // an error of the configuration
  for (const char* off : {R"({"cluster":null})", R"({"cluster":false})", R"({"configuration":1})", "{}"}) {
    INFO(off);
    CHECK_FALSE(LaunchRequest::read(off)->cluster);
    CHECK_FALSE(LaunchRequest::read(off)->concerns_us());
  }
  CHECK_FALSE(LaunchRequest::read("[]"));
}
