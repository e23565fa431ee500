// Messages cut out of a byte stream.
#include "dap/framing.hpp"

#include "catch.hpp"

using namespace inpod::dap;

namespace {

std::string error_of(const std::string& bytes) {
  FrameReader reader;
  reader.feed(bytes);
  while (true) {
    const auto body = reader.next();
    if (!body) return body.error().text;
    if (!*body) return "";
  }
}

}  // namespace

TEST_CASE("bodies come out however the bytes came in") {
  const std::string stream = frame("{\"a\":1}") + "CONTENT-length :  2 \nContent-Type: y\r\n\r\n{}" +
                             frame("") + frame(std::string(100000, 'x'));
  const std::size_t step = GENERATE(1, 2, 7, 4096, 1000000);
  FrameReader reader;
  std::vector<std::string> bodies;
  for (std::size_t at = 0; at < stream.size(); at += step) {
    reader.feed(std::string_view(stream).substr(at, step));
    while (true) {
      const auto body = reader.next();
      REQUIRE(body);
      if (!*body) break;
      bodies.push_back(**body);
    }
  }
  REQUIRE(bodies.size() == 4);
  CHECK(bodies[0] == "{\"a\":1}");
  CHECK(bodies[1] == "{}");
  CHECK(bodies[2].empty());
  CHECK(bodies[3].size() == 100000);
  CHECK(reader.at_end());
}

TEST_CASE("bad headers are named") {
  CHECK(error_of("Content-Length: -1\r\n\r\n").find("\"-1\" is not a number") != std::string::npos);
  CHECK(error_of("Content-Length: 1x\r\n\r\n").find("not a number") != std::string::npos);
  CHECK(error_of("Content-Length:\r\n\r\n").find("not a number") != std::string::npos);
  CHECK(error_of("Content-Length: 99999999999999999999\r\n\r\n").find("not a number") != std::string::npos);
  CHECK(error_of("Content-Length: 999999999\r\n\r\n").find("longer than the limit") != std::string::npos);
  CHECK(error_of("\r\n\r\n").find("without Content-Length") != std::string::npos);
  CHECK(error_of("Content-Type: x\r\n\r\n").find("without Content-Length") != std::string::npos);
  CHECK(error_of("Content-Length: 2\nContent-length: 2\n\n{}").find("twice") != std::string::npos);
  CHECK(error_of("Content-Type: a\nContent-Type: b\n").find("twice") != std::string::npos);
  CHECK(error_of("hello\r\n").find("\"hello\" is not a message header") != std::string::npos);
  CHECK(error_of(std::string(5000, 'a')).find("no end of the message header") != std::string::npos);
  CHECK(error_of("\x01\x02\n").find("\"??\"") != std::string::npos);
}

TEST_CASE("a line of another protocol is refused as soon as it is there, and is not shown in full") {
  const std::string line =
      GENERATE("POST /x:y HTTP/1.1", "GET /a:b HTTP/1.1", "X-Other: 1", "Host: 127.0.0.1:4711",
               "\x16\x03\x01\x02:", "220 ftp: ready", "inpod-secret: 0123456789abcdef0123456789abcdef");
  CHECK(error_of(line + "\r\n").find("Debug Adapter Protocol") != std::string::npos);
  CHECK(error_of("Content-Length: 2\r\n" + line + "\r\n").find("Debug Adapter Protocol") !=
        std::string::npos);
  CHECK(error_of(frame("{}") + line + "\r\n").find("Debug Adapter Protocol") != std::string::npos);
  CHECK(error_of(line + "\r\n").find("abcdef") == std::string::npos);
  CHECK(error_of(std::string(64, 'a') + "\n").size() < 64);
}

TEST_CASE("a secret stands in the first header, where one is expected") {
  FrameReader reader;
  reader.expect_secret();
  SECTION("once") {
    reader.feed("Inpod-Secret: abc\nContent-Length: 2\r\n");
    CHECK_FALSE(*reader.next());
    CHECK_FALSE(reader.secret());
    reader.feed("\r\n{}");
    CHECK(**reader.next() == "{}");
    CHECK(reader.secret() == "abc");
  }
  SECTION("not twice") {
    reader.feed("inpod-secret: a\ninpod-secret: b\n");
    CHECK(reader.next().error().text.find("twice") != std::string::npos);
  }
  SECTION("not later") {
    reader.feed(frame("{}") + "inpod-secret: a\n");
    CHECK(**reader.next() == "{}");
    CHECK_FALSE(reader.next());
  }
  SECTION("and until it was right, bodies are short") {
    const std::string large = "Content-Length: 1048577\r\n\r\n";
    const bool trusted = GENERATE(false, true);
    if (trusted) reader.trust();
    reader.feed(large);
    CHECK(reader.next().has_value() == trusted);
  }
}

TEST_CASE("an end in the middle of a message is told from an end between two") {
  FrameReader reader;
  CHECK(reader.at_end());
  reader.feed("Content-Le");
  REQUIRE(reader.next());
  CHECK(reader.at_end().error().text.find("header") != std::string::npos);
  reader.feed("ngth: 5\r\n\r\nab");
  REQUIRE(reader.next());
  CHECK(reader.at_end().error().text.find("2 of 5 bytes") != std::string::npos);
  reader.feed("cde");
  CHECK(**reader.next() == "abcde");
  CHECK(reader.at_end());
}
