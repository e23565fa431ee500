// Fuzz: what an API server may say on an upgraded connection. The first byte chooses who listens (an attached
// agent that is waited for, or a port-forward), the rest is what the server sends after its 101, byte for
// byte: WebSocket frames, channels, status. Whatever it says: the listener ends, and gives out no more than
// came in.
#include <openssl/evp.h>

#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <span>

#include "kube/agent_stream.hpp"
#include "kube/client.hpp"
#include "kube/port_forward.hpp"
#include "protocol/base64.hpp"
#include "require.hpp"

using namespace inpod;
using namespace inpod::kube;
namespace asio = boost::asio;
using asio::ip::tcp;
constexpr auto tuple = asio::as_tuple(asio::use_awaitable);

namespace {

std::string accept_key(const std::string& request) {
  const std::string name = "Sec-WebSocket-Key: ";
  const auto at = request.find(name);
  fuzz_require(at != std::string::npos);
  const auto key = request.substr(at + name.size(), request.find('\r', at) - at - name.size()) +
                   "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  fuzz_require(EVP_Digest(key.data(), key.size(), digest.data(), &size, EVP_sha1(), nullptr) == 1);
  return encode_base64({reinterpret_cast<const char*>(digest.data()), size});
}

/// One connection: the upgrade, the bytes, the end. The client's words are read until it closes.
Task<void> serve(tcp::acceptor& acceptor, std::span<const std::uint8_t> bytes) {
  auto [failed, socket] = co_await acceptor.async_accept(tuple);
  fuzz_require(!failed);
  std::string request;
  const auto [cut, length] =
      co_await asio::async_read_until(socket, asio::dynamic_buffer(request, 16384), "\r\n\r\n", tuple);
  fuzz_require(!cut);
  const std::string upgrade =
      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: "
      "Upgrade\r\nSec-WebSocket-Accept: " +
      accept_key(request) + "\r\nSec-WebSocket-Protocol: v4.channel.k8s.io\r\n\r\n";
  co_await asio::async_write(
      socket,
      std::array<asio::const_buffer, 2>{asio::buffer(upgrade), asio::buffer(bytes.data(), bytes.size())},
      tuple);
  boost::system::error_code ignored;
  socket.shutdown(tcp::socket::shutdown_send, ignored);
  std::array<char, 4096> rest;
  for (;;) {
    const auto [ended, size] = co_await socket.async_read_some(asio::buffer(rest), tuple);
    if (ended) co_return;
  }
}

Task<Result<void>> nothing_to_check() {
  co_return Result<void>();
}

Task<void> listen_as_agent(std::shared_ptr<Client> client) {
  auto command = co_await RemoteCommand::attach(client, "shop", "web", "app");
  if (!command) co_return;
  const std::shared_ptr<RemoteCommand> shared = std::move(*command);
  const auto input = std::make_shared<const AgentInput>(AgentInput{"program", "record"});
  const std::function<Task<Result<void>>()> check = nothing_to_check;
  const auto port =
      co_await feed_agent(shared, input, check, std::chrono::steady_clock::now() + std::chrono::seconds(5));
  fuzz_require(port || !port.error().text.empty());
  fuzz_require(port || port.error().code != ETIMEDOUT);
  shared->close();
}

Task<void> listen_as_port_forward(std::shared_ptr<Client> client, std::size_t most) {
  auto transport = co_await port_forward(client, "shop", "web", 8080);
  if (!transport) co_return;
  std::array<std::uint8_t, 1000> into;
  for (std::size_t total = 0;;) {
    const auto got = co_await (*transport)->read_some(into);
    if (!got || *got == 0) break;
    fuzz_require(*got <= into.size());
    total += *got;
    fuzz_require(total <= most);
  }
  (*transport)->close();
}

void no_exception(std::exception_ptr thrown) {
  fuzz_require(!thrown);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 1) return 0;
  asio::io_context loop;
  tcp::acceptor acceptor(loop, {asio::ip::address_v4::loopback(), 0});
  Kubeconfig config;
  config.server = "http://127.0.0.1:" + std::to_string(acceptor.local_endpoint().port());
  auto client = Client::create(loop.get_executor(), config);
  fuzz_require(client);
  asio::co_spawn(loop, serve(acceptor, {data + 1, size - 1}), no_exception);
  asio::co_spawn(loop, data[0] % 2 == 0 ? listen_as_agent(*client) : listen_as_port_forward(*client, size),
                 no_exception);
  client->reset();
  loop.run_for(std::chrono::seconds(8));
  fuzz_require(loop.stopped());  // nobody waits any more
  return 0;
}
