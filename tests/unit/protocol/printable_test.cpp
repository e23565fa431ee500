// What others say, as it is shown.
#include "protocol/printable.hpp"

#include <cstdint>

#include "catch.hpp"
#include "protocol/utf8.hpp"

using inpod::protocol::printable;
using inpod::protocol::shown;
using inpod::protocol::shown_line;

TEST_CASE("Names stay as they are", "[printable]") {
  CHECK(printable("") == "");
  CHECK(printable("alice@laptop-1.example") == "alice@laptop-1.example");
}

TEST_CASE("Line ends, control characters, blanks, quotes and bytes past ASCII become question marks",
          "[printable]") {
  CHECK(printable("alice@laptop\ninpod-agent: forged") == "alice@laptop?inpod-agent:?forged");
  CHECK(printable("\x1b[2J\r\t\"\x7f") == "?[2J????");
  CHECK(printable("\xc3\xbc") == "??");
  CHECK(printable(std::string_view("a\0b", 3)) == "a?b");
}

TEST_CASE("Ordinary text is shown as it is", "[printable]") {
  for (const std::string text :
       {"", "cannot read /etc/app.conf: Permission denied",
        "Grüße, мир, 世界, नमस्ते, 👩‍💻, می‌خواهم",
        "a\tb (c) [d] \\ \"e\"", "what failed\n  the remedy\n    and more of it"}) {
    CHECK(shown(text) == text);
    CHECK(shown_line(shown_line(text)) == shown_line(text));
  }
}

TEST_CASE("What is not seen, or moves what is seen, is shown as an escape", "[printable]") {
  CHECK(shown("\x1b]0;title\x07\x1b[2J\b\r\x7f") == "\\x1b]0;title\\x07\\x1b[2J\\x08\\x0d\\x7f");
  CHECK(shown(std::string_view("a\0b", 3)) == "a\\x00b");
  CHECK(shown("\u009b31m\u0085") == "\\u009b31m\\u0085");  // C1's CSI and NEL
  CHECK(shown("\u202egpj.exe\u2066\u2069\u200e\u061c") == "\\u202egpj.exe\\u2066\\u2069\\u200e\\u061c");
  CHECK(shown("\u2028x\u2029\u200b\ufeff\U000e0041") == "\\u2028x\\u2029\\u200b\\ufeff\\U000e0041");
  CHECK(shown("a\u3164b\uffa0\u115f\u034f\U000e0100") == "a\\u3164b\\uffa0\\u115f\\u034f\\U000e0100");
  CHECK(shown("❤\ufe0f") == "❤\ufe0f");
  CHECK(shown("\xff\xc3(\xed\xa0\x80\xe2\x80") == "\\xff\\xc3(\\xed\\xa0\\x80\\xe2\\x80");
  CHECK(shown("\x9b"
              "31m") == "\\x9b31m");  // C1's CSI for terminals that are not of UTF-8
}

TEST_CASE("No text looks as though it began a message, or a line of a remedy where there is one line",
          "[printable]") {
  CHECK(shown("a\ninpod: forged\n b\n\n  c\r\nd") == "a\n  inpod: forged\n  b\n  \n  c\n  d");
  CHECK(shown_line("a\ninpod: forged\r\nb") == "a\\ninpod: forged\\nb");
  CHECK(shown("ends\n") == "ends\n");
}

TEST_CASE("No editor makes a link of a text", "[printable]") {
  CHECK(shown("[Fix](command:x) [y]((z)") == "[Fix] (command:x) [y] ((z)");
}

TEST_CASE("What is shown is bounded, and the same when it is shown again", "[printable]") {
  const std::string escapes(10000, '\x1b');
  CHECK(shown(escapes).size() <= inpod::protocol::longest_shown);
  CHECK(shown("123456789", 9) == "123456789");
  CHECK(shown("1234567890", 9) == "123456…");
  CHECK(shown("12345üüü", 9) == "12345…");
  std::uint32_t random = 1;
  for (int round = 0; round < 300; ++round) {
    std::string text;
    for (int i = 0; i < 200; ++i)
      text += "\n \r](\x1b\xe2\x80\xae\xc3\xbcx\t"[((random = random * 1103515245 + 12345) >> 16) % 13];
    const auto once = shown(text, 150);
    CHECK(once.size() <= 150);
    CHECK(shown(once, 150) == once);
    CHECK(inpod::is_utf8(once));
    for (std::size_t at = once.find('\n'); at != std::string::npos && at + 1 < once.size();
         at = once.find('\n', at + 1))
      CHECK(once.substr(at + 1, 1) == " ");
  }
}
