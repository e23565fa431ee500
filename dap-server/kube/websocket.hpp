// WebSocket: one upgraded connection to the API server (attach, exec, portforward), subprotocol
// v4.channel.k8s.io: every message starts with the number of its channel. Same server, trust, identity and
// proxy as the client's requests.
//
// Beast and OpenSSL stay in websocket.cpp. One executor. At most one read at a time; writes queue up in
// order. Operations keep the object alive until they end, so its owner must close() it; cancelling an
// operation breaks the connection.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "kube/client.hpp"

namespace inpod::kube {

class WebSocket {
 public:
  /// path: with its query. Bounded: 10 s to connect, 10 s for TLS and the upgrade. Errors as those of a
  /// request (the rule that a 403 names has the verb get).
  static Task<Result<std::shared_ptr<WebSocket>>> connect(std::shared_ptr<Client> client, std::string path);
  virtual ~WebSocket() = default;

  /// A part of a message: at most as much as there is room for.
  struct Part {
    std::uint8_t channel = 0;
    std::size_t size = 0;  ///< 0 at the orderly end of the connection
    bool last = false;     ///< the message ends with it
    bool ended = false;
  };
  virtual Task<Result<Part>> read_some(std::span<std::uint8_t> into) = 0;
  /// One message on the channel, at most 512 KiB.
  virtual Task<Result<void>> write(std::uint8_t channel, std::span<const std::uint8_t> data) = 0;
  /// Ends it at once, no closing handshake; waiting reads and writes return an error. Idempotent.
  virtual void close() = 0;
};

}  // namespace inpod::kube
