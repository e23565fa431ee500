// Core: everything a process under the layer knows: rules, the relay's address, the slot table, descriptors.
//
// One object in static memory, filled by `start` before the program's main, nearly constant afterwards. The
// functions of files.hpp, names.hpp and sockets.hpp decide and act on it; front ends (libinpod.so's hooks,
// the supervisor) translate. They return a value ≥ 0, -errno, or `not_ours`: then the front end does what was
// asked on this machine.
#pragma once

#include <atomic>
#include <cstdint>
#include <string_view>

#include "core/fd_table.hpp"
#include "core/path.hpp"
#include "core/relay_client.hpp"
#include "core/rules.hpp"

namespace inpod {

/// Outside the range of -errno: the call is this machine's.
constexpr long not_ours = -1000000;

/// Whose memory and descriptors these are.
enum class Owner {
  us,     ///< the process itself
  vfork,  ///< a vfork child: memory is the parent's, descriptors are its own, so the fd table must not change
};

class Core {
 public:
  /// Shakes hands: learns the rules, maps the slot table, adopts the descriptors that exec left open. Null
  /// when all went well, else a sentence in static or `problem_` memory.
  const char* start(std::string_view socket_path, std::string_view executable);

  /// Who calls; a child that was forked behind our back (clone by system call) is introduced to the relay
  /// first.
  Owner owner();
  /// Around fork, by the thread that forks; `event` is what before_fork gave. The parent goes on only when
  /// the child has claimed its handles (a second at most), since the relay would drop those that the parent
  /// closes first.
  long before_fork();
  void child_after_fork(long event = -1);
  void parent_after_fork(long event);

  /// Notes an fd's entry; past the table: closes fd, -EMFILE.
  long remember(long fd, FdEntry entry);
  /// What a descriptor of unknown origin (inherited, received, reopened through /proc) is, by its name;
  /// remembers it.
  FdEntry adopt(int fd);
  /// fd has been closed by this process. Tells the relay what that means.
  void forgot(int fd, FdEntry entry);
  /// fd has become a duplicate of another with this entry (or of something that isn't ours). fd; past the
  /// table, a file's is closed: -EMFILE.
  long duplicated(int fd, FdEntry entry);

  /// Shows the user a sentence about `subject`, once per process for each pair.
  void note_once(std::string_view subject, std::string_view text);

  /// umask(2) by the program itself. It counts in the pod as it does here: what the agent makes has the very
  /// mode that it is given.
  void set_mask(unsigned mask) { mask_.store(mask & 0777, std::memory_order_relaxed); }
  /// The mode of a file that is made.
  unsigned masked(unsigned mode) const { return mode & ~mask_.load(std::memory_order_relaxed); }

  /// pthread_testcancel(3), where libc's function is a cancellation point that waits in the kernel and ours
  /// waits for the relay. To be called with nothing held: a thread that has been cancelled ends in it.
  void cancellation_point() const {
    if (test_cancel) test_cancel();
  }

  /// The front end's pthread_testcancel; null where there is none.
  void (*test_cancel)() = nullptr;
  Rules rules;
  RelayClient relay;
  FdTable fds;
  WorkingDirectory directory;
  const relay::Slot* slots = nullptr;

 private:
  /// In a page that the kernel clears in each forked child.
  struct Mark {
    long pid;
  };
  void scan_descriptors();
  FdEntry file_behind_pipe(std::string_view link) const;
  long scan_descriptors(bool aside);
  void read_mask();
  bool hello(bool forked, std::string_view executable, const char** problem);
  const char* complain(std::string_view start, std::string_view detail);

  Mark* mark_ = nullptr;
  std::atomic<unsigned> mask_ = 0;
  std::atomic<std::uint64_t> noted_[64] = {};
};

/// A line of /proc/self/fd: what a memfd of the relay is called. Kind none: something else.
FdEntry parse_memfd_name(std::string_view link);

/// The umask that /proc/<pid>/status tells. False: it tells none.
bool parse_mask(std::string_view status, unsigned& mask);

}  // namespace inpod
