// Registry: the directories of running sessions, one for each, under runtime_root(). Each holds the relay's socket and a
// session.json that says who runs it, so that `inpod session list` and `stop` work without a daemon.
//
// Blocking file I/O; any thread. A directory whose process is gone (pid and start time are compared) is removed by `list`,
// and when a session is made. One that has no session.json yet has an owner.json for that.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "protocol/result.hpp"

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
  void remove();

 private:
  SessionDirectory(std::string id, std::string path) : id_(std::move(id)), path_(std::move(path)) {}
  std::string id_, path_;
};

/// What every live session of this user published, oldest first. Removes what dead ones left.
Result<std::vector<nlohmann::json>> list_sessions();

/// Ends the process of a session by SIGTERM and waits for its directory to go; SIGKILL after 10 s. Error: no such id.
Result<void> stop_session(const std::string& id);

/// Start time of a process in clock ticks since boot (proc_pid_stat(5), field 22); 0 if there is no such process.
std::uint64_t process_start_time(int pid);

}  // namespace inpod
