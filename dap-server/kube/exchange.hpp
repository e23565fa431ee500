// Exchange: one HTTP request to the API server by libcurl: route (proxy, name of the certificate), trust,
// identity, body, and what came back. Used by the client for plain requests and by Watch for streams. Only
// for files of kube/.
#pragma once

#include <memory>
#include <string>

#include "kube/credentials.hpp"
#include "kube/curl_loop.hpp"
#include "kube/kubeconfig.hpp"

namespace inpod::kube {

struct HttpRequest {
  std::string method = "GET";
  std::string path;  ///< with its query, starting with a slash
  std::string body, content_type;
  std::chrono::milliseconds timeout{30000};  ///< zero: none (streams)
};

/// Proxy, bounds on connecting, keep-alive: the same for requests and for WebSockets' tunnels.
void set_route(CURL* easy, const Kubeconfig& config);
/// The proxy of proxy-url, else of the environment (HTTPS_PROXY, or HTTP_PROXY for an http server); empty:
/// none.
std::string proxy_of(const Kubeconfig& config);
/// Why no answer came, as an Error that names the server.
Error transport_error(const CurlTransfer& transfer, const Kubeconfig& config);

struct FreeList {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};
using CurlList = std::unique_ptr<curl_slist, FreeList>;

class Exchange {
 public:
  static constexpr std::size_t body_limit = 64 << 20, stream_limit = 4 << 20;

  /// config must outlive it.
  Exchange(std::shared_ptr<CurlLoop> loop, const Kubeconfig& config, const Identity& identity,
           HttpRequest request);
  Exchange(const Exchange&) = delete;

  void start() { transfer_.start(); }
  CurlTransfer& transfer() { return transfer_; }
  const HttpRequest& request() const { return request_; }
  /// 0 until the headers are there.
  long status() const;
  std::string& body() { return body_; }
  /// Streams: lets curl go on after the body was taken from body().
  void unpause();
  void set_stream() { stream_ = true; }

 private:
  static std::size_t on_body(char* data, std::size_t size, std::size_t count, void* self);

  const Kubeconfig& config_;
  HttpRequest request_;
  Identity identity_;
  CurlList headers_, connect_to_;
  std::string body_;
  bool stream_ = false, paused_ = false;
  CurlTransfer transfer_;  // last: leaves the loop before what it refers to goes
};

}  // namespace inpod::kube
