// Child processes for tests: started, talked to, waited for with a bound, and never left behind.
//
// Each child leads a process group of its own; the destructor kills that group. Output is collected by a
// thread per stream, so that a child never blocks on a full pipe. Not for code that ships.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <condition_variable>
#include <csignal>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace inpod::test {

using std::chrono::milliseconds;
using std::chrono::seconds;

struct Outcome {
  int status = -1;       ///< exit code, 128+signal, or -1 when it was killed because the time was over
  std::string out, err;  ///< what it wrote
  bool timed_out = false;
};

struct ProcessOptions {
  std::map<std::string, std::string> environment;  ///< added to the test's own
  std::vector<std::string> unset;
  std::string directory;    ///< working directory; empty: the test's
  std::string input;        ///< given on stdin, which then ends
  bool keep_stdin = false;  ///< leave stdin open for write_stdin
  uid_t uid = 0;            ///< run as this user and group, without supplementary groups; 0: as the test
};

class Process {
 public:
  Process(std::vector<std::string> command, ProcessOptions options = {});
  ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  pid_t pid() const { return pid_; }
  /// Waits for the end; past the bound the group is killed and timed_out set.
  Outcome wait(milliseconds bound);
  bool running();
  void signal(int number);        ///< to the process
  void signal_group(int number);  ///< to the whole group
  void write_stdin(const std::string& text);
  void close_stdin();
  /// Waits until `text` stands in stdout (or stderr); false when the bound passes or the stream ends without
  /// it.
  bool wait_for_output(const std::string& text, milliseconds bound);
  bool wait_for_error(const std::string& text, milliseconds bound);
  std::string out() const;
  std::string err() const;

 private:
  struct Sink {
    std::string text;
    bool ended = false;
    std::thread reader;
  };
  void collect(Sink& sink, int fd);
  bool wait_for(Sink& sink, const std::string& text, milliseconds bound);
  bool reap(milliseconds bound);

  pid_t pid_ = -1;
  int stdin_ = -1;
  std::optional<int> status_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  Sink out_, err_;
};

/// Runs to the end.
Outcome run(std::vector<std::string> command, ProcessOptions options = {}, milliseconds bound = seconds(60));

/// Calls `done` every 20 ms until it is true or the bound passes.
template <class F>
bool eventually(milliseconds bound, F done) {
  const auto end = std::chrono::steady_clock::now() + bound;
  while (!done()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(milliseconds(20));
  }
  return true;
}

/// A directory of its own below the system's temporary one, removed with all that is in it. Mode 0755.
class TemporaryDirectory {
 public:
  TemporaryDirectory();
  ~TemporaryDirectory();
  const std::string& path() const { return path_; }
  /// Writes a file (folders above it are made) and returns its path.
  std::string write(const std::string& name, const std::string& text, unsigned mode = 0644) const;

 private:
  std::string path_;
};

std::string read_file(const std::string& path);

}  // namespace inpod::test
