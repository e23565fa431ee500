// AgentAccess: how a session reaches its agent, whatever started it: a child process (local_agent) or a pod
// in the cluster (cluster_agent). One executor; call only there.
#pragma once

#include <array>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <vector>

#include "protocol/link.hpp"
#include "session/session.hpp"

namespace inpod {

class ClusterTarget;
using Token = std::array<std::uint8_t, 32>;

using Progress = std::function<void(Stage, const std::string&)>;

class AgentAccess {
 public:
  virtual ~AgentAccess() = default;

  /// A new transport to the agent, for the first connection and for each resume.
  virtual Task<Result<std::unique_ptr<protocol::ByteTransport>>> open() = 0;
  /// Asked when a lost transport can't be replaced: why the agent will never be reached again (it ended, its
  /// pod was deleted, the target was re-created), or nothing.
  virtual Task<std::optional<Error>> gone() = 0;
  /// The session stands: later ones may use this agent too, as long as its lease lasts.
  virtual void keep() = 0;
  /// The session ended: the agent is left to its lease if it was kept; else, or if the session is to be as
  /// though it had never been (take_back), what was made for it is taken back, unless another session has
  /// come to use it.
  virtual Task<void> release(bool take_back) = 0;

  /// Whether another agent can take this one's place, on the target's successor.
  virtual bool has_successor() const { return false; }
  /// After the connection was lost for good (`why`): where to go on, as far as it is there yet. That is the
  /// target's successor (same workload, same container), or the target itself if only the agent has gone.
  /// Error ECANCELED: somebody has stopped the agent; all else may pass.
  virtual Task<Result<std::shared_ptr<ClusterTarget>>> successor(Error why, Progress) {
    co_return Failed(std::move(why));
  }

  virtual const Token& token() const = 0;
  /// {"target", "namespace", "agent"}: for describe().
  virtual nlohmann::json describe() const = 0;
  virtual const std::vector<protocol::Probe>& probes() const = 0;
};

/// 256 random bits.
Result<Token> random_token();

}  // namespace inpod
