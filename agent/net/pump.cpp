// See pump.hpp.
#include "net/pump.hpp"

#include <boost/asio/co_spawn.hpp>

#include "protocol/task.hpp"

namespace inpod::agent {
using protocol::Task;

namespace {

constexpr std::size_t stream_piece = 64 * 1024;
constexpr std::size_t largest_datagram = 64 * 1024;

struct Pumped {
  std::shared_ptr<PodSocket> socket;
  std::unique_ptr<protocol::Stream> stream;
  bool datagrams;
  bool lossy;  // datagrams over IP
};

/// What a network says of one datagram (ECONNREFUSED, EHOSTUNREACH, …) is no end of a socket: the next may
/// get through.
bool ends(const Pumped& both, const Error& error) {
  return !both.lossy || error.code == ECANCELED;
}

Task<void> to_client(std::shared_ptr<Pumped> both) {
  protocol::Bytes buffer(both->datagrams ? largest_datagram : stream_piece);
  while (true) {
    auto length = co_await both->socket->receive(buffer);
    if (!length && !ends(*both, length.error())) continue;
    if (!length) {
      if (length.error().code != ECANCELED) both->stream->reset(length.error().code);
      both->socket->close(false);
      co_return;
    }
    if (*length == 0 && !both->datagrams) {
      both->stream->finish();
      co_return;
    }
    std::span<const std::uint8_t> data(buffer.data(), *length);
    Result<void> written;
    if (both->datagrams)
      written = co_await both->stream->write_datagram(data);
    else
      written = co_await both->stream->write(data);
    if (!written) {
      both->socket->close(true);
      co_return;
    }
  }
}

Task<void> to_pod(std::shared_ptr<Pumped> both) {
  while (true) {
    auto data = co_await both->stream->read();
    if (!data) {
      both->socket->close(true);
      co_return;
    }
    if (both->stream->ended()) {
      if (both->datagrams) {  // the program has closed its socket; there is no half of it to keep
        both->socket->close(false);
        both->stream->finish();
      } else {
        both->socket->shutdown_send();
      }
      co_return;
    }
    auto sent = co_await both->socket->send(*data);
    if (!sent && ends(*both, sent.error())) {
      if (sent.error().code != ECANCELED) both->stream->reset(sent.error().code);
      both->socket->close(false);
      co_return;
    }
  }
}

}  // namespace

void pump(boost::asio::any_io_executor io, std::shared_ptr<PodSocket> socket,
          std::unique_ptr<protocol::Stream> stream, protocol::Transport transport) {
  auto both = std::make_shared<Pumped>();
  both->socket = std::move(socket);
  both->stream = std::move(stream);
  both->datagrams = transport == protocol::Transport::datagram;
  int domain = AF_UNIX;
  socklen_t length = sizeof domain;
  ::getsockopt(both->socket->native(), SOL_SOCKET, SO_DOMAIN, &domain, &length);
  both->lossy = both->datagrams && domain != AF_UNIX;
  boost::asio::co_spawn(io, to_client(both), rethrow);
  boost::asio::co_spawn(io, to_pod(both), rethrow);
}

}  // namespace inpod::agent
