// The layer's frames in a stack, found by address.
#include "dap/layer_frames.hpp"

#include <unistd.h>

#include "catch.hpp"

using namespace inpod::dap;
using nlohmann::json;

TEST_CASE("frames in the layer are marked, others stay as they are") {
  const std::vector<AddressRange> layer{{0x1000, 0x2000}, {0x5000, 0x6000}};
  json frames{{{"id", 1}, {"instructionPointerReference", "0x1000"}},
              {{"id", 2}, {"instructionPointerReference", "0x0000000000005FFF"}},
              {{"id", 3}, {"instructionPointerReference", "0x2000"}},
              {{"id", 4}, {"presentationHint", "label"}}};
  const json others{frames[2], frames[3]};
  CHECK(mark_layer_frames(frames, layer));
  CHECK(frames[0]["presentationHint"] == "subtle");
  CHECK(frames[1]["presentationHint"] == "subtle");
  CHECK(json{frames[2], frames[3]} == others);
  json none = others;
  CHECK_FALSE(mark_layer_frames(none, layer));
  CHECK(none == others);
}

TEST_CASE("a library's addresses are those that the kernel tells") {
  const auto ranges = layer_ranges(getpid(), "/libc.so.6");
  REQUIRE_FALSE(ranges.empty());
  char address[32];
  snprintf(address, sizeof address, "%p", reinterpret_cast<void*>(&getpid));
  CHECK(is_layer_frame({{"instructionPointerReference", address}}, layer_ranges(getpid(), "/")));
  CHECK(layer_ranges(getpid(), "/no/libinpod.so").empty());
  CHECK(layer_ranges(0, "/libc.so.6").empty());
}
