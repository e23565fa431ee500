// Activity: counts what the debuggees did in the pod and tells the session as JSON events: "activity" (at
// most four a second, only when something changed), "process" and "note" at once. The shapes are in
// docs/dap-extensions.md.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <unordered_set>

#include "relay/context.hpp"

namespace inpod::relay {

class Activity {
 public:
  using Sink = std::function<void(const nlohmann::json&)>;
  Activity(Context& context, Sink sink)
      : context_(context), sink_(std::move(sink)), timer_(context.executor) {}

  void process(const std::string& what, int pid, const std::string& executable);
  /// severity: "info" | "warning" | "error". The same text is told once, in the form that may be shown
  /// (protocol/printable.hpp).
  void note(const std::string& severity, const std::string& text);

  void file_opened(const std::string& path);
  void bytes_read(std::uint64_t bytes);
  void name_resolved(const std::string& name, const protocol::Resolved& resolved);
  void connecting(const char* transport, const protocol::SocketAddress& remote, int error);
  void connection_ended();
  void listening(std::uint16_t port, std::uint16_t local_port, const char* mode);
  void not_listening(std::uint16_t port);
  /// The program listens, but the pod's port can't be had for now.
  void waiting(std::uint16_t port, std::uint16_t local_port, const char* mode, const std::string& why);
  void incoming(std::uint16_t port, int change);
  void request(std::uint16_t port);

  nlohmann::json snapshot() const;
  void close();

 private:
  struct Port {
    std::uint16_t local_port = 0;
    std::string mode, waits_because;
    bool listening = true;
    std::uint64_t connections = 0, open = 0, requests = 0;
  };
  void changed();
  Task<void> tell();
  static void keep_last(std::deque<nlohmann::json>& items, nlohmann::json item);

  Context& context_;
  Sink sink_;
  boost::asio::steady_timer timer_;
  bool dirty_ = false, telling_ = false;
  std::uint64_t files_ = 0, bytes_ = 0, names_ = 0, connections_ = 0, open_ = 0, failed_ = 0;
  std::deque<nlohmann::json> file_items_, name_items_, connection_items_;
  std::map<std::uint16_t, Port> ports_;
  std::unordered_set<std::string> notes_;
};

}  // namespace inpod::relay
