// Start of the layer: is this process the debuggee or its descendant? Then shake hands; else stay passive.
// Also fork.
#include "layer.hpp"

#include <dlfcn.h>
#include <linux/auxvec.h>
#include <pthread.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>

#include "core/children.hpp"
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

/// Set in the thread that starts the layer: its hooks pass through meanwhile.
__thread bool starting __attribute__((tls_model("initial-exec"))) = false;

/// Says that a thread has claimed the start. In a page of its own that the kernel clears in a forked child,
/// which has no such thread.
struct Claim {
  bool stands;
};
constinit std::atomic<Claim*> claimed = nullptr;

bool is_decided() {
  return state.load(std::memory_order_acquire) != State::unknown;
}

/// Until the start is decided, but in a child that was forked meanwhile: there is nobody to wait for.
void wait_for(const Claim& other) {
  while (!is_decided() && other.stands) raw::wait_while(&state, static_cast<int>(State::unknown));
}

void decide(State decision) {
  state.store(decision, std::memory_order_release);
  raw::wake_all(&state);
}

/// True: this thread has the start to do. Else it has been done.
bool claim() {
  const long page = raw::map(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (page < 0) fail_closed("out of memory");
  raw::call(SYS_madvise, page, 4096, MADV_WIPEONFORK);
  auto* mine = reinterpret_cast<Claim*>(page);
  mine->stands = true;
  Claim* other = nullptr;
  while (!claimed.compare_exchange_strong(other, mine)) {
    if (!other->stands) continue;
    wait_for(*other);
    if (!is_decided()) continue;
    raw::unmap(mine, 4096);
    return false;
  }
  return true;
}

/// By one thread, while all others that call a hook wait. Since they may hold an allocator's or the dynamic
/// linker's lock, nothing here may take one: no dlsym, no allocation. Signals are blocked, so that no handler
/// finds its thread halfway.
void start_claimed(const char* layer_path) {
  if (!is_debuggee()) return decide(State::passive);
  const policy::ElfFacts facts = children::judge(AT_FDCWD, "/proc/self/exe").facts;
  // All or nothing: Go's own system calls never pass here, so libc's must not go to the pod either (cgo).
  if (facts.kind == policy::ProgramKind::go) return decide(State::passive);
  char executable[4096];
  const long length = raw::read_link(AT_FDCWD, "/proc/self/exe", executable, sizeof executable);
  const char* socket = variable("INPOD_SOCKET");
  if (const char* problem =
          core.start(socket ? socket : "", {executable, static_cast<std::size_t>(length < 0 ? 0 : length)}))
    fail_closed(problem);
  // As a program without hooks may have left them. stdio uses them by system calls inside libc.
  for (int fd = 0; fd <= highest_standard; ++fd) files::make_plain(core, fd);
  remember_environment(layer_path, facts.sanitizer);
  decide(State::active);
}

void start() {
  const int saved = errno;
  const raw::BlockedSignals blocked;
  starting = true;
  // What takes the dynamic linker's lock comes first; several threads may do it at once.
  resolve_all();
  Dl_info self{};
  const bool known = dladdr(reinterpret_cast<const void*>(&start), &self) != 0 && self.dli_fname;
  // By name: before glibc 2.34 it is libpthread's, which only programs with threads have.
  auto* test_cancel = reinterpret_cast<void (*)()>(dlsym(RTLD_DEFAULT, "pthread_testcancel"));
  if (claim()) {
    core.test_cancel = test_cancel;
    start_claimed(known ? self.dli_fname : "");
    // A child that is forked before this counts as forked behind our back (Core::owner).
    if (state.load() == State::active) pthread_atfork(before_fork, in_parent, in_child);
  }
  starting = false;
  errno = saved;
}

/// Time zones are libc's own reading, which no hook sees.
void note_time_zone() {
  const char* zone = variable("TZ");
  if (!zone) return;
  if (*zone == ':') ++zone;
  if (*zone == '/' && files::is_remote(core, AT_FDCWD, zone, true))
    core.note_once(zone,
                   "a time zone (TZ) is read by libc itself, from this machine's file, not from the pod's");
}

/// What allocates is left to the constructor: a hook may start the layer from within an allocator's own start
/// (jemalloc's reads a link with its lock held).
[[gnu::constructor(101)]] void constructor() {
  const int saved = errno;
  if (!is_decided()) start();
  if (state.load() == State::active) {
    drop_own_sanitizer();
    ensure_environment();
    note_time_zone();
  }
  errno = saved;
}

}  // namespace

bool start_late() {
  if (!environ || starting) return false;  // libc itself is not ready, or we are at it
  start();
  return state.load() == State::active && bypass == 0;
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
