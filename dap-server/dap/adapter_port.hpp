// AdapterPort: the proxy's side towards one debug adapter: the process, the numbering of what goes to it,
// requests of our own, and what is known of it.
//
// One executor; call only there.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "dap/adapter_choice.hpp"
#include "dap/adapter_process.hpp"
#include "dap/envelope.hpp"
#include "dap/sequence.hpp"

namespace inpod::dap {

using Replacements = std::vector<std::pair<Span, std::string>>;

class AdapterPort : public std::enable_shared_from_this<AdapterPort> {
 public:
  AdapterPort(boost::asio::any_io_executor executor, AdapterCommand command,
              std::shared_ptr<AdapterProcess> process);

  const AdapterCommand& command() const { return command_; }
  void set_type(std::string type) { command_.type = std::move(type); }
  AdapterProcess& process() { return *process_; }
  Sequence& sequence() { return sequence_; }
  nlohmann::json& capabilities() { return capabilities_; }
  bool can(const char* capability) const;

  /// Passes the client's request on. also: further replacements in its raw text.
  void relay_request(const Message& request, Replacements also = {});
  /// Passes the client's response to a reverse request on; origin: the adapter's own number, as spelled.
  void relay_response(const Message& response, const std::string& origin);
  void relay_unknown(const Message& message);
  /// Sends a request of ours; arguments: raw JSON. Its response, also one of success false, or an error after
  /// `timeout`.
  Task<Result<Message>> ask(std::string command, std::string arguments, std::chrono::milliseconds timeout);

 private:
  boost::asio::any_io_executor executor_;
  AdapterCommand command_;
  std::shared_ptr<AdapterProcess> process_;
  Sequence sequence_;
  nlohmann::json capabilities_;
};

}  // namespace inpod::dap
