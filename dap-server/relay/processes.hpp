// Processes: which debuggees there are, and which file handles each of them still holds.
//
// A process is known from its first operation (its pid is SO_PEERCRED's) until its pidfd says that it has
// exited; where there is no pidfd_open(2), kill(pid, 0) is asked once a second. fork copies references (the
// child says so in its hello), exec replaces them by the list that was inherited; an operation on a handle
// that came by SCM_RIGHTS adds one.
//
// A process of the session that becomes another user (setuid(2), and su, setpriv and the like) stays one. So
// do its children: by the kernel's word on who is whose parent, which no other process can bring about.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "relay/context.hpp"

namespace inpod::relay {

class Processes {
 public:
  /// on_unused: no process holds the handle any more. on_exit: the process is gone, its references too.
  struct Handlers {
    std::function<void(std::uint64_t handle)> on_unused;
    std::function<void(int pid)> on_exit;
  };
  explicit Processes(Context& context) : context_(context), poll_(context.executor) {}
  void set_handlers(Handlers handlers) { handlers_ = std::move(handlers); }

  void hello(int pid, const std::string& executable, bool forked,
             const std::vector<std::uint64_t>& inherited);
  void add_reference(int pid, std::uint64_t handle);
  void drop_reference(int pid, std::uint64_t handle);
  bool is_used(std::uint64_t handle) const { return users_.contains(handle); }

  /// Whether the other end of a unix socket may use what is the session's: a process of our own user or root
  /// (SO_PEERCRED), or one of the session's that has become another user. Sets `pid`.
  bool admits(int socket, int& pid) const;
  /// Whether the process runs as another user than ours and root, so that our directories are closed to it.
  static bool is_other_user(int pid);

  std::size_t living() const;
  std::uint64_t handshakes() const { return handshakes_; }
  void close();

 private:
  struct Process;
  Process& get(int pid);
  bool holds(int pid) const;
  void unreference(std::uint64_t handle);
  void exited(int pid);
  void watch(const std::shared_ptr<Process>& process);
  Task<void> poll_unwatched();

  Context& context_;
  Handlers handlers_;
  std::unordered_map<int, std::shared_ptr<Process>> processes_;
  std::unordered_map<std::uint64_t, std::size_t> users_;
  boost::asio::steady_timer poll_;
  bool polling_ = false, closed_ = false;
  std::uint64_t handshakes_ = 0;
};

}  // namespace inpod::relay
