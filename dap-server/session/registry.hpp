// Registry: the directories of running sessions, one for each, under runtime_root(). Each holds the relay's
// socket and a session.json that says who runs it, so that `inpod session list` and `stop` work without a
// daemon.
//
// Blocking file I/O; any thread. A directory whose process is gone (pid and start time are compared) is
// removed by `list`, and when a session is made. One that has no session.json yet has an owner.json for that.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "protocol/result.hpp"
#include "protocol/unique_fd.hpp"

namespace inpod {

/// Sole owner of one session's directory: removes it with everything in it.
class SessionDirectory {
 public:
  /// A new one with a random id, mode 0700.
  static Result<SessionDirectory> create();
  SessionDirectory(SessionDirectory&& other) noexcept;
  SessionDirectory& operator=(SessionDirectory&& other) noexcept;
  ~SessionDirectory();

  const std::string& id() const { return id_; }
  const std::string& path() const { return path_; }
  /// Writes session.json: `description` and this process's pid and start time.
  Result<void> publish(nlohmann::json description) const;
  /// For a session that can end without its process, before it is published: becomes readable when
  /// stop_session asks it to.
  Result<UniqueFd> stop_requests() const;
  void remove();

 private:
  SessionDirectory(std::string id, std::string path) : id_(std::move(id)), path_(std::move(path)) {}
  std::string id_, path_;
};

/// What every live session of this user published, oldest first. Removes what dead ones left.
Result<std::vector<nlohmann::json>> list_sessions();

/// Ends a session: one that can end alone (stop_requests) by itself, else, and should it not within 10 s,
/// with its process: SIGTERM, and SIGKILL after 10 s. Returns what it had published. Errors: no such id; the
/// process would have to be ended, but has other sessions.
Result<nlohmann::json> stop_session(const std::string& id);

/// Start time of a process in clock ticks since boot (proc_pid_stat(5), field 22); 0 if there is no such
/// process.
std::uint64_t process_start_time(int pid);

}  // namespace inpod
