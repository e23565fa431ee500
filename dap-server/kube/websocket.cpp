// TLS and the WebSocket protocol by OpenSSL and Beast: the one file that includes them, and the home of
// their non-template code (BOOST_BEAST_SEPARATE_COMPILATION).
#include "kube/websocket.hpp"

#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/asio/ssl/impl/src.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/bind_handler.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/src.hpp>
#include <boost/beast/websocket.hpp>
#include <variant>

#include "kube/address.hpp"
#include "kube/api_error.hpp"
#include "kube/credentials.hpp"
#include "kube/tunnel.hpp"
#include "protocol/task.hpp"

namespace inpod::kube {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
namespace websocket = beast::websocket;
using Socket = asio::generic::stream_protocol::socket;
using TlsSocket = asio::ssl::stream<Socket>;

constexpr std::size_t message_limit = 512 << 10;
constexpr auto ping_interval = std::chrono::seconds(20);
constexpr auto upgrade_bound = std::chrono::seconds(10);

std::string openssl_reason() {
  const auto code = ERR_get_error();
  return code ? ERR_reason_error_string(code) : "unknown";
}

Result<std::shared_ptr<asio::ssl::context>> make_context(const Kubeconfig& config, const Identity& identity) {
  auto context = std::make_shared<asio::ssl::context>(asio::ssl::context::tls_client);
  boost::system::error_code error;
  SSL_CTX_set_min_proto_version(context->native_handle(), TLS1_2_VERSION);
  context->set_verify_mode(config.insecure ? asio::ssl::verify_none : asio::ssl::verify_peer, error);
  if (config.authority.empty()) {
    context->set_default_verify_paths(error);
  } else {
    context->add_certificate_authority(asio::buffer(config.authority), error);
  }
  if (error)
    return fail("the certificate authority of the kubeconfig can't be read: " + error.message(),
                "get the kubeconfig anew");
  if (!identity.certificate.empty()) {
    context->use_certificate_chain(asio::buffer(identity.certificate), error);
    if (!error) context->use_private_key(asio::buffer(identity.key), asio::ssl::context::pem, error);
    if (error)
      return fail("the client certificate of the kubeconfig can't be read: " + error.message(),
                  "get the kubeconfig anew");
  }
  return context;
}

bool is_ip_address(const std::string& host) {
  boost::system::error_code error;
  asio::ip::make_address(host, error);
  return !error;
}

/// Name to ask for (SNI) and to check.
Result<void> set_server_name(SSL* ssl, const std::string& name) {
  const bool ip = is_ip_address(name);
  X509_VERIFY_PARAM* parameters = SSL_get0_param(ssl);
  const bool done = ip ? X509_VERIFY_PARAM_set1_ip_asc(parameters, name.c_str()) == 1
                       : SSL_set_tlsext_host_name(ssl, name.c_str()) == 1 &&
                             X509_VERIFY_PARAM_set1_host(parameters, name.c_str(), 0) == 1;
  if (!done) return fail("the server's name \"" + name + "\" can't be used for TLS: " + openssl_reason());
  static const unsigned char http1[] = "\x08http/1.1";
  SSL_set_alpn_protos(ssl, http1, sizeof http1 - 1);
  return {};
}

/// Closes the socket when the time is over: every operation on it then ends.
class Deadline {
 public:
  Deadline(Socket& socket, std::chrono::milliseconds bound) : timer_(socket.get_executor(), bound) {
    timer_.async_wait(
        [&socket, weak = std::weak_ptr<bool>(late_)](const boost::system::error_code& cancelled) {
          const auto late = weak.lock();  // gone: we ran out of time just as the operation ended
          if (cancelled || !late) return;
          *late = true;
          boost::system::error_code ignored;
          socket.close(ignored);
        });
  }
  bool late() const { return *late_; }

 private:
  std::shared_ptr<bool> late_ = std::make_shared<bool>(false);
  asio::steady_timer timer_;
};

/// With TLS or without, as one type: Beast is compiled once for it.
class Wire {
 public:
  using executor_type = Socket::executor_type;
  explicit Wire(Socket socket) : stream_(std::in_place_type<Socket>, std::move(socket)) {}
  Wire(Socket socket, asio::ssl::context& context)
      : stream_(std::in_place_type<TlsSocket>, std::move(socket), context) {}

  executor_type get_executor() { return socket().get_executor(); }
  Socket& socket() { return tls() ? tls()->next_layer() : std::get<Socket>(stream_); }
  TlsSocket* tls() { return std::get_if<TlsSocket>(&stream_); }

  template <class Buffers, class Token>
  auto async_read_some(const Buffers& buffers, Token&& token) {
    return tls() ? tls()->async_read_some(buffers, std::forward<Token>(token))
                 : socket().async_read_some(buffers, std::forward<Token>(token));
  }
  template <class Buffers, class Token>
  auto async_write_some(const Buffers& buffers, Token&& token) {
    return tls() ? tls()->async_write_some(buffers, std::forward<Token>(token))
                 : socket().async_write_some(buffers, std::forward<Token>(token));
  }

 private:
  std::variant<Socket, TlsSocket> stream_;
};

/// For Beast, after the peer's close frame: nothing comes that we would wait for.
template <class Handler>
void async_teardown(beast::role_type, Wire& wire, Handler&& handler) {
  boost::system::error_code error;
  wire.socket().shutdown(asio::socket_base::shutdown_both, error);
  asio::post(wire.get_executor(), beast::bind_handler(std::forward<Handler>(handler), error));
}

/// For Beast, when a WebSocket's time is over.
void beast_close_socket(Wire& wire) {
  boost::system::error_code ignored;
  wire.socket().close(ignored);
}

class BeastSocket final : public WebSocket, public std::enable_shared_from_this<BeastSocket> {
 public:
  template <class... Arguments>
  explicit BeastSocket(Arguments&&... arguments)
      : stream_(std::forward<Arguments>(arguments)...),
        turn_(stream_.get_executor(), asio::steady_timer::time_point::max()),
        ping_(stream_.get_executor()) {}

  Wire& wire() { return stream_.next_layer(); }
  websocket::stream<Wire, false>& stream() { return stream_; }

  void configure(std::function<void(websocket::request_type&)> decorate) {
    stream_.set_option(websocket::stream_base::decorator(std::move(decorate)));
    stream_.binary(true);
    stream_.auto_fragment(false);
    stream_.write_buffer_bytes(message_limit / 4);
    stream_.read_message_max(0);
  }

  /// Keeps what stands between us and the server (load balancers, NAT) from closing an idle connection.
  void start_pings() {
    ping_.expires_after(ping_interval);
    ping_.async_wait([weak = this->weak_from_this()](const boost::system::error_code& cancelled) {
      const auto self = weak.lock();
      if (cancelled || !self || self->closed_) return;
      self->stream_.async_ping({}, [self](const boost::system::error_code& error) {
        if (!error) self->start_pings();
      });
    });
  }

  Task<Result<Part>> read_some(std::span<std::uint8_t> into) override {
    const auto self = this->shared_from_this();
    Part part;
    for (;;) {
      if (at_start_) {
        const auto [error, size] = co_await stream_.async_read_some(asio::buffer(&channel_, 1), as_result);
        if (error) co_return ended(error);
        at_start_ = stream_.is_message_done();  // a message of one byte: its channel and nothing
        if (size == 0 || at_start_) continue;
      }
      const auto [error, size] =
          co_await stream_.async_read_some(asio::buffer(into.data(), into.size()), as_result);
      if (error) co_return ended(error);
      at_start_ = stream_.is_message_done();
      if (size == 0) continue;
      part.channel = channel_, part.size = size, part.last = at_start_;
      co_return part;
    }
  }

  Task<Result<void>> write(std::uint8_t channel, std::span<const std::uint8_t> data) override {
    const auto self = this->shared_from_this();
    while (writing_) {
      const auto [woken] = co_await turn_.async_wait(as_result);
      (void)woken;
    }
    if (closed_) co_return Failed(Error{EPIPE, "the connection to the API server is closed", {}});
    struct Turn {
      BeastSocket& socket;
      ~Turn() { socket.writing_ = false, socket.turn_.cancel_one(); }
    } turn{*this};
    writing_ = true;
    const std::array<asio::const_buffer, 2> buffers{asio::buffer(&channel, 1),
                                                    asio::buffer(data.data(), data.size())};
    const auto [error, size] = co_await stream_.async_write(buffers, as_result);
    if (error)
      co_return Failed(Error{ECONNRESET, "the connection to the API server broke: " + error.message(), {}});
    co_return Result<void>();
  }

  void close() override {
    closed_ = true;
    ping_.cancel();
    beast_close_socket(wire());
  }

 private:
  Result<Part> ended(const boost::system::error_code& error) {
    Part part;
    part.ended = true;
    // The peer's close frame may be followed by a closed socket before our answer is out.
    const bool orderly = stream_.reason().code != websocket::close_code::none ||
                         error == websocket::error::closed || error == asio::error::eof ||
                         error == asio::ssl::error::stream_truncated;
    if (orderly && !closed_) return part;
    return Failed(Error{
        ECONNRESET,
        closed_ ? "the connection was closed" : "the connection to the API server broke: " + error.message(),
        {}});
  }

  websocket::stream<Wire, false> stream_;  // false: no compression
  asio::steady_timer turn_, ping_;
  bool writing_ = false, closed_ = false, at_start_ = true;
  std::uint8_t channel_ = 0;
};

struct Upgrade {
  std::shared_ptr<Client> client;
  std::string path;
  Identity identity;
  ServerAddress address;
  long refused = 0;  // HTTP status, when the server refused
};

Error broken(const Upgrade& upgrade, const std::string& what, const std::string& why) {
  return {EIO,
          "cannot open a connection through the API server " + upgrade.client->config().server + ": " + what +
              ": " + why,
          {}};
}

Task<Result<std::shared_ptr<WebSocket>>> shake_hands(std::shared_ptr<BeastSocket> ready, Upgrade& upgrade,
                                                     Deadline& deadline) {
  const auto& config = upgrade.client->config();
  ready->configure([headers = identity_headers(config, upgrade.identity)](websocket::request_type& request) {
    request.set(http::field::user_agent, "inpod");
    request.set(http::field::sec_websocket_protocol, "v4.channel.k8s.io");
    for (const auto& [name, value] : headers) request.insert(name, value);
  });
  websocket::response_type response;
  const auto [error] = co_await ready->stream().async_handshake(
      response, upgrade.address.host_header(), upgrade.address.prefix + upgrade.path, as_result);
  if (deadline.late()) co_return Failed(broken(upgrade, "upgrade", "no answer within 10 s"));
  if (error == websocket::error::upgrade_declined) {
    upgrade.refused = response.result_int();
    co_return Failed(api_error("GET", upgrade.path, upgrade.refused, response.body()));
  }
  if (error) co_return Failed(broken(upgrade, "upgrade to a WebSocket", error.message()));
  if (response[http::field::sec_websocket_protocol] != "v4.channel.k8s.io") {
    co_return fail("the API server does not speak the subprotocol v4.channel.k8s.io",
                   "is there a proxy in front of it that does not know WebSockets?");
  }
  ready->start_pings();
  co_return std::shared_ptr<WebSocket>(std::move(ready));
}

Task<Result<std::shared_ptr<WebSocket>>> open(Upgrade& upgrade) {
  const auto& config = upgrade.client->config();
  CO_TRY(fd, co_await open_tunnel(upgrade.client));
  Socket socket(upgrade.client->executor());
  boost::system::error_code error;
  // Only an id for Asio; IPv6 and unix sockets work the same.
  socket.assign(asio::generic::stream_protocol(AF_INET, 0), fd.get(), error);
  if (error) co_return Failed(broken(upgrade, "socket", error.message()));
  fd.release();

  if (!upgrade.address.tls) {
    auto plain = std::make_shared<BeastSocket>(std::move(socket));
    Deadline deadline(plain->wire().socket(), upgrade_bound);
    co_return co_await shake_hands(std::move(plain), upgrade, deadline);
  }
  CO_TRY(context, make_context(config, upgrade.identity));
  auto secure = std::make_shared<BeastSocket>(std::move(socket), *context);
  auto& tls = *secure->wire().tls();
  CO_TRY_VOID(set_server_name(
      tls.native_handle(), config.tls_server_name.empty() ? upgrade.address.host : config.tls_server_name));
  Deadline deadline(secure->wire().socket(), upgrade_bound);
  const auto [failed] = co_await tls.async_handshake(asio::ssl::stream_base::client, as_result);
  if (deadline.late()) co_return Failed(broken(upgrade, "TLS", "no answer within 10 s"));
  if (failed) co_return Failed(broken(upgrade, "TLS", failed.message()));
  co_return co_await shake_hands(std::move(secure), upgrade, deadline);
}

}  // namespace

Task<Result<std::shared_ptr<WebSocket>>> WebSocket::connect(std::shared_ptr<Client> client,
                                                            std::string path) {
  for (int attempt = 0;; ++attempt) {
    Upgrade upgrade{client, path, {}, *parse_server(client->config().server)};
    CO_TRY(identity, co_await client->credentials().get());
    upgrade.identity = identity;
    auto opened = co_await open(upgrade);
    if (!opened && upgrade.refused == 401 && attempt == 0 && client->credentials().renew(identity)) continue;
    if (!opened) co_return Failed(client->credentials().explain_refusal(opened.error(), upgrade.refused));
    co_return opened;
  }
}

}  // namespace inpod::kube
