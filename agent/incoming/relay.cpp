// Byte pumping. See relay.hpp.
#include "incoming/relay.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <memory>

#include "incoming/stolen_socket.hpp"
#include "protocol/task.hpp"

namespace inpod::agent {
namespace {

namespace asio = boost::asio;
using tcp = asio::ip::tcp;
using protocol::Task;

/// One direction. `piece` begins with what must be sent first.
Task<void> pump(tcp::socket& from, tcp::socket& to, protocol::Bytes piece, bool finished) {
  boost::system::error_code error;
  for (;;) {
    std::size_t size = 0;
    std::tie(error, size) = co_await asio::async_write(to, asio::buffer(piece), as_result);
    if (error) break;
    if (finished) {
      to.shutdown(tcp::socket::shutdown_send, error);
      co_return;
    }
    piece = {};  // many may wait here
    co_await from.async_wait(tcp::socket::wait_read, as_result);
    piece.resize(piece_size);
    std::tie(error, size) = co_await from.async_read_some(asio::buffer(piece), as_result);
    piece.resize(size);
    finished = error == asio::error::eof;
    if (error && !finished) break;
  }
  reset(from);
  reset(to);
}

}  // namespace

Task<bool> connect_within(tcp::socket& socket, const Endpoint& target, std::chrono::milliseconds bound) {
  asio::steady_timer timer(socket.get_executor(), bound);
  // A timer that has expired can't be cancelled: its handler may still be on its way when the socket is in
  // other use, or gone.
  const auto connecting = std::make_shared<bool>(true);
  timer.async_wait([&socket, connecting](boost::system::error_code error) {
    if (!error && *connecting) socket.cancel(error);
  });
  const tcp::endpoint endpoint = to_asio(target);
  const auto [error] = co_await socket.async_connect(endpoint, as_result);
  *connecting = false;
  timer.cancel();
  co_return !error;
}

Task<void> pump_both(tcp::socket& peer, tcp::socket& pod, protocol::Bytes first, bool peer_finished) {
  using namespace asio::experimental::awaitable_operators;
  co_await (pump(peer, pod, std::move(first), peer_finished) && pump(pod, peer, protocol::Bytes{}, false));
}

}  // namespace inpod::agent
