// Agents in the cluster that this user started and that wait out their lease: where they are and the token
// they know, so that the next launch is warm. One file of mode 0600 for each target, below
// agent_state_directory().
//
// A lock beside it lets only one launch at a time find or make the agent of a target. Blocking file I/O of a
// few kB; any thread. The token never leaves the file but for the handshake.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <functional>
#include <optional>
#include <string>

#include "kube/agent_pod.hpp"
#include "protocol/unique_fd.hpp"
#include "session/agent_access.hpp"

namespace inpod {

struct LeasedAgent {
  Token token{};
  kube::AgentPod pod;
  std::uint32_t lease_seconds = 0;
};

class AgentState {
 public:
  /// key: all that tells one agent from another (cluster, user, container, agent's settings and build); any
  /// text. Removes the files of agents whose lease is over.
  static Result<AgentState> open(const std::string& key);

  /// Waits until no other process holds the lock; at most `bound`. on_wait is called once if there is a need
  /// to. Errors: the time is over (code 0); the file can't be made or locked (its errno).
  Task<Result<void>> lock(boost::asio::any_io_executor executor, std::chrono::milliseconds bound,
                          std::function<void()> on_wait = {});
  void unlock() { lock_.reset(); }

  /// What was saved, if it is for this very key. A damaged file counts as none.
  std::optional<LeasedAgent> load() const;
  Result<void> save(const LeasedAgent& agent) const;
  /// The lease begins now: a session that had the agent has ended.
  void touch() const;
  void forget() const;

 private:
  AgentState(std::string key, std::string path) : key_(std::move(key)), path_(std::move(path)) {}
  std::string key_, path_;
  UniqueFd lock_;
};

}  // namespace inpod
