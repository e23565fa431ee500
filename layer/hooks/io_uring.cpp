// liburing, whose system calls are instructions of its own: no ring is set up, as by syscall(2).
//
// These functions are the library's, not libc's. It may come by dlopen, after the layer's start and out of
// its scope, so what comes next is looked up in the library itself.
#include "hooks/io_uring.hpp"

#include <dlfcn.h>

#include <cstdint>

#include "layer.hpp"
#include "pins.hpp"

using namespace inpod;
using namespace inpod::layer;

struct io_uring;
struct io_uring_params;

namespace inpod::layer {

long io_uring_refusal() {
  core.note_once(
      "io_uring",
      "the pod's files and connections can't be used by it; the program is told that there is none (ENOSYS), "
      "and takes its other way");
  return -ENOSYS;
}

}  // namespace inpod::layer

namespace {

/// Calls the library's own function; -ENOSYS where there is no library.
template <class... Arguments>
int in_library(const char* name, Arguments... arguments) {
  void* library = nullptr;
  for (const char* file : {"liburing.so.2", "liburing.so.1", "liburing.so"})
    if (!library) library = dlopen(file, RTLD_LAZY | RTLD_NOLOAD);
  auto* function = library ? reinterpret_cast<int (*)(Arguments...)>(dlsym(library, name)) : nullptr;
  return function ? function(arguments...) : -ENOSYS;
}

int refused() {
  return static_cast<int>(io_uring_refusal());
}

}  // namespace

HOOK(int, io_uring_queue_init, (unsigned entries, io_uring* ring, unsigned flags)) {
  return active() ? refused() : in_library("io_uring_queue_init", entries, ring, flags);
}

HOOK(int, io_uring_queue_init_params, (unsigned entries, io_uring* ring, io_uring_params* parameters)) {
  return active() ? refused() : in_library("io_uring_queue_init_params", entries, ring, parameters);
}

HOOK(int, io_uring_queue_init_try_nosqarr, (unsigned entries, io_uring* ring, io_uring_params* parameters)) {
  return active() ? refused() : in_library("io_uring_queue_init_try_nosqarr", entries, ring, parameters);
}

HOOK(int, io_uring_queue_init_mem,
     (unsigned entries, io_uring* ring, io_uring_params* parameters, void* memory, std::size_t size)) {
  return active() ? refused()
                  : in_library("io_uring_queue_init_mem", entries, ring, parameters, memory, size);
}

HOOK(int, io_uring_setup, (unsigned entries, io_uring_params* parameters)) {
  return active() ? refused() : in_library("io_uring_setup", entries, parameters);
}
