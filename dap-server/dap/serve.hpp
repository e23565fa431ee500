// `inpod dap`: the DAP server, over stdio, TCP or a unix socket. Each client gets a debug adapter and a
// cluster session of its own. Over TCP, nothing is done for a client before it has shown the secret
// (client_secret.hpp).
//
// One executor (an io_context run by one thread).
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "session/session.hpp"

namespace inpod::dap {

using SessionFactory =
    std::function<Task<Result<std::shared_ptr<Session>>>(boost::asio::any_io_executor, Session::Options)>;

struct ServeOptions {
  std::string listen;  ///< as Listener takes it; empty: stdio. The address taken is printed to stderr
  bool allow_remote =
      false;  ///< listen may name another address than loopback: whoever has the secret runs programs here
  std::string secret_file;  ///< ClientSecret::from_file; empty: a fresh secret, printed to stderr
  std::chrono::milliseconds secret_timeout{30000};  ///< how long a client may take to show the secret
  std::vector<std::string> adapter;                 ///< --adapter CMD…: the debug adapter's command line
  std::string
      debugger;  ///< --debugger NAME, as in launch.json; neither: $INPOD_ADAPTER, else what is installed
  SessionFactory start_session;  ///< Session::start
  /// launch.json's "cluster" on top of the config file that is found from `directory` upwards. Default: just
  /// that.
  std::function<Result<Config>(const nlohmann::json& cluster, const std::string& directory)> load_config;
  std::string trusted_folder;                      ///< config::find_file's
  std::chrono::milliseconds layer_timeout{30000};  ///< how long a running debuggee may take to load the layer
  std::chrono::milliseconds layer_timeout_stopped{5000};  ///< the same once it stands at a breakpoint
  /// When to answer a launch that still waits for the cluster, by the client's own name for itself
  /// (initialize, "clientID"): these give a request up after 10 s and 15 s.
  std::map<std::string, std::chrono::milliseconds> launch_patience{{"dape", std::chrono::seconds(8)},
                                                                   {"vimspector", std::chrono::seconds(12)}};
};

/// Serves until the client leaves (stdio) or a SIGINT, SIGTERM or SIGHUP (both); then debuggees, adapters and
/// sessions are gone. Returns the exit code: 0, 1 when the adapter died, 125 when inpod itself failed (told
/// on stderr).
Task<int> serve(boost::asio::any_io_executor executor, ServeOptions options);

}  // namespace inpod::dap
