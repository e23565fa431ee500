// `inpod check`, the doctor: each check says what it found and, where something is missing, what to do about
// it.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <functional>
#include <string>

#include "config/config.hpp"
#include "protocol/link.hpp"

namespace inpod::cli {

enum class Verdict { ok, warning, failed };

struct Finding {
  std::string check;  ///< "kubeconfig", "layer", …
  Verdict verdict = Verdict::ok;
  std::string text, remedy;
};

/// Told as soon as it is known.
using Tell = std::function<void(Finding)>;

/// inpod's own files, the layer in a real program, ptrace, debuggers.
void check_machine(const Config& config, const Tell& tell);
/// Kubeconfig, API server, RBAC, target, agent.
protocol::Task<void> check_cluster(boost::asio::any_io_executor executor, Config config, Tell tell);
/// A whole session on the target, started and stopped: as after a launch, its agent waits out its lease.
protocol::Task<void> check_agent(boost::asio::any_io_executor executor, Config config, Tell tell);

}  // namespace inpod::cli
