// RemoteCommand: stdin, stdout and stderr of a container's main process: `kubectl attach`.
//
// stdin can't be half-closed over v4.channel.k8s.io: send a length first, or end the whole connection.
#pragma once

#include <optional>

#include "kube/websocket.hpp"

namespace inpod::kube {

class RemoteCommand {
 public:
  enum class Source : std::uint8_t { output, errors };
  struct Output {
    Source source = Source::output;
    std::size_t size = 0;
  };

  /// To the main process of the container, which must have been created with stdin: true to be written to.
  static Task<Result<std::unique_ptr<RemoteCommand>>> attach(std::shared_ptr<Client> client,
                                                             std::string namespace_, std::string pod,
                                                             std::string container);
  ~RemoteCommand();

  /// Next output; nothing when the process ended well. Error: how it ended otherwise ("command terminated
  /// with exit code 3") or what broke.
  Task<Result<std::optional<Output>>> read(std::span<std::uint8_t> into);
  Task<Result<void>> write(std::span<const std::uint8_t> input);
  void close();

 private:
  RemoteCommand(std::shared_ptr<WebSocket> socket, std::string what)
      : socket_(std::move(socket)), what_(std::move(what)) {}
  static Task<Result<std::unique_ptr<RemoteCommand>>> open(std::shared_ptr<Client> client, std::string path,
                                                           std::string what);
  Result<std::optional<Output>> outcome();

  std::shared_ptr<WebSocket> socket_;
  std::string what_, status_;
};

}  // namespace inpod::kube
