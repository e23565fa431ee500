// Activity: see activity.hpp.
#include "relay/activity.hpp"

#include "protocol/printable.hpp"
#include "relay/address.hpp"

namespace inpod::relay {
namespace {

constexpr std::chrono::milliseconds interval{250};
constexpr std::size_t most_items = 50;
constexpr std::size_t most_notes = 1000;
constexpr std::size_t most_addresses = 32;  // of one name

}  // namespace

void Activity::process(const std::string& what, int pid, const std::string& executable) {
  if (sink_) sink_({{"event", "process"}, {"what", what}, {"pid", pid}, {"executable", executable}});
}

void Activity::note(const std::string& severity, const std::string& text) {
  if (notes_.size() > most_notes || !sink_) return;
  const bool is_last = notes_.size() == most_notes;
  const auto shown = is_last ? "there were too many notes: further ones are left out" : protocol::shown(text);
  if (notes_.insert(shown).second)
    sink_({{"event", "note"}, {"severity", is_last ? "warning" : severity}, {"text", shown}});
}

void Activity::keep_last(std::deque<nlohmann::json>& items, nlohmann::json item) {
  std::erase(items, item);
  items.push_back(std::move(item));
  if (items.size() > most_items) items.pop_front();
}

void Activity::file_opened(const std::string& path) {
  ++files_;
  keep_last(file_items_, path);
  changed();
}

void Activity::bytes_read(std::uint64_t bytes) {
  bytes_ += bytes;
  changed();
}

void Activity::name_resolved(const std::string& name, const protocol::Resolved& resolved) {
  ++names_;
  nlohmann::json addresses = nlohmann::json::array();
  std::unordered_set<std::string> seen;
  for (auto entry : resolved.addresses) {
    if (addresses.size() == most_addresses) break;
    entry.address.port = 0;
    auto text = to_string(entry.address);
    text.resize(text.size() - 2);  // ":0"
    if (seen.insert(text).second) addresses.push_back(text);
  }
  keep_last(name_items_, {{"name", name}, {"status", resolved.status}, {"addresses", std::move(addresses)}});
  changed();
}

void Activity::connecting(const char* transport, const protocol::SocketAddress& remote, int error) {
  ++(error == 0 ? connections_ : failed_);
  open_ += error == 0;
  keep_last(connection_items_, {{"transport", transport}, {"remote", to_string(remote)}, {"errno", error}});
  changed();
}

void Activity::connection_ended() {
  --open_;
  changed();
}

void Activity::listening(std::uint16_t port, std::uint16_t local_port, const char* mode) {
  auto& entry = ports_[port];
  entry.local_port = local_port;
  entry.mode = mode;
  entry.listening = true;
  entry.waits_because.clear();
  changed();
}

void Activity::waiting(std::uint16_t port, std::uint16_t local_port, const char* mode,
                       const std::string& why) {
  auto& entry = ports_[port];
  auto shown = protocol::shown(why);
  if (entry.waits_because == shown) return;
  entry.local_port = local_port;
  entry.mode = mode;
  entry.listening = false;
  entry.waits_because = std::move(shown);
  changed();
}

void Activity::not_listening(std::uint16_t port) {
  ports_[port].listening = false;
  ports_[port].waits_because.clear();
  changed();
}

void Activity::incoming(std::uint16_t port, int change) {
  auto& entry = ports_[port];
  if (change > 0) ++entry.connections;
  entry.open += static_cast<std::uint64_t>(static_cast<std::int64_t>(change));
  changed();
}

void Activity::request(std::uint16_t port) {
  ++ports_[port].requests;
  changed();
}

nlohmann::json Activity::snapshot() const {
  nlohmann::json ports = nlohmann::json::array();
  for (auto& [port, entry] : ports_) {
    ports.push_back({{"port", port},
                     {"local_port", entry.local_port},
                     {"mode", entry.mode},
                     {"listening", entry.listening},
                     {"connections", entry.connections},
                     {"open", entry.open},
                     {"requests", entry.requests}});
    if (!entry.waits_because.empty()) ports.back()["waiting"] = entry.waits_because;
  }
  return {{"event", "activity"},
          {"files", {{"opened", files_}, {"bytes", bytes_}, {"items", file_items_}}},
          {"names", {{"resolved", names_}, {"items", name_items_}}},
          {"outgoing",
           {{"connected", connections_}, {"open", open_}, {"failed", failed_}, {"items", connection_items_}}},
          {"incoming", std::move(ports)},
          {"environment", {{"count", context_.pod.environment.size()}}}};
}

void Activity::changed() {
  dirty_ = true;
  if (sink_ && !context_.closed && !std::exchange(telling_, true)) context_.spawn(tell());
}

/// Tells at once, then again each interval as long as something changes.
Task<void> Activity::tell() {
  while (std::exchange(dirty_, false) && !context_.closed) {
    sink_(snapshot());
    timer_.expires_after(interval);
    co_await timer_.async_wait(as_result);
  }
  telling_ = false;
}

void Activity::close() {
  timer_.cancel();
  if (sink_ && dirty_) sink_(snapshot());
  dirty_ = false;
}

}  // namespace inpod::relay
