// Credentials: who we are to the API server, now. Reads token files again when they may have changed, runs
// the credential plugin when its last answer has expired, and again, once, when the server says 401. Then
// the user's entry in the kubeconfig is read again, too: whoever logs in anew, or rotates a token, while a
// session lasts changes that file.
//
// A server at http:// gets none of them, as with kubectl: whoever sits on the way would read them. Nor is a
// plugin run for it. (kubectl proxy and the like need none.)
//
// One executor. Concurrent callers share one run of the plugin.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "kube/kubeconfig.hpp"

namespace inpod::kube {

/// What a connection shows. authorization: the header's value ("Bearer …"), or empty. Secret: never log it.
struct Identity {
  std::string authorization;
  std::string certificate, key;  ///< PEM, or empty
  bool operator==(const Identity&) const = default;
};

/// The headers by which a request says whose it is: Authorization, and whom it impersonates. Secret: never
/// log them.
std::vector<std::pair<std::string, std::string>> identity_headers(const Kubeconfig& config,
                                                                  const Identity& identity);

/// A plugin's answer. expires: nothing means "until the server says 401".
struct PluginAnswer {
  std::string token, certificate, key;
  std::optional<std::chrono::system_clock::time_point> expires;
};
/// Reads what a plugin printed. api_version: what the kubeconfig asked for; another one in the answer is an
/// error.
Result<PluginAnswer> parse_exec_credential(const std::string& output, const std::string& api_version);
/// The value of KUBERNETES_EXEC_INFO.
std::string exec_info(const Kubeconfig& config, bool interactive);

class Credentials {
 public:
  Credentials(boost::asio::any_io_executor executor, const Kubeconfig& config);

  /// Errors have the code EPERM, as that of a server that knows us not.
  boost::asio::awaitable<Result<Identity>> get();
  /// The server refused `used`. True when trying again makes sense: the plugin will be run anew, or a file
  /// has another token.
  bool renew(const Identity& used);
  /// Adds to a refusal (401 or 403) whose credentials they were, and that they were held back, where they
  /// were.
  Error explain_refusal(Error error, long status) const;

 private:
  boost::asio::awaitable<Result<Identity>> find();
  boost::asio::awaitable<Result<PluginAnswer>> run_plugin();
  Result<Identity> from_files();
  void read_kubeconfig_again();

  Kubeconfig config_;
  bool over_tls_;
  boost::asio::steady_timer changed_;  // wakes those who wait for the plugin
  bool running_ = false;
  std::optional<PluginAnswer> answer_;
};

}  // namespace inpod::kube
