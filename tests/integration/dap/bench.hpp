// Bench: what a test of the proxy with a real adapter needs: the adapter under test, a directory of its own,
// the server, the debuggee, and questions about the processes that came of it.
//
// Which adapter: $DAP_ADAPTER, a key of the file $DAP_DEBUGGERS that tests/support/debuggers/install wrote.
#pragma once

#include <sys/types.h>

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "support/dap_client.hpp"
#include "support/installed_debugger.hpp"

namespace inpod::test {

/// How one adapter differs, as far as tests must know.
struct AdapterUnderTest {
  std::string key;                   ///< LLDB_DAP_19, LLDB_VSCODE_14, GDB16, CDT_GDB_ADAPTER
  std::vector<std::string> command;  ///< with its arguments
  bool lldb = false, gdb = false, cdt = false;
  bool restarts = false;  ///< answers `restart`
  bool runs_in_terminal = false;
  bool tells_exit = true;  ///< sends `exited`
};
/// Throws when the installer could not get it.
AdapterUnderTest adapter_under_test();

class Bench {
 public:
  Bench();
  ~Bench();

  AdapterUnderTest adapter = adapter_under_test();
  std::string directory;                           ///< removed at the end
  std::map<std::string, std::string> environment;  ///< for the server

  /// fake_inpod with the adapter under test.
  std::vector<std::string> server() const;
  /// fake_inpod with other arguments.
  std::vector<std::string> server_with(std::vector<std::string> arguments) const;
  /// Launch arguments in the adapter's own dialect. target: of the session; empty: none.
  json launch(const std::string& target, const json& more = json::object()) const;
  json source() const;
  int line_of(const std::string& mark) const;

  /// "PID EXECUTABLE" lines of the test layer.
  std::vector<std::string> loads() const;
  std::set<std::string> loaded_executables() const;
  bool wait_loaded(milliseconds bound) const;
  bool wait_for_file(const std::string& path, milliseconds bound) const;
  bool marked(const std::string& suffix) const;  ///< fake session's marks: .stopped, .taken_back, .cancelled
  bool wait_marked(const std::string& suffix, milliseconds bound) const;
  std::string log() const { return directory + "/layer.log"; }
  std::string pid_file() const { return directory + "/pid"; }
  /// The debuggee's pid once it has written it.
  pid_t debuggee(milliseconds bound = milliseconds(10000)) const;
};

std::string debuggee_path();
json initialize_arguments();
/// initialize, launch, breakpoint at `mark` (none when empty), configurationDone; the launch response's
/// success.
bool start_debugging(DapClient& client, const Bench& bench, const json& launch, const std::string& mark);
json stack_of(DapClient& client, const json& stopped);
/// name → value of the locals of the top frame.
std::map<std::string, std::string> locals_of(DapClient& client, const json& stopped);
void resume(DapClient& client, const json& stopped);

std::vector<pid_t> children_of(pid_t pid);
/// All below `pid`, itself included.
std::vector<pid_t> family_of(pid_t pid);
/// /proc/PID/NAME.
std::string process_file(pid_t pid, const std::string& name);
/// Gone, or a zombie that somebody else is to reap.
bool gone(pid_t pid);
bool wait_gone(pid_t pid, milliseconds bound);

}  // namespace inpod::test
