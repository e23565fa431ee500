// Steps that begin in the layer, on whose frames a program stands while a call of its own blocks: they end in
// the program, by one press of a key. See proxy.hpp.
#include "dap/layer_frames.hpp"
#include "dap/proxy.hpp"
#include "protocol/task.hpp"

namespace inpod::dap {
using namespace std::chrono_literals;

namespace {

constexpr int most_steps_out = 16;  ///< more frames than the layer ever has

/// A thread's number as adapters spell it; null where the message has none.
nlohmann::json thread_of(const nlohmann::json& object) {
  return object.is_object() ? object.value("threadId", nlohmann::json()) : nlohmann::json();
}

bool is_step(const std::string& command) {
  return command == "next" || command == "stepIn" || command == "stepOut";
}

}  // namespace

const std::vector<AddressRange>& Proxy::layer_addresses() {
  if (layer_addresses_.empty() && session_ && debuggee_pid_ != 0)
    layer_addresses_ = layer_ranges(debuggee_pid_, session_->environment().layer);
  return layer_addresses_;
}

void Proxy::note_stepping(const Message& request) {
  const std::string& command = request.envelope.name;
  if (!session_ || (command != "stackTrace" && !is_step(command))) return;
  const auto arguments = request.arguments();
  const auto thread = thread_of(arguments);
  if (thread.is_null()) return;
  if (command == "stackTrace") {
    if (arguments.value("startFrame", nlohmann::json(0)) == 0)
      stacks_asked_[std::string(request.part(request.envelope.seq))] = thread;
    return;
  }
  const bool by_instruction = arguments.value("granularity", nlohmann::json()) == "instruction";
  leaving_layer_ = thread == thread_in_layer_ && !by_instruction ? thread : nlohmann::json();
  thread_in_layer_ = nullptr;
  steps_out_ = 0;
}

std::optional<std::string> Proxy::mark_stack(const Message& response, const std::string& origin) {
  const auto asked = stacks_asked_.extract(origin);
  if (layer_addresses().empty()) return std::nullopt;
  auto body = RawObject::parse(response.part(response.envelope.body));
  auto frames = body ? body->get("stackFrames") : nlohmann::json();
  if (!frames.is_array() || frames.empty()) return std::nullopt;
  if (!asked.empty()) {
    const bool on_top = is_layer_frame(frames[0], layer_addresses_);
    if (on_top)
      thread_in_layer_ = asked.mapped();
    else if (thread_in_layer_ == asked.mapped())
      thread_in_layer_ = nullptr;
  }
  if (!mark_layer_frames(frames, layer_addresses_)) return std::nullopt;
  body->set("stackFrames", frames);
  return body->text();
}

bool Proxy::ends_step_in_layer(const Message& stopped) {
  if (leaving_layer_.is_null() || !session_) return false;
  const auto body = stopped.body();
  const auto reason = body.is_object() ? body.value("reason", nlohmann::json()) : nlohmann::json();
  // The latter two: gdb 16's and cdt's words for the end of stepOut.
  const bool by_step = reason == "step" || reason == "stopped" || reason == "generic";
  if (by_step && thread_of(body) == leaving_layer_ && !body.contains("hitBreakpointIds")) return true;
  leaving_layer_ = nullptr;  // something else has stopped the program
  return false;
}

Task<void> Proxy::leave_layer(Message stopped) {
  const auto self = shared_from_this();
  const auto port = adapter_;
  const nlohmann::json thread = leaving_layer_;
  const nlohmann::json top{{"threadId", thread}, {"startFrame", 0}, {"levels", 1}};
  const auto answer = co_await port->ask("stackTrace", to_text(top), 5s);
  const auto body = answer ? answer->body() : nlohmann::json();
  const auto frames = body.is_object() ? body.value("stackFrames", nlohmann::json()) : nlohmann::json();
  const bool inside = frames.is_array() && !frames.empty() && is_layer_frame(frames[0], layer_addresses());
  if (inside && ++steps_out_ <= most_steps_out && leaving_layer_ == thread) {
    motion_ = Motion::running;
    const nlohmann::json arguments{{"threadId", thread}};
    const auto stepped = co_await port->ask("stepOut", to_text(arguments), 5s);
    if (stepped && stepped->envelope.success) co_return;  // what stops next is told
    if (!stepped) co_return;                              // it runs: the call blocks
    motion_ = Motion::stopped;
  }
  leaving_layer_ = nullptr;
  if (port == adapter_ && phase_ != Phase::over) relay_to_client(stopped);
}

}  // namespace inpod::dap
