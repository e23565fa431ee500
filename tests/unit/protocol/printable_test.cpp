// What a peer says of itself, in one line.
#include "protocol/printable.hpp"

#include "catch.hpp"

using inpod::protocol::printable;

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
