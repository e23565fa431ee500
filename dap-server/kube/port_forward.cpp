// Channel 0 is data, channel 1 an error in words; each begins with the number of the port.
#include "kube/port_forward.hpp"

#include <algorithm>

namespace inpod::kube {
namespace {

constexpr std::uint8_t data_channel = 0, error_channel = 1;
constexpr std::size_t error_limit = 4096, write_size = 256 << 10;

class PortForward final : public protocol::ByteTransport {
 public:
  PortForward(std::shared_ptr<WebSocket> socket, std::string what)
      : socket_(std::move(socket)), what_(std::move(what)) {}
  ~PortForward() override { socket_->close(); }

  Task<Result<std::size_t>> read_some(std::span<std::uint8_t> into) override {
    for (;;) {
      CO_TRY(part, co_await socket_->read_some(into));
      if (part.ended) {
        if (error_.empty()) co_return std::size_t{0};
        co_return Failed(Error{ECONNREFUSED, what_ + ": " + error_, {}});
      }
      const auto size = skip_port(part, into);
      if (part.channel == error_channel) {
        error_.append(into.begin(), into.begin() + static_cast<std::ptrdiff_t>(
                                                       std::min(size, error_limit - error_.size())));
        // The kubelet says one sentence, then may leave the connection open: nothing comes after it.
        if (part.last && !error_.empty()) co_return Failed(Error{ECONNREFUSED, what_ + ": " + error_, {}});
      } else if (part.channel == data_channel && size > 0) {
        co_return size;
      }
    }
  }

  Task<Result<void>> write(std::span<const std::uint8_t> data) override {
    while (!data.empty()) {
      const auto piece = data.first(std::min(data.size(), write_size));
      CO_TRY_VOID(co_await socket_->write(data_channel, piece));
      data = data.subspan(piece.size());
    }
    co_return Result<void>();
  }

  void close() override { socket_->close(); }

 private:
  /// Each channel starts with the port's number, two bytes: dropped from the front of `into`.
  std::size_t skip_port(const WebSocket::Part& part, std::span<std::uint8_t> into) {
    if (part.channel > error_channel) return 0;
    auto& left = port_bytes_[part.channel];
    const auto skip = std::min<std::size_t>(left, part.size);
    left -= static_cast<std::uint8_t>(skip);
    if (skip > 0)
      std::copy(into.begin() + static_cast<std::ptrdiff_t>(skip),
                into.begin() + static_cast<std::ptrdiff_t>(part.size), into.begin());
    return part.size - skip;
  }

  std::shared_ptr<WebSocket> socket_;
  std::string what_, error_;
  std::uint8_t port_bytes_[2] = {2, 2};
};

}  // namespace

Task<Result<std::unique_ptr<protocol::ByteTransport>>> port_forward(std::shared_ptr<Client> client,
                                                                    std::string namespace_, std::string pod,
                                                                    std::uint16_t port) {
  const auto path =
      resource_path("v1", namespace_, "pods", pod, "portforward") + "?ports=" + std::to_string(port);
  const auto what = "port " + std::to_string(port) + " of pod " + namespace_ + "/" + pod;
  auto socket = co_await WebSocket::connect(client, path);
  if (!socket) co_return Failed(socket.error().context(what));
  co_return std::make_unique<PortForward>(*socket, what);
}

}  // namespace inpod::kube
