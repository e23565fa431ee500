// Everything that curl must be told for one request. Nothing here waits.
#include "kube/exchange.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cstdlib>

#include "kube/address.hpp"

namespace inpod::kube {
namespace {

std::string variable(const char* upper, const char* lower) {
  for (const char* name : {lower, upper}) {
    if (const char* value = std::getenv(name); value && *value) return value;
  }
  return "";
}

/// Sent and unacknowledged for 20 s: the connection is dead, whatever the retransmission timer thinks. curl
/// would hand a dead HTTP/2 connection to one request after the other.
int on_socket_made(void*, curl_socket_t socket, curlsocktype) {
  const unsigned milliseconds = 20000;
  setsockopt(socket, IPPROTO_TCP, TCP_USER_TIMEOUT, &milliseconds, sizeof milliseconds);
  return CURL_SOCKOPT_OK;
}

curl_blob blob(const std::string& text) {
  return {const_cast<char*>(text.data()), text.size(), CURL_BLOB_NOCOPY};
}

void set_blob(CURL* easy, CURLoption option, const std::string& text) {
  if (text.empty()) return;
  auto value = blob(text);
  curl_easy_setopt(easy, option, &value);
}

}  // namespace

std::string proxy_of(const Kubeconfig& config) {
  if (!config.proxy.empty()) return config.proxy;
  return config.server.rfind("https://", 0) == 0 ? variable("HTTPS_PROXY", "https_proxy")
                                                 : variable("HTTP_PROXY", "http_proxy");
}

void set_route(CURL* easy, const Kubeconfig& config) {
  curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, 10000L);
  curl_easy_setopt(easy, CURLOPT_SOCKOPTFUNCTION, &on_socket_made);
  curl_easy_setopt(easy, CURLOPT_TCP_NODELAY, 1L);
  curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
  curl_easy_setopt(easy, CURLOPT_TCP_KEEPIDLE, 15L);
  curl_easy_setopt(easy, CURLOPT_TCP_KEEPINTVL, 5L);
  auto proxy = proxy_of(config);
  std::string except;
  if (config.proxy.empty()) {
    except = variable("NO_PROXY", "no_proxy");
    except += std::string(except.empty() ? "" : ",") +
              "localhost,127.0.0.0/8,::1";  // kubectl never goes there by a proxy
  }
  // kubectl lets a socks5 proxy resolve the name.
  if (proxy.rfind("socks5://", 0) == 0) proxy.replace(0, 9, "socks5h://");
  curl_easy_setopt(easy, CURLOPT_PROXY, proxy.c_str());
  curl_easy_setopt(easy, CURLOPT_NOPROXY, except.c_str());
  // As kubectl: an https proxy is trusted as the server is.
  set_blob(easy, CURLOPT_PROXY_CAINFO_BLOB, config.authority);
  curl_easy_setopt(easy, CURLOPT_PROXY_SSL_VERIFYPEER, config.insecure ? 0L : 1L);
  curl_easy_setopt(easy, CURLOPT_PROXY_SSL_VERIFYHOST, config.insecure ? 0L : 2L);
}

Error transport_error(const CurlTransfer& transfer, const Kubeconfig& config) {
  Error error{EIO, "cannot reach the API server " + config.server + ": " + transfer.error_text(), {}};
  const std::string which = config.context.empty() ? "" : " (context \"" + config.context + "\")";
  switch (transfer.code()) {
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
      error.code = EHOSTUNREACH;  // not ENOENT: to callers that is an answer, "no such object"
      error.remedy = "check the name in the kubeconfig" + which + ", your VPN and your name servers";
      break;
    case CURLE_COULDNT_CONNECT:
      error.code = ECONNREFUSED;
      error.remedy = "is the cluster running, and the VPN on? Check with: kubectl get --raw /version" + which;
      break;
    case CURLE_OPERATION_TIMEDOUT:
      error.code = ETIMEDOUT;
      error.remedy = "is the VPN on, and the server's address in the kubeconfig right" + which + "?";
      break;
    case CURLE_PEER_FAILED_VERIFICATION:
      error.code = EPROTO;
      error.remedy =
          "the server's certificate is not signed by the kubeconfig's certificate-authority, or has another "
          "name: get the kubeconfig anew, or set tls-server-name";
      break;
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CONNECT_ERROR:
      error.code = EPROTO;
      error.remedy = "the client certificate or its key is not accepted: get the kubeconfig anew";
      break;
    default:
      break;
  }
  if (!config.proxy.empty()) error.text += " (through the proxy of the kubeconfig's proxy-url)";
  return error;
}

Exchange::Exchange(std::shared_ptr<CurlLoop> loop, const Kubeconfig& config, const Identity& identity,
                   HttpRequest request)
    : config_(config), request_(std::move(request)), identity_(identity), transfer_(std::move(loop)) {
  CURL* easy = transfer_.easy();
  const auto add = [&](const std::string& line) {
    headers_.reset(curl_slist_append(headers_.release(), line.c_str()));
  };
  set_route(easy, config_);

  // tls-server-name: the URL carries that name, so that curl asks for it and checks it; the connection and
  // the Host header go to the true address.
  std::string server = config_.server;
  if (!config_.tls_server_name.empty()) {
    if (const auto address = parse_server(server); address && address->tls) {
      server = "https://" + config_.tls_server_name + ":" + address->port + address->prefix;
      connect_to_.reset(
          curl_slist_append(nullptr, ("::" + address->bracketed_host() + ":" + address->port).c_str()));
      curl_easy_setopt(easy, CURLOPT_CONNECT_TO, connect_to_.get());
      add("Host: " + address->host_header());
    }
  }
  curl_easy_setopt(easy, CURLOPT_URL, (server + request_.path).c_str());
  curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_2TLS);
  curl_easy_setopt(easy, CURLOPT_PIPEWAIT, 1L);
  curl_easy_setopt(easy, CURLOPT_ACCEPT_ENCODING, "");
  curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, 128L << 10);
  curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, static_cast<long>(request_.timeout.count()));

  set_blob(easy, CURLOPT_CAINFO_BLOB, config_.authority);
  curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, config_.insecure ? 0L : 1L);
  curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, config_.insecure ? 0L : 2L);
  set_blob(easy, CURLOPT_SSLCERT_BLOB, identity_.certificate);
  set_blob(easy, CURLOPT_SSLKEY_BLOB, identity_.key);

  for (const auto& [name, value] : identity_headers(config_, identity_)) add(name + ": " + value);
  add("Accept: application/json");
  add("Expect:");
  if (request_.method != "GET") curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request_.method.c_str());
  if (!request_.body.empty()) {
    add("Content-Type: " +
        (request_.content_type.empty() ? std::string("application/json") : request_.content_type));
    curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request_.body.size()));
    curl_easy_setopt(easy, CURLOPT_POSTFIELDS, request_.body.data());
  }
  curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers_.get());
  curl_easy_setopt(easy, CURLOPT_USERAGENT, "inpod");
  curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, &Exchange::on_body);
  curl_easy_setopt(easy, CURLOPT_WRITEDATA, this);
}

long Exchange::status() const {
  long status = 0;
  curl_easy_getinfo(transfer_.easy(), CURLINFO_RESPONSE_CODE, &status);
  return status;
}

std::size_t Exchange::on_body(char* data, std::size_t size, std::size_t count, void* self) {
  auto& exchange = *static_cast<Exchange*>(self);
  const std::size_t length = size * count;
  if (exchange.stream_ && exchange.body_.size() > stream_limit) {
    exchange.paused_ = true;
    return CURL_WRITEFUNC_PAUSE;
  }
  if (exchange.body_.size() + length > body_limit) return 0;  // ends the transfer with CURLE_WRITE_ERROR
  exchange.body_.append(data, length);
  if (exchange.stream_) exchange.transfer_.notify();
  return length;
}

void Exchange::unpause() {
  if (!std::exchange(paused_, false)) return;
  curl_easy_pause(transfer_.easy(), CURLPAUSE_CONT);
}

}  // namespace inpod::kube
