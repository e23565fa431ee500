// Child: a helper process of inpod, with pipes to its standard streams. It dies with this process
// (PR_SET_PDEATHSIG), and the destructor ends it; a terminal's Ctrl-C does not reach it (it leads a session
// of its own). Not for the debuggee, which the launcher starts with the user's own terminal.
//
// One thread; start forks, so call it on the thread that will outlive the child (prctl(2): the signal follows
// the thread).
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "protocol/result.hpp"
#include "protocol/unique_fd.hpp"

namespace inpod {

struct ChildOptions {
  std::vector<std::string> command;          ///< an absolute path and its arguments
  std::vector<std::string> environment;      ///< "NAME=value", all of it
  std::vector<std::pair<int, int>> inherit;  ///< our fd → its fd, from 3 up
};

class Child {
 public:
  Child() = default;
  Child(Child&& other) noexcept;
  Child& operator=(Child&& other) noexcept;
  ~Child() { end(std::chrono::milliseconds(500)); }

  static Result<Child> start(ChildOptions options);

  int pid() const { return pid_; }
  /// Writes all of it and keeps the pipe open; false with errno set when the child has gone.
  bool write_input(const void* data, std::size_t size) const;
  /// The read ends of its stdout and stderr: the caller closes them.
  int take_output() { return output_.release(); }
  int take_errors() { return errors_.release(); }
  /// Reaps it if it has ended.
  bool ended();
  /// Waits for its end; false when the bound passes.
  bool wait(std::chrono::milliseconds bound);
  /// "exit code 1", "signal 9 (Killed)".
  std::string status_text() const;
  /// SIGTERM, after `patience` SIGKILL, and reaps it. Idempotent.
  void end(std::chrono::milliseconds patience);

 private:
  int pid_ = 0;  // 0: none
  std::optional<int> status_;
  UniqueFd input_, output_, errors_;
};

}  // namespace inpod
