// Requests, lists and watches over Exchange. The object lives as long as any of its coroutines.
#include "kube/client.hpp"

#include "kube/address.hpp"
#include "kube/api_error.hpp"
#include "kube/exchange.hpp"
#include "kube/fields.hpp"
#include "log/log.hpp"

namespace inpod::kube {

std::string resource_path(const std::string& api, const std::string& namespace_, const std::string& resource,
                          const std::string& name, const std::string& subresource) {
  std::string path = (api.find('/') == std::string::npos ? "/api/" : "/apis/") + api;
  if (!namespace_.empty()) path += "/namespaces/" + escape(namespace_);
  path += "/" + resource;
  if (!name.empty()) path += "/" + escape(name);
  if (!subresource.empty()) path += "/" + subresource;
  return path;
}

Result<std::shared_ptr<Client>> Client::create(boost::asio::any_io_executor executor, Kubeconfig config) {
  const auto address = parse_server(config.server);
  if (address && address->has_user) {
    return fail("the server URL of cluster \"" + config.cluster + "\" holds a user name or a password",
                "put them into the entry of user \"" + config.user + "\" in " + config.source);
  }
  if (!address) {
    return fail("the server of cluster \"" + config.cluster + "\" is no URL: \"" + config.server + "\"",
                "correct it in " + config.source);
  }
  return std::shared_ptr<Client>(new Client(std::move(executor), std::move(config)));
}

Client::Client(boost::asio::any_io_executor executor, Kubeconfig config)
    : executor_(executor),
      config_(std::move(config)),
      loop_(CurlLoop::create(executor)),
      credentials_(std::make_unique<Credentials>(executor, config_)) {}

Client::~Client() = default;

Error Client::refusal(const HttpRequest& request, long status, const std::string& body) const {
  auto error = api_error(request.method, request.path, status, body);
  if (status < 400)
    error = {EIO,
             "the API server " + config_.server + " redirects (" + std::to_string(status) +
                 "), which is not followed: credentials would go elsewhere",
             "set the server's final address in " + config_.source};
  return credentials_->explain_refusal(std::move(error), status);
}

Task<Result<std::string>> Client::call(HttpRequest request) {
  const auto self = shared_from_this();
  for (int attempt = 0;; ++attempt) {
    CO_TRY(identity, co_await credentials_->get());
    Exchange exchange(loop_, config_, identity, request);
    exchange.start();
    while (!exchange.transfer().ended())
      co_await exchange.transfer().wait(request.timeout + std::chrono::seconds(5));
    if (exchange.transfer().code() != CURLE_OK)
      co_return Failed(transport_error(exchange.transfer(), config_));
    const long status = exchange.status();
    log_debug(request.method + " " + request.path + ": " + std::to_string(status));
    if (status < 300) co_return std::move(exchange.body());
    if (status == 401 && attempt == 0 && credentials_->renew(identity)) continue;
    co_return Failed(refusal(request, status, exchange.body()));
  }
}

Task<Result<json>> Client::call_json(HttpRequest request) {
  const auto self = shared_from_this();
  const auto what = request.method + " " + request.path;
  CO_TRY(body, co_await call(std::move(request)));
  auto answer = json::parse(body, nullptr, false);
  if (answer.is_discarded()) {
    co_return Failed(
        Error{EIO, what + " on " + config_.server + ": the answer is not JSON",
              "is this the address of a Kubernetes API server? See the kubeconfig " + config_.source});
  }
  co_return answer;
}

namespace {

HttpRequest with_body(const char* method, std::string path, const json& body, std::string content_type) {
  HttpRequest request;
  request.method = method, request.path = std::move(path), request.content_type = std::move(content_type);
  if (!body.is_null()) request.body = body.dump(-1, ' ', false, json::error_handler_t::replace);
  return request;
}

}  // namespace

Task<Result<json>> Client::get(std::string path) {
  return call_json(with_body("GET", std::move(path), nullptr, {}));
}
Task<Result<std::string>> Client::get_text(std::string path) {
  return call(with_body("GET", std::move(path), nullptr, {}));
}
Task<Result<json>> Client::post(std::string path, json body) {
  return call_json(with_body("POST", std::move(path), body, {}));
}
Task<Result<json>> Client::put(std::string path, json body) {
  return call_json(with_body("PUT", std::move(path), body, {}));
}
Task<Result<json>> Client::patch(std::string path, json body, std::string content_type) {
  return call_json(with_body("PATCH", std::move(path), body, std::move(content_type)));
}
Task<Result<json>> Client::remove(std::string path, json options) {
  return call_json(with_body("DELETE", std::move(path), options, {}));
}

Task<Result<std::vector<json>>> Client::list(std::string path) {
  const auto self = shared_from_this();
  constexpr std::size_t most = 100'000;
  std::vector<json> items;
  std::string token;
  const std::string query = path.find('?') == std::string::npos ? "?limit=500" : "&limit=500";
  do {
    std::string page_path = path + query;
    if (!token.empty()) page_path += "&continue=" + escape(token);
    CO_TRY(page, co_await get(page_path));
    if (!page.is_object()) co_return fail("the API server answered a list that is no object");
    for (const auto& item : kube::items(page, {"items"})) items.push_back(item);
    const auto next = text(page, {"metadata", "continue"});
    if (next == token) break;
    token = next;
  } while (!token.empty() && items.size() < most);
  co_return items;
}

Task<Result<std::unique_ptr<Watch>>> Client::watch(std::string path) {
  const auto self = shared_from_this();
  HttpRequest request;
  request.path = path + (path.find('?') == std::string::npos ? "?" : "&") + "watch=1";
  request.timeout = std::chrono::milliseconds(0);
  for (int attempt = 0;; ++attempt) {
    CO_TRY(identity, co_await credentials_->get());
    auto exchange = std::make_unique<Exchange>(loop_, config_, identity, request);
    exchange->set_stream();
    exchange->start();
    // Returns as soon as the request is under way: whether the server refuses it is seen by the first next().
    if (attempt == 0 && config_.exec) {
      // A plugin's token may be stale: only here a refusal must be seen at once. One that comes later is
      // next()'s.
      const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(10);
      while (exchange->status() == 0 && !exchange->transfer().ended() &&
             std::chrono::steady_clock::now() < limit)
        co_await exchange->transfer().wait(std::chrono::milliseconds(200));
      if (exchange->status() == 401 && credentials_->renew(identity)) continue;
    }
    co_return std::unique_ptr<Watch>(new Watch(std::move(exchange)));
  }
}

Watch::Watch(std::unique_ptr<Exchange> exchange) : exchange_(std::move(exchange)) {}
Watch::~Watch() = default;

Task<Result<std::optional<Watch::Event>>> Watch::next(std::chrono::milliseconds bound) {
  const auto deadline = std::chrono::steady_clock::now() + bound;
  auto& body = exchange_->body();
  for (;;) {
    const auto newline = exchange_->status() < 300 ? body.find('\n', searched_) : std::string::npos;
    if (newline != std::string::npos) {
      auto object =
          json::parse(body.begin(), body.begin() + static_cast<std::ptrdiff_t>(newline), nullptr, false);
      body.erase(0, newline + 1);
      searched_ = 0;
      exchange_->unpause();
      if (!object.is_object()) co_return fail("the API server sent a watch event that is not JSON");
      Event event;
      event.type = text(object, {"type"});
      event.object = std::move(object["object"]);
      if (event.type == "ERROR") {
        const long status = number(event.object, {"code"}).value_or(500);
        co_return Failed(api_error("GET", exchange_->request().path, status, event.object.dump()));
      }
      co_return std::optional<Event>(std::move(event));
    }
    searched_ = body.size();
    auto& transfer = exchange_->transfer();
    if (transfer.ended()) {
      if (transfer.code() != CURLE_OK)
        co_return fail("the watch on the API server broke: " + transfer.error_text());
      if (exchange_->status() >= 300)
        co_return Failed(api_error("GET", exchange_->request().path, exchange_->status(), body));
      co_return std::optional<Event>();
    }
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    if (left <= std::chrono::milliseconds(0))
      co_return Failed(Error{
          ETIMEDOUT, "nothing changed in the cluster for " + std::to_string(bound.count()) + " ms", {}});
    co_await transfer.wait(left);
  }
}

}  // namespace inpod::kube
