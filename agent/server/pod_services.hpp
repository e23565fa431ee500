// PodServices: what the agent has once, and every client's session uses. Made by main on the io thread;
// outlives them all.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <functional>
#include <memory>

#include "files/pod_root.hpp"
#include "files/worker_pool.hpp"
#include "incoming/incoming.hpp"
#include "names/resolver.hpp"
#include "target/target.hpp"

namespace inpod::agent {

struct PodServices {
  boost::asio::any_io_executor io;
  const Target& target;
  std::function<Result<TargetState>()> read_target;  ///< may block; any thread
  const PodRoot& root;
  WorkerPool& pod_workers;    ///< inside the pod's root, with the target's credentials
  WorkerPool& agent_workers;  ///< the agent's own root
  Resolver& resolver;
  Incoming* incoming;  ///< null where the kernel gives no means for it; `incoming_error` then says why
  Error incoming_error;
};

}  // namespace inpod::agent
