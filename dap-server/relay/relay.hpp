// Relay: the side of layer/core/relay_protocol.hpp that lives in `inpod`. It listens on a unix socket for
// debuggees and turns each operation into messages on the Link to the agent; it owns memfds, handles, sockets
// and listeners.
//
// One executor, the Link's; call only there. Nothing of it runs in the debuggee, so it goes on while that is
// stopped.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "config/config.hpp"
#include "protocol/link.hpp"

namespace inpod {

/// A regular file of the pod, as far as a reader's limit goes.
struct FileContent {
  protocol::Bytes bytes;
  protocol::FileStat stat;
  bool truncated = false;
};

class Relay {
 public:
  struct Options {
    Config config;
    std::string directory;                ///< of mode 0700, exists; the socket "relay" is made in it
    protocol::Pod pod;                    ///< what GetPod answered
    std::vector<protocol::Probe> probes;  ///< of the target's spec
    std::function<void(const nlohmann::json&)>
        on_event;  ///< "activity", "process", "note", see docs/dap-extensions.md
  };
  static Result<std::shared_ptr<Relay>> create(boost::asio::any_io_executor executor,
                                               std::shared_ptr<protocol::Link> link, Options options);
  virtual ~Relay() = default;
  virtual std::string socket_path() const = 0;
  /// Events from the agent's Link (Incoming, Note, …) go in here.
  virtual void on_agent_event(protocol::Message event) = 0;
  /// Number of processes that made their handshake and still live; and of all that ever did.
  virtual std::size_t processes() const = 0;
  virtual std::uint64_t handshakes() const = 0;
  /// For people who look at the session, not for debuggees: no rule of the config applies, nothing is
  /// counted.
  virtual protocol::Task<Result<FileContent>> read_file(std::string path, std::uint64_t limit) = 0;
  /// Mirror or steal for one of the pod's ports that a debuggee listens on.
  virtual protocol::Task<Result<void>> set_incoming_mode(std::uint16_t port, protocol::IncomingMode mode) = 0;
  /// Waits, for so long at most each, until what programs have written to files without hooks, and have sent
  /// to peers, is in the pod: their end doesn't say so.
  virtual protocol::Task<void> settle(std::chrono::milliseconds limit) = 0;
  /// Whether any of that did not get there: the programs may have ended without hearing of it.
  virtual bool lost_output() const = 0;
  /// The link is over, and `link`, which still waits for its transport, takes its place: what debuggees ask
  /// from now on waits in it. Connections are reset; what is not here yet of files that are open in the pod
  /// is lost to debuggees (ESTALE).
  virtual void replace_link(std::shared_ptr<protocol::Link> link) = 0;
  /// The new link's agent is in this pod: ports that debuggees listen on are subscribed there.
  virtual void enter_pod(protocol::Pod pod, std::vector<protocol::Probe> probes) = 0;
  /// Forgets everything, closes everything; debuggees see resets and EIO from then on. Idempotent.
  virtual void close() = 0;
};

}  // namespace inpod
