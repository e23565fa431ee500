// DebugSession: the session of a debugger that inpod only wraps (`inpod gdb-wrapper`). The debugger takes the
// wrapper's own place, so the session lives in a process beside it, which ends with the debugger. Each
// program that the debugger starts asks it, over a socket in the abstract namespace (unix(7)), for the
// environment to run in; the first question starts the session.
//
// Both ends check that the other belongs to this user. The question and the answers are JSON, one object a
// line.
#pragma once

#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "protocol/result.hpp"
#include "protocol/unique_fd.hpp"

namespace inpod::cli {

/// What a program that is about to run is told.
struct DebuggeeAnswer {
  bool on = false;   ///< false: no target is named anywhere, so it runs as it is
  std::string path;  ///< what to execute
  std::map<std::string, std::string> set;
  std::vector<std::string> unset;
};

/// What the names of these sockets begin with.
constexpr const char* debug_socket_prefix = "inpod-debugger-";

/// A listening socket with a name of its own, close-on-exec.
struct DebugSocket {
  UniqueFd listener;
  std::string name;
};
Result<DebugSocket> make_debug_socket();

struct Debugger {
  int pid;
  UniqueFd process;  ///< its pidfd
};

/// Serves until the debugger has ended, and stops every program that it starts past the session.
/// `environment`: the debugger's own, "NAME=value"; what differs from it in a program's environment was set
/// by the user, and wins over the pod's. Returns an exit code.
int serve_debug_session(UniqueFd listener, Debugger debugger, std::vector<std::string> environment);

/// Asks for `program` (a path), with this process's directory and environment, without the variables `unset`.
/// on_text gets progress and notes.
Result<DebuggeeAnswer> ask_debug_session(const std::string& socket, const std::string& program,
                                         const std::vector<std::string>& unset,
                                         const std::function<void(const std::string&)>& on_text);

}  // namespace inpod::cli
