// Channels 0 to 3: stdin, stdout, stderr, and the outcome as a Status object.
#include "kube/remote_command.hpp"

#include <algorithm>

#include "kube/api_error.hpp"
#include "kube/fields.hpp"

namespace inpod::kube {
namespace {

enum Channel : std::uint8_t { stdin_channel, stdout_channel, stderr_channel, status_channel };
constexpr std::size_t status_limit = 64 << 10, input_piece = 256 << 10;

}  // namespace

Task<Result<std::unique_ptr<RemoteCommand>>> RemoteCommand::attach(std::shared_ptr<Client> client,
                                                                   std::string namespace_, std::string pod,
                                                                   std::string container) {
  return open(client,
              resource_path("v1", namespace_, "pods", pod, "attach") + "?container=" + escape(container) +
                  "&stdin=true&stdout=true&stderr=true",
              "attach to container " + container + " of pod " + namespace_ + "/" + pod);
}

Task<Result<std::unique_ptr<RemoteCommand>>> RemoteCommand::open(std::shared_ptr<Client> client,
                                                                 std::string path, std::string what) {
  auto socket = co_await WebSocket::connect(client, path);
  if (!socket) co_return Failed(socket.error().context(what));
  co_return std::unique_ptr<RemoteCommand>(new RemoteCommand(*socket, what));
}

RemoteCommand::~RemoteCommand() {
  close();
}
void RemoteCommand::close() {
  socket_->close();
}

Task<Result<std::optional<RemoteCommand::Output>>> RemoteCommand::read(std::span<std::uint8_t> into) {
  for (;;) {
    const auto read = co_await socket_->read_some(into);
    if (!read && status_.empty()) co_return Failed(read.error());
    if (!read || read->ended) co_return outcome();
    const auto part = *read;
    if (part.channel == status_channel) {
      status_.append(into.begin(), into.begin() + static_cast<std::ptrdiff_t>(
                                                      std::min(part.size, status_limit - status_.size())));
    } else if (part.channel == stdout_channel || part.channel == stderr_channel) {
      Output output;
      output.source = part.channel == stdout_channel ? Source::output : Source::errors;
      output.size = part.size;
      co_return std::optional<Output>(output);
    }
  }
}

/// What the status channel said: a Status object.
Result<std::optional<RemoteCommand::Output>> RemoteCommand::outcome() {
  const auto status = json::parse(status_, nullptr, false);
  if (!status.is_object())
    return status_.empty() ? Result<std::optional<Output>>(std::nullopt) : fail(what_ + ": " + status_);
  if (text(status, {"status"}) == "Success") return std::optional<Output>();
  return fail(what_ + ": " + words(status, {"message"}));
}

Task<Result<void>> RemoteCommand::write(std::span<const std::uint8_t> input) {
  while (!input.empty()) {
    const auto piece = input.first(std::min(input.size(), input_piece));
    CO_TRY_VOID(co_await socket_->write(stdin_channel, piece));
    input = input.subspan(piece.size());
  }
  co_return Result<void>();
}

}  // namespace inpod::kube
