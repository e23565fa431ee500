// Start of the layer: is this process the debuggee or its descendant? Then shake hands; else stay passive.
// Also fork.
#include "layer.hpp"

#include <dlfcn.h>
#include <linux/auxvec.h>
#include <pthread.h>
#include <sys/auxv.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>

#include "core/raw.hpp"
#include "core/text.hpp"
#include "libc.hpp"
#include "pins.hpp"

extern "C" {
extern inpod::layer::HookEntry __start_inpod_hooks[], __stop_inpod_hooks[];
}

namespace inpod::layer {

constinit std::atomic<State> state = State::unknown;
constinit Core core;
__thread int bypass __attribute__((tls_model("initial-exec"))) = 0;
__thread bool by_number __attribute__((tls_model("initial-exec"))) = false;

namespace {

__thread long fork_event __attribute__((tls_model("initial-exec"))) = -1;

const char* variable(const char* name) {
  const std::size_t length = strlen(name);
  for (char** at = environ; at && *at; ++at)
    if (strncmp(*at, name, length) == 0 && (*at)[length] == '=') return *at + length + 1;
  return nullptr;
}

bool same_file(const char* a, const char* b) {
  struct stat first, second;
  return raw::stat_at(AT_FDCWD, a, &first, 0) == 0 && raw::stat_at(AT_FDCWD, b, &second, 0) == 0 &&
         first.st_dev == second.st_dev && first.st_ino == second.st_ino;
}

/// The program itself, a script that the kernel runs by its interpreter, or a descendant of either.
bool is_debuggee() {
  const char* active_before = variable("INPOD_ACTIVE");
  if (active_before && strcmp(active_before, "1") == 0) return true;
  const char* program = variable("INPOD_PROGRAM");
  if (!program || !*program) return false;
  if (same_file(program, "/proc/self/exe")) return true;
  const auto* started_as = reinterpret_cast<const char*>(getauxval(AT_EXECFN));
  return started_as && same_file(program, started_as);
}

[[noreturn]] void fail_closed(const char* problem) {
  FixedText<1024> line;
  line << "inpod: the program was not started: " << problem << "\n";
  raw::write(2, line.c_str(), line.view().size());
  raw::exit(125);
}

void before_fork() {
  fork_event = state.load() == State::active ? core.before_fork() : -1;
}
void in_parent() {
  if (state.load() == State::active) core.parent_after_fork(fork_event);
}
void in_child() {
  if (state.load() == State::active) core.child_after_fork(fork_event);
}

/// What libc doesn't have is left to its first use: dlsym(3) allocates where it finds nothing.
void resolve_all() {
  const Libc libc = Libc::find();
  for (HookEntry* entry = __start_inpod_hooks; entry != __stop_inpod_hooks; ++entry) {
    void* const own = libc.symbol(entry->name);
    if (!own) continue;
    void* next = entry->next.load(std::memory_order_relaxed);
    if (!next) next = entry->resolve();
    if (own != next) entry->in_libc.store(own, std::memory_order_relaxed);
  }
}

void start() {
  const int saved = errno;
  state.store(State::starting);
  resolve_all();
  if (!is_debuggee()) {
    state.store(State::passive);
    errno = saved;
    return;
  }
  char executable[4096];
  long length = raw::read_link(AT_FDCWD, "/proc/self/exe", executable, sizeof executable);
  const char* socket = variable("INPOD_SOCKET");
  if (const char* problem =
          core.start(socket ? socket : "", {executable, static_cast<std::size_t>(length < 0 ? 0 : length)}))
    fail_closed(problem);
  // By name: before glibc 2.34 it is libpthread's, which only programs with threads have.
  core.test_cancel = reinterpret_cast<void (*)()>(dlsym(RTLD_DEFAULT, "pthread_testcancel"));
  pthread_atfork(before_fork, in_parent, in_child);
  state.store(State::active);
  remember_environment();
  errno = saved;
}

/// What allocates is left to the constructor: a hook may start the layer from within an allocator's own start
/// (jemalloc's reads a link with its lock held).
[[gnu::constructor(101)]] void constructor() {
  const int saved = errno;
  if (state.load() == State::unknown) start();
  if (state.load() == State::active) ensure_environment();
  errno = saved;
}

}  // namespace

bool start_late() {
  if (!environ) return false;  // libc itself is not ready
  start();
  return state.load() == State::active;
}

namespace {
long missing_function() {
  errno = ENOSYS;
  return -1;
}
}  // namespace

void* HookEntry::resolve() {
  const int saved = errno;
  void* address = dlsym(RTLD_NEXT, name);
  if (!address) address = reinterpret_cast<void*>(missing_function);
  next.store(address, std::memory_order_relaxed);
  errno = saved;
  return address;
}

}  // namespace inpod::layer
