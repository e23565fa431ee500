// The environment of what the debuggee starts: the layer must be in it whatever the program made of its own.
#pragma once

#include <cstddef>

namespace inpod::layer {

/// An environment with LD_PRELOAD and INPOD_* as the layer needs them, on the caller's stack: no allocation, since the caller
/// may be a vfork child. Where `given` has all of it, that one is used.
class ChildEnvironment {
 public:
  explicit ChildEnvironment(char* const* given);
  ~ChildEnvironment();
  ChildEnvironment(const ChildEnvironment&) = delete;
  ChildEnvironment& operator=(const ChildEnvironment&) = delete;
  char* const* get() const { return list_; }

 private:
  static constexpr std::size_t most_on_stack = 512;
  char* const* list_;
  void* mapped_ = nullptr;
  std::size_t mapped_size_ = 0;
  char* place_[most_on_stack];
  char preload_[4096 + 512];
};

}  // namespace inpod::layer
