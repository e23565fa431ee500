// AdapterProcess: a running debug adapter: its process group, its stdin and stdout as an Endpoint, its stderr
// (passed on to ours), and its orderly end. It never gets LD_PRELOAD of the layer nor any INPOD_* variable:
// the layer is for debuggees only.
//
// One executor; call only there. The destructor kills the group at once.
#pragma once

#include <sys/types.h>

#include <boost/asio/any_io_executor.hpp>
#include <memory>
#include <string>
#include <vector>

#include "dap/endpoint.hpp"

namespace inpod::dap {

/// The environment for programs that are not the debuggee: `from` (as environ(7)) without what is the
/// layer's.
std::vector<std::string> environment_without_layer(const char* const* from);

class AdapterProcess : public std::enable_shared_from_this<AdapterProcess> {
 public:
  /// Starts argv[0], searched on PATH. An argument that holds "${port}" makes it a TCP adapter: a free
  /// loopback port stands in its place, and the messages travel over a connection to it (CodeLLDB
  /// before 1.11).
  static Task<Result<std::shared_ptr<AdapterProcess>>> start(boost::asio::any_io_executor executor,
                                                             std::vector<std::string> argv);
  ~AdapterProcess();

  const std::string& name() const { return name_; }
  Endpoint& endpoint() { return *endpoint_; }
  /// Waits until the process has ended; returns its wait(2) status. Kills what is left of its group.
  Task<int> wait();
  /// Ends it: closes its stdin (which ends debuggee and adapter), waits up to 2 s, then SIGKILLs its process
  /// group.
  Task<void> end();
  bool ended() const;
  pid_t pid() const;
  /// What it writes to its stderr from now on is kept, not passed on: lldb-dap 19 aborts as it is left.
  void silence() const;
  /// The last lines of its stderr, for an error that tells of its end; empty where there are none.
  std::string last_words();
  /// The debuggee is ended, too, when this process is killed (guardian.hpp).
  void guard(pid_t debuggee) const;
  void guard_no_more(pid_t debuggee) const;

 private:
  struct State;
  AdapterProcess(std::string name, std::unique_ptr<State> state);
  std::string name_;
  std::unique_ptr<State> state_;
  std::shared_ptr<Endpoint> endpoint_;
};

/// "exit code 3", "signal 9 (Killed)".
std::string describe_status(int status);

}  // namespace inpod::dap
