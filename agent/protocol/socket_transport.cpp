// The ByteTransport over a connected TCP or unix stream socket. On TCP it switches Nagle's delay off and
// keeps little unsent data in the kernel, so that a small urgent frame never waits behind megabytes that were
// handed over before it.
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/write.hpp>

#include "protocol/link.hpp"
#include "protocol/task.hpp"

namespace inpod::protocol {
namespace {

namespace asio = boost::asio;
constexpr int most_unsent = 128 << 10;  // bytes, tcp(7) TCP_NOTSENT_LOWAT

class SocketTransport final : public ByteTransport {
 public:
  explicit SocketTransport(asio::generic::stream_protocol::socket socket) : socket_(std::move(socket)) {
    // Both fail on a unix socket, harmlessly.
    int on = 1;
    setsockopt(socket_.native_handle(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    setsockopt(socket_.native_handle(), IPPROTO_TCP, TCP_NOTSENT_LOWAT, &most_unsent, sizeof most_unsent);
  }

  Task<Result<std::size_t>> read_some(std::span<std::uint8_t> into) override {
    auto [error, size] = co_await socket_.async_read_some(asio::buffer(into.data(), into.size()), as_result);
    if (error == asio::error::eof) co_return std::size_t{0};
    if (error) co_return fail_errno("cannot read from the peer", error.value());
    co_return size;
  }

  Task<Result<void>> write(std::span<const std::uint8_t> data) override {
    auto [error, size] =
        co_await asio::async_write(socket_, asio::buffer(data.data(), data.size()), as_result);
    if (error) co_return fail_errno("cannot write to the peer", error.value());
    co_return Result<void>{};
  }

  void close() override {
    boost::system::error_code ignored;
    socket_.shutdown(asio::socket_base::shutdown_both, ignored);
    socket_.close(ignored);
  }

 private:
  asio::generic::stream_protocol::socket socket_;
};

}  // namespace

std::unique_ptr<ByteTransport> make_socket_transport(asio::generic::stream_protocol::socket socket) {
  return std::make_unique<SocketTransport>(std::move(socket));
}

}  // namespace inpod::protocol
