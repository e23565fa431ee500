// curl connects (CURLOPT_CONNECT_ONLY); we keep the socket. Only behind an https proxy must curl stay in
// between.
#include "kube/tunnel.hpp"

#include <fcntl.h>
#include <sys/socket.h>

#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/write.hpp>

#include "kube/address.hpp"
#include "kube/exchange.hpp"
#include "protocol/task.hpp"

namespace inpod::kube {
namespace {

namespace asio = boost::asio;
using LocalSocket = asio::local::stream_protocol::socket;

/// The pump behind an https proxy: TLS to the proxy is in curl, so curl must send and receive.
struct Pump {
  Pump(std::shared_ptr<CurlLoop> loop, const asio::any_io_executor& executor)
      : transfer(std::move(loop)), near(executor), far(executor) {}
  ~Pump() {
    if (far.is_open()) far.release();
  }
  void stop() {
    boost::system::error_code ignored;
    near.close(ignored);
    if (far.is_open()) far.release();
  }

  CurlTransfer transfer;
  LocalSocket near;                    // our end of the pair
  asio::posix::stream_descriptor far;  // curl's socket, which curl owns
};

Task<void> pump_out(std::shared_ptr<Pump> pump) {
  std::array<char, 65536> buffer;
  for (;;) {
    const auto [error, size] = co_await pump->near.async_read_some(asio::buffer(buffer), as_result);
    if (error) break;
    for (std::size_t done = 0; done < size;) {
      std::size_t sent = 0;
      const auto code = curl_easy_send(pump->transfer.easy(), buffer.data() + done, size - done, &sent);
      done += sent;
      if (code == CURLE_AGAIN) {
        if (!pump->far.is_open()) co_return;
        co_await pump->far.async_wait(asio::posix::stream_descriptor::wait_write, as_result);
      } else if (code != CURLE_OK) {
        pump->stop();
        co_return;
      }
    }
  }
  pump->stop();
}

Task<void> pump_in(std::shared_ptr<Pump> pump) {
  std::array<char, 65536> buffer;
  for (;;) {
    std::size_t got = 0;
    const auto code = curl_easy_recv(pump->transfer.easy(), buffer.data(), buffer.size(), &got);
    if (code == CURLE_AGAIN) {
      if (!pump->far.is_open()) co_return;
      const auto [error] =
          co_await pump->far.async_wait(asio::posix::stream_descriptor::wait_read, as_result);
      if (error) break;
      continue;
    }
    if (code != CURLE_OK || got == 0) break;
    const auto [error, size] =
        co_await asio::async_write(pump->near, asio::buffer(buffer.data(), got), as_result);
    if (error) break;
  }
  pump->stop();
}

}  // namespace

Task<Result<UniqueFd>> open_tunnel(std::shared_ptr<Client> client) {
  const auto& config = client->config();
  const auto address = parse_server(config.server);
  auto pump = std::make_shared<Pump>(client->loop(), client->executor());
  CURL* easy = pump->transfer.easy();
  set_route(easy, config);
  // Plain http to the same address: the TLS in the tunnel is ours (OpenSSL over Asio), not curl's.
  curl_easy_setopt(easy, CURLOPT_URL, ("http://" + address->bracketed_host() + ":" + address->port).c_str());
  curl_easy_setopt(easy, CURLOPT_HTTPPROXYTUNNEL, 1L);
  curl_easy_setopt(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
  curl_easy_setopt(easy, CURLOPT_CONNECT_ONLY, 1L);
  curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, 10000L);
  pump->transfer.start();
  while (!pump->transfer.ended()) co_await pump->transfer.wait(std::chrono::seconds(15));
  if (pump->transfer.code() != CURLE_OK) co_return Failed(transport_error(pump->transfer, config));

  curl_socket_t socket = CURL_SOCKET_BAD;
  curl_easy_getinfo(easy, CURLINFO_ACTIVESOCKET, &socket);
  if (socket == CURL_SOCKET_BAD)
    co_return fail("cannot reach the API server " + config.server + ": the connection was lost at once");
  if (proxy_of(config).rfind("https://", 0) != 0) {
    UniqueFd own(fcntl(socket, F_DUPFD_CLOEXEC, 3));  // curl closes its copy; the connection stays
    if (!own) co_return fail_errno("cannot keep the connection to " + config.server);
    co_return own;
  }
  int pair[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) != 0)
    co_return fail_errno("cannot make a socket pair");
  UniqueFd own(pair[0]);
  pump->near.assign(asio::local::stream_protocol(), pair[1]);
  pump->far.assign(socket);
  const auto ended = [](std::exception_ptr) {};  // both directions report by closing the pair
  asio::co_spawn(client->executor(), pump_out(pump), ended);
  asio::co_spawn(client->executor(), pump_in(pump), ended);
  co_return own;
}

}  // namespace inpod::kube
