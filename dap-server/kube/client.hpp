// Client: the Kubernetes API, asynchronously: requests with JSON, lists with all their pages, watches.
//
// Every wait is bounded: 10 s to connect, 30 s for an answer. Errors name what was tried and what the server
// said; a 403 names the RBAC rule that is missing; their errno is described in api_error.hpp. A request
// refused with 401 is tried once more with renewed credentials. One executor; call only there. Cancelling a
// coroutine drops its request at once.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "kube/kubeconfig.hpp"
#include "protocol/link.hpp"

namespace inpod::kube {

using nlohmann::json;
using protocol::Task;

class CurlLoop;
class Exchange;
class Credentials;
struct HttpRequest;
struct Identity;

/// Path of a resource: api is "v1" or "apps/v1" (group/version); namespace_, name and subresource may be
/// empty.
std::string resource_path(const std::string& api, const std::string& namespace_, const std::string& resource,
                          const std::string& name = {}, const std::string& subresource = {});

constexpr auto merge_patch = "application/merge-patch+json";
constexpr auto strategic_merge_patch = "application/strategic-merge-patch+json";

/// A stream of changes. Dropping it ends it.
class Watch {
 public:
  struct Event {
    std::string type;  ///< ADDED, MODIFIED, DELETED, BOOKMARK
    json object;
  };
  ~Watch();
  /// The next change; nothing at the server's orderly end (list anew, then watch from there). Errors:
  /// ETIMEDOUT when nothing came within `bound`, ESTALE when the resource version is too old, or what the
  /// connection died of.
  Task<Result<std::optional<Event>>> next(std::chrono::milliseconds bound);

 private:
  friend class Client;
  explicit Watch(std::unique_ptr<Exchange> exchange);
  std::unique_ptr<Exchange> exchange_;
  std::size_t searched_ = 0;  // of the body, for the end of a line
};

class Client : public std::enable_shared_from_this<Client> {
 public:
  /// Touches no network. Errors: those of the server's URL.
  static Result<std::shared_ptr<Client>> create(boost::asio::any_io_executor executor, Kubeconfig config);
  ~Client();

  const Kubeconfig& config() const { return config_; }
  boost::asio::any_io_executor executor() const { return executor_; }

  Task<Result<json>> get(std::string path);
  /// An answer that is no JSON: a container's log.
  Task<Result<std::string>> get_text(std::string path);
  Task<Result<json>> post(std::string path, json body);
  Task<Result<json>> put(std::string path, json body);
  Task<Result<json>> patch(std::string path, json body, std::string content_type);
  /// options: a DeleteOptions object, or null.
  Task<Result<json>> remove(std::string path, json options = nullptr);
  /// The items of a list, all pages of it (500 each; at most 100 000 items).
  Task<Result<std::vector<json>>> list(std::string path);
  /// path: of a list, with its query ("…/pods?labelSelector=…"); `watch=1` is added. Without a
  /// resourceVersion in the query, everything that is there comes first, as ADDED.
  Task<Result<std::unique_ptr<Watch>>> watch(std::string path);

  // For the WebSockets of the same server:
  const std::shared_ptr<CurlLoop>& loop() const { return loop_; }
  Credentials& credentials() { return *credentials_; }

 private:
  Client(boost::asio::any_io_executor executor, Kubeconfig config);
  Task<Result<std::string>> call(HttpRequest request);
  Task<Result<json>> call_json(HttpRequest request);
  Error refusal(const HttpRequest& request, long status, const std::string& body) const;

  boost::asio::any_io_executor executor_;
  Kubeconfig config_;
  std::shared_ptr<CurlLoop> loop_;
  std::unique_ptr<Credentials> credentials_;
};

}  // namespace inpod::kube
