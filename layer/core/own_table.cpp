// See own_table.hpp.
#include "core/own_table.hpp"

#include <linux/futex.h>
#include <sched.h>
#include <sys/mman.h>

#include <atomic>
#include <cerrno>

#include "core/fd_table.hpp"
#include "core/raw.hpp"

namespace inpod {
namespace {

constexpr std::size_t stack_size = 128 << 10;
constexpr int numbers_needed = 4;  // that of the lowest ones are freed

enum State : int { works, is_done, may_end };

struct Helper {
  long (*work)(void* context);
  void* context;
  int keep;
  long result = 0;
  std::atomic<int> state = works;
  int thread = 0;  ///< until it has ended: the kernel clears it
};

/// The kernel's wake-up at the end of a thread isn't a private one.
void wait_for_end(const int* thread) {
  while (const int id = __atomic_load_n(thread, __ATOMIC_ACQUIRE))
    raw::call(SYS_futex, raw::word(thread), FUTEX_WAIT, id, 0);
}

/// It shares the caller's thread-local memory, and uses none.
int run(void* argument) {
  auto& helper = *static_cast<Helper*>(argument);
  for (int fd = 0, freed = 0; freed < numbers_needed && fd < FdTable::capacity; ++fd)
    if (fd != helper.keep && raw::close(fd) == 0) ++freed;
  helper.result = helper.work(helper.context);
  helper.state.store(is_done, std::memory_order_release);
  raw::wake_all(&helper.state);
  while (helper.state.load(std::memory_order_acquire) == is_done) raw::wait_while(&helper.state, is_done);
  return 0;
}

}  // namespace

long with_own_table(int keep, long (*work)(void* context), void* context,
                    void (*meanwhile)(void* context, long thread)) {
  const long stack = raw::map(nullptr, stack_size, PROT_READ | PROT_WRITE,
                              MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK | MAP_NORESERVE, -1, 0);
  if (stack < 0 && stack > -4096) return stack;
  Helper helper{work, context, keep};
  const int saved = errno;
  long made;
  {
    const raw::BlockedSignals
        blocked;  // the thread's, for ever: handlers are the program's threads' business
    constexpr int flags = CLONE_VM | CLONE_FS | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM |
                          CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID;
    made = ::clone(run, reinterpret_cast<char*>(stack) + stack_size, flags, &helper, &helper.thread, nullptr,
                   &helper.thread);
  }
  errno = saved;
  if (made >= 0) {
    while (helper.state.load(std::memory_order_acquire) == works) raw::wait_while(&helper.state, works);
    if (meanwhile) meanwhile(context, made);
    helper.state.store(may_end, std::memory_order_release);
    raw::wake_all(&helper.state);
    wait_for_end(&helper.thread);
  }
  raw::unmap(reinterpret_cast<void*>(stack), stack_size);
  return made < 0 ? -EMFILE : helper.result;
}

}  // namespace inpod
