// LD_PRELOAD (ld.so(8)) with the layer in it. Pure; nothing allocates; any thread and signal handler.
#pragma once

#include <cstddef>
#include <string_view>

namespace inpod::policy {

struct Preload {
  std::string_view layer;
  /// The runtime that the program is linked with and that has to come first (ElfFacts); empty: none.
  std::string_view sanitizer;
  /// What LD_PRELOAD holds, with or without the layer.
  std::string_view given;
};

/// Bytes that `write_preload` needs, the zero byte included.
std::size_t room_for(const Preload& preload);
/// Writes, with a zero byte, "[SANITIZER:]LAYER[:OTHERS…]"; gives the length. A sanitizer's runtime that the
/// user preloads goes to the front, too, in place of the program's.
std::size_t write_preload(const Preload& preload, char* into);
/// Whether `given` is that already.
bool is_in_order(const Preload& preload);
/// `given` less the program's runtime that stands before the layer for this program alone.
std::string_view without_sanitizer(const Preload& preload);

}  // namespace inpod::policy
