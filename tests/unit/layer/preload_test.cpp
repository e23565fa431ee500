// The order of LD_PRELOAD.
#include "policy/preload.hpp"

#include <string>

#include "catch.hpp"
#include "policy/elf.hpp"

using namespace inpod::policy;

namespace {

const std::string layer = "/l/libinpod.so";

std::string in_order(const std::string& given, const std::string& sanitizer = "") {
  const Preload preload{layer, sanitizer, given};
  std::string text(room_for(preload), 'x');
  text.resize(write_preload(preload, text.data()));
  CHECK(is_in_order({layer, sanitizer, text}));
  CHECK(is_in_order(preload) == (text == given));
  return text;
}

std::string without(const std::string& given, const std::string& sanitizer) {
  return std::string(without_sanitizer({layer, sanitizer, given}));
}

}  // namespace

TEST_CASE("the layer comes first, and once") {
  CHECK(in_order("") == layer);
  CHECK(in_order(layer) == layer);
  CHECK(in_order("/a.so b.so") == layer + ":/a.so:b.so");
  CHECK(in_order(":/a.so::" + layer + ":") == layer + ":/a.so");
  CHECK(in_order(layer + ".1") == layer + ":" + layer + ".1");
}

TEST_CASE("a sanitizer's runtime comes before the layer: the program's, or the one that the user preloads") {
  CHECK(in_order("", "libasan.so.8") == "libasan.so.8:" + layer);
  CHECK(in_order(layer + ":/a.so", "libtsan.so.2") == "libtsan.so.2:" + layer + ":/a.so");
  CHECK(in_order("/a.so:/x/libasan.so") == "/x/libasan.so:" + layer + ":/a.so");
  CHECK(in_order("libasan.so.8:" + layer) == "libasan.so.8:" + layer);
  CHECK(in_order(layer + ":libasan.so.8", "libasan.so.8") == "libasan.so.8:" + layer);
  CHECK(in_order("/x/libasan.so", "libasan.so.8") == "/x/libasan.so:" + layer);
}

TEST_CASE("what stands before the layer for one program alone is taken away for the next") {
  CHECK(without("libasan.so.8:" + layer, "libasan.so.8") == layer);
  CHECK(without("libasan.so.8:" + layer + ":/a.so", "libasan.so.8") == layer + ":/a.so");
  CHECK(without("/x/libasan.so:" + layer, "libasan.so.8") == "/x/libasan.so:" + layer);
  CHECK(without("libasan.so.8:" + layer, "") == "libasan.so.8:" + layer);
  CHECK(without("libasan.so.8", "libasan.so.8") == "libasan.so.8");
  CHECK(without("", "libasan.so.8") == "");
}

TEST_CASE("runtimes that replace libc's functions are known by name") {
  for (const char* name : {"libasan.so.8", "/usr/lib/gcc/libtsan.so", "liblsan.so.0", "libhwasan.so.0",
                           "libclang_rt.asan-x86_64.so", "/x/libclang_rt.tsan.so"}) {
    INFO(name);
    CHECK(is_sanitizer(name));
  }
  for (const char* name : {"libubsan.so.1", "libc.so.6", "libasana.so", "asan", "/libasan.so/libc.so", ""}) {
    INFO(name);
    CHECK_FALSE(is_sanitizer(name));
  }
}
