// The agent of a target in the cluster: found by its lease, or started; reached by port-forward. One
// executor.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <optional>

#include "kube/client.hpp"
#include "kube/pod.hpp"
#include "kube/target.hpp"
#include "session/agent_access.hpp"
#include "session/agent_state.hpp"

namespace inpod {

/// A target that has been resolved, and the lock that keeps other launches on it waiting until this is
/// destroyed.
class ClusterTarget : public std::enable_shared_from_this<ClusterTarget> {
 public:
  /// What a session was in before: its successor is wanted.
  struct Predecessor {
    kube::Target name;
    kube::ResolvedTarget target;
    std::string context;  ///< of the kubeconfig, whose current one may be another by now
  };

  /// Reads the kubeconfig, finds the target, waits for the lock. Where no lease can be kept (no home that can
  /// be written to), the agent will end with its session.
  static Task<Result<std::shared_ptr<ClusterTarget>>> resolve(
      boost::asio::any_io_executor executor, Config config, Progress progress,
      std::optional<Predecessor> predecessor = std::nullopt);

  /// An agent of an earlier launch that may still be there; null if there is none. What fails with it isn't
  /// an error: call forget and start.
  std::shared_ptr<AgentAccess> leased();
  /// It can't be reached: its Job goes too, unless a session of this user's has it.
  Task<void> forget();
  /// Starts one. warn: told when the target's own image runs with the agent's rights, or no lease can be
  /// kept. Cancelled: nothing stays.
  Task<Result<std::shared_ptr<AgentAccess>>> start(Progress progress,
                                                   std::function<void(const std::string&)> warn);

 private:
  friend class ClusterAgent;
  ClusterTarget() = default;
  Task<Result<void>> open_state(const Progress& progress);

  boost::asio::any_io_executor executor_;
  Config config_;
  std::string executable_;
  std::shared_ptr<kube::Client> client_;
  kube::Target name_;
  kube::ResolvedTarget target_;      ///< pod empty: targetless
  std::optional<AgentState> state_;  ///< nothing: no lease can be kept
  std::string no_lease_;             ///< why
};

}  // namespace inpod
