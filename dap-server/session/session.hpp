// Session: a program's stay in the pod, from target to clean-up: finds or starts the agent, keeps the Link to
// it (resumes it after a lost transport), runs the Relay, and says what a launcher must set for the debuggee.
//
// Everything that must outlive a stopped debuggee is owned here. One executor; call only there.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <functional>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "config/config.hpp"
#include "protocol/link.hpp"

namespace inpod {

using protocol::Task;

/// Where a start stands, for progress bars: stages in this order.
enum class Stage { cluster, agent, environment, debugger };
const char* to_string(Stage stage);

/// What a launcher gives the debuggee. `set` holds the pod's environment, LD_PRELOAD and INPOD_*; `unset`
/// names to remove.
struct LaunchEnvironment {
  std::map<std::string, std::string> set;
  std::vector<std::string> unset;
  std::string layer;   ///< path of libinpod.so; empty where calls are not intercepted (`interception: none`)
  std::string socket;  ///< path of the relay's socket
  std::vector<std::string> left_out{};  ///< names of the pod that make programs run or read something
  std::vector<std::string>
      unusable{};  ///< names of the pod that are none, or whose values are too long; any bytes
};

class Session {
 public:
  struct Options {
    Config config;
    std::string program;  ///< absolute path of the executable to inject (INPOD_PROGRAM)
    std::function<void(Stage, const std::string& text)> on_progress;
    /// JSON objects with "event": "activity" | "note" | "agent" | "process" | "closed"; documented in
    /// docs/dap-extensions.md
    std::function<void(const nlohmann::json&)> on_event;
    /// `inpod session stop` asks this session to end; the owner is to do it. Without it, that ends the whole
    /// process.
    std::function<void()> on_stop_request;
  };

  /// Starts everything. Cancel through the awaiting coroutine's cancellation slot: nothing is left behind.
  /// Errors name cause and remedy (DESIGN: fail closed).
  static Task<Result<std::shared_ptr<Session>>> start(boost::asio::any_io_executor executor, Options options);
  virtual ~Session() = default;

  virtual const LaunchEnvironment& environment() const = 0;
  /// {"id", "target", "namespace", "mode", "agent", "round_trip_us", "lease_seconds", …}
  virtual nlohmann::json describe() const = 0;
  /// Waits until a process has made the layer's handshake, or `timeout` passes (then an error that names the
  /// likely cause).
  virtual Task<Result<void>> wait_for_layer(std::chrono::milliseconds timeout) = 0;
  /// True once any process has made the layer's handshake since the last call of `expect_layer`, and where
  /// none is expected.
  virtual bool layer_loaded() const = 0;
  virtual void expect_layer(const std::string& program) = 0;
  /// What a client asks of a running session: "session", "incoming", "readFile"; docs/dap-extensions.md has
  /// the shapes.
  virtual Task<Result<nlohmann::json>> request(std::string name, nlohmann::json arguments) = 0;
  /// Traffic goes back to the pod at once; the agent stays for its lease. Idempotent.
  virtual Task<void> stop() = 0;
  /// Nothing came of the launch: stop() also takes back the agent, if this session made it.
  virtual void take_back() {}
};

}  // namespace inpod
