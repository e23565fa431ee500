// The environment of what the debuggee starts: the layer must be in it whatever the program made of its own.
#pragma once

#include <alloca.h>

#include <cstddef>
#include <string_view>

namespace inpod::layer {

/// An environment with LD_PRELOAD and INPOD_* as the layer needs them. Where `given` has all of it, that one
/// is used. No allocation, since the caller may be a vfork child: its memory comes from the caller's stack,
/// as much as `room` says (CHILD_ENVIRONMENT).
class ChildEnvironment {
 public:
  /// Bytes needed for the changed environment; 0: none is. sanitizer: the runtime that has to be preloaded
  /// before the layer, as the program's file tells; empty: none.
  static std::size_t room(char* const* given, std::string_view sanitizer);
  /// memory: of room(given, sanitizer) bytes, or null. Too large an environment for the stack gets pages of
  /// its own.
  ChildEnvironment(char* const* given, std::string_view sanitizer, std::size_t size, void* memory);
  ~ChildEnvironment();
  ChildEnvironment(const ChildEnvironment&) = delete;
  ChildEnvironment& operator=(const ChildEnvironment&) = delete;
  char* const* get() const { return list_; }

  static constexpr std::size_t most_on_stack = 16 << 10;

 private:
  char* const* list_;
  void* mapped_ = nullptr;
  std::size_t mapped_size_ = 0;
};

/// Whether this process's user may read the layer's file; else the loader leaves it out of what is started.
bool layer_is_readable();

}  // namespace inpod::layer

#define CHILD_ENVIRONMENT(name, given, sanitizer)                                           \
  const std::size_t name##_size = ::inpod::layer::ChildEnvironment::room(given, sanitizer); \
  const ::inpod::layer::ChildEnvironment name(                                              \
      given, sanitizer, name##_size,                                                        \
      name##_size == 0 || name##_size > ::inpod::layer::ChildEnvironment::most_on_stack     \
          ? nullptr                                                                         \
          : alloca(name##_size))
