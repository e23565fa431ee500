// libinpod.so: the front end that LD_PRELOAD brings into a dynamically linked program.
//
// RULES OF THE LAYER. It runs in other people's processes; each rule is kept by a test in
// tests/integration/layer.
//  1. Nothing is exported but hooks: hidden visibility, and a version script. The list is docs/hooks.md.
//  2. No C++ runtime: no exceptions, no RTTI, no static that needs a guard, no libstdc++. One constructor.
//  3. No symbol newer than glibc 2.28. What moved since is pinned (pins.hpp) or done by system calls
//     (core/raw.hpp).
//  4. Whatever may be called in a signal handler (open, read, write, close, stat, connect, accept, …) neither
//     allocates nor locks. Names (getaddrinfo), streams (fopen) and directories' lists allocate, as in libc.
//  5. No lock at all is held across I/O, and nothing of ours waits in the process while a debugger has
//     stopped it. One exception: threads that call a hook while another one starts the layer wait for it.
//  6. errno changes only when the hooked function fails.
//  7. Right across fork, vfork and exec: a vfork child never changes this process's tables (Core::owner), a
//     forked one introduces itself, exec hands on descriptors and environment.
//  8. Silent on descriptors 0, 1 and 2, which stay the program's. One exception: when the layer can't start,
//     one line on stderr and exit code 125 (fail closed).
//  9. A call that is not ours costs some tens of nanoseconds: one atomic load for a descriptor, a comparison
//     of literal prefixes for a path.
// 10. It acts only in the program named by INPOD_PROGRAM and in what that starts; elsewhere (debuggers,
//     start-up shells) every hook passes through at once.
// 11. No line information is shipped, so that a debugger's stepIn does not enter.
// 12. Hooks only translate; what to do is decided in core/. Hooks that call libc functions which call hooks
//     again (getaddrinfo, glob) hold a Bypass meanwhile.
#pragma once

#include <atomic>
#include <cerrno>
#include <cstddef>

#include "core/core.hpp"
#include "core/files.hpp"

namespace inpod::layer {

enum class State : int { unknown, passive, active };

extern std::atomic<State> state;
extern Core core;
/// While positive in a thread, its hooks pass through.
extern __thread int bypass __attribute__((tls_model("initial-exec")));

/// While set in a thread, a hook is carrying out a call of syscall(2). What it calls then is libc's own
/// function: the next definition may be the program's and consist of that very call.
extern __thread bool by_number __attribute__((tls_model("initial-exec")));

/// Starts the layer if a hook is called before its constructor has run, or waits for the thread that does.
/// True when active.
bool start_late();

/// Whether hooks act. The first thing that each of them asks.
inline bool active() {
  const State now = state.load(std::memory_order_acquire);
  if (now == State::active) return bypass == 0;
  return now == State::unknown && start_late();
}

struct Bypass {
  Bypass() { ++bypass; }
  ~Bypass() { --bypass; }
  Bypass(const Bypass&) = delete;
  Bypass& operator=(const Bypass&) = delete;
};

/// The entry of a descriptor that is a remote file, else a false one.
inline FdEntry file_entry(int fd) {
  if (!active()) return {};
  const FdEntry entry = core.fds.get(fd);
  return entry.is_file() ? entry : FdEntry();
}

/// A system call's result as libc gives it: errno and -1 for a negative one.
template <class T>
T result(long value) {
  if (value >= 0) return static_cast<T>(value);
  errno = static_cast<int>(-value);
  return static_cast<T>(-1);
}

/// One line of the table of hooks; the linker puts all of them side by side. Compilers align larger objects
/// as they like, hence alignas: no gaps.
struct alignas(32) HookEntry {
  const char* name;
  std::atomic<void*> next;
  std::atomic<void*> in_libc;  ///< libc's own definition, where it isn't the next
  /// The next definition of `name` after ours (libc's, or a sanitizer's); a function that fails with ENOSYS
  /// where there is none.
  void* resolve();
};

template <class Function>
Function* next_of(HookEntry& entry) {
  void* address = entry.next.load(std::memory_order_relaxed);
  if (!address) address = entry.resolve();
  if (by_number)
    if (void* own = entry.in_libc.load(std::memory_order_relaxed)) address = own;
  return reinterpret_cast<Function*>(address);
}

/// What the layer needs in the environment of children: noted at start, and put back into `environ` before
/// libc starts a program by itself (environment.cpp). sanitizer: the runtime that this program needs before
/// the layer; what it starts has needs of its own.
void remember_environment(const char* layer_path, std::string_view sanitizer);
void drop_own_sanitizer();
void ensure_environment();

/// Does `call(dirfd, path)`, which the rules leave to this machine. The kernel knows a directory of the pod
/// as a file in memory, so a path relative to one is handed on as an absolute path.
template <class F>
auto here(int dirfd, const char* path, F call) -> decltype(call(dirfd, path)) {
  using Result = decltype(call(dirfd, path));
  if (dirfd == AT_FDCWD || !path || !*path || *path == '/' || !file_entry(dirfd)) return call(dirfd, path);
  Result value{};
  const long built =
      files::absolute(core, dirfd, path, [&](const char* absolute) { value = call(AT_FDCWD, absolute); });
  return built == 0 ? value : result<Result>(built);
}

}  // namespace inpod::layer

/// Declares and defines the hook of a libc function:
///   HOOK(int, close, (int fd)) { …; return original(close)(fd); }
/// The C++ name differs from the symbol's, so that libc's headers, with their own exception specifications
/// and redirections, don't get in the way.
#define HOOK(type, name, parameters)                                                           \
  namespace {                                                                                  \
  using Type_##name = type parameters;                                                         \
  [[gnu::section("inpod_hooks"), gnu::used]] constinit ::inpod::layer::HookEntry entry_##name{ \
      #name, {nullptr}, {nullptr}};                                                            \
  }                                                                                            \
  extern "C" [[gnu::visibility("default")]] type hook_##name parameters asm(#name);            \
  extern "C" type hook_##name parameters

/// A second name of the same function (on 64-bit machines, `open64` is `open`).
#define HOOK_ALIAS(name, target)                                                               \
  namespace {                                                                                  \
  [[gnu::section("inpod_hooks"), gnu::used]] constinit ::inpod::layer::HookEntry entry_##name{ \
      #name, {nullptr}, {nullptr}};                                                            \
  }                                                                                            \
  extern "C" [[gnu::visibility("default"), gnu::alias(#target)]] Type_##target hook_##name asm(#name);

/// The last statement of a hook: `value` as libc gives it, or `here` where that is not_ours.
#define LOCAL_OR(value, here) \
  const long done = (value);  \
  return done == not_ours ? (here) : result<int>(done)

#define original(name) (::inpod::layer::next_of<Type_##name>(entry_##name))
