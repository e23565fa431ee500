// What a program leaves behind: its descendants whose parents have ended. While an Orphans exists, they come
// to this process instead of init (PR_SET_CHILD_SUBREAPER, prctl(2)), so that they can be counted without a
// race, whatever they are. From one thread.
#pragma once

#include <chrono>
#include <map>
#include <set>
#include <vector>

namespace inpod::cli {

class Orphans {
 public:
  /// The children that this process has now are its own.
  Orphans();
  ~Orphans();
  Orphans(const Orphans&) = delete;
  Orphans& operator=(const Orphans&) = delete;

  /// Takes the exit status of those that have ended; to be called at SIGCHLD. What this process itself has
  /// started later takes its status within a second.
  void reap();
  struct Living {
    std::vector<int> daemons;  ///< in a session of their own (setsid(2))
    std::vector<int> others;
  };
  Living living() const;

 private:
  std::set<int> own_;
  std::map<int, std::chrono::steady_clock::time_point> ended_;  ///< zombies, by when they were seen first
};

}  // namespace inpod::cli
