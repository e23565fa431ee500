// Memory of malloc's for the time of a call, in hooks whose libc function allocates too: what is large
// doesn't belong on a stack that may be a small thread's.
#pragma once

#include <cstdlib>

namespace inpod::layer {

class Memory {
 public:
  explicit Memory(std::size_t size) : at_(malloc(size)) {}
  ~Memory() { free(at_); }
  Memory(const Memory&) = delete;
  Memory& operator=(const Memory&) = delete;
  /// Null where there was none to be had.
  void* get() const { return at_; }

 private:
  void* at_;
};

}  // namespace inpod::layer
