// The environment of what the debuggee starts: the layer must be in it whatever the program made of its own.
#pragma once

#include <alloca.h>

#include <cstddef>

namespace inpod::layer {

/// An environment with LD_PRELOAD and INPOD_* as the layer needs them. Where `given` has all of it, that one
/// is used. No allocation, since the caller may be a vfork child: its memory comes from the caller's stack,
/// as much as `room` says (CHILD_ENVIRONMENT).
class ChildEnvironment {
 public:
  /// Bytes needed for the changed environment; 0: none is.
  static std::size_t room(char* const* given);
  /// memory: of room(given) bytes, or null. Too large an environment for the stack gets pages of its own.
  ChildEnvironment(char* const* given, std::size_t size, void* memory);
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

}  // namespace inpod::layer

#define CHILD_ENVIRONMENT(name, given)                                                  \
  const std::size_t name##_size = ::inpod::layer::ChildEnvironment::room(given);        \
  const ::inpod::layer::ChildEnvironment name(                                          \
      given, name##_size,                                                               \
      name##_size == 0 || name##_size > ::inpod::layer::ChildEnvironment::most_on_stack \
          ? nullptr                                                                     \
          : alloca(name##_size))
