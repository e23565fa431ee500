// The adapter's side of the proxy: starting one, relaying and following what it says, its death. See
// proxy.hpp.
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <cstdlib>

#include "dap/proxy.hpp"
#include "dap/terminal_request.hpp"
#include "protocol/printable.hpp"
#include "protocol/task.hpp"

namespace inpod::dap {
namespace asio = boost::asio;
using namespace std::chrono_literals;

namespace {

/// What a client that knows `before` must be told, so that it knows `now`.
nlohmann::json capability_changes(const nlohmann::json& before, const nlohmann::json& now) {
  nlohmann::json changes = nlohmann::json::object();
  if (now.is_object())
    for (const auto& [name, value] : now.items())
      if (!before.is_object() || !before.contains(name) || before[name] != value) changes[name] = value;
  if (before.is_object())
    for (const auto& [name, value] : before.items()) {
      if (now.is_object() && now.contains(name)) continue;
      if (value == true) changes[name] = false;
      if (value.is_array()) changes[name] = nlohmann::json::array();
    }
  return changes;
}

/// Why an adapter ended that nobody asked to. silent: before its first message.
std::string reason_of_end(AdapterPort& port, int status, bool silent) {
  if (const auto old_gdb = silent ? gdb_without_dap(port.command().argv) : std::nullopt)
    return old_gdb->to_string();
  const std::string words = port.process().last_words();
  return describe_status(status) + (words.empty() ? "" : "; its last messages:\n" + words);
}

bool resumes(const std::string& command) {
  static const std::array names{"continue",        "next",   "stepIn", "stepOut", "stepBack",
                                "reverseContinue", "restart"};
  return std::find(names.begin(), names.end(), command) != names.end();
}

}  // namespace

Result<AdapterCommand> Proxy::first_adapter() {
  adapter_is_final_ = true;
  if (!options_->adapter.empty()) {
    const nlohmann::json named{
        {"command", options_->adapter[0]},
        {"args", std::vector<std::string>(options_->adapter.begin() + 1, options_->adapter.end())}};
    return adapter_from_json(named);
  }
  if (!options_->debugger.empty()) return adapter_from_name(options_->debugger);
  if (const char* line = getenv("INPOD_ADAPTER"); line && *line) return adapter_from_command_line(line);
  adapter_is_final_ = false;
  return installed_adapter();
}

Task<Result<void>> Proxy::use_adapter(AdapterCommand command) {
  if (adapter_ && adapter_->command().argv == command.argv) {
    if (!command.type.empty()) adapter_->set_type(command.type);
    co_return Result<void>();
  }
  CO_TRY(process, co_await AdapterProcess::start(executor_, command.argv));
  auto port = std::make_shared<AdapterPort>(executor_, std::move(command), std::move(process));
  const auto before = std::exchange(adapter_, port);
  held_initialized_.reset();
  adapter_initialized_ = false;
  run_beside(read_adapter(port), "reading the debug adapter");
  if (before)
    run_beside([](std::shared_ptr<AdapterPort> old) -> Task<void> { co_await old->process().end(); }(before),
               "ending the first debug adapter");
  CO_TRY(answer, co_await port->ask("initialize", initialize_arguments_, 30s));
  if (!answer.envelope.success)
    co_return fail("the debug adapter " + port->process().name() + " refuses to initialize: " + answer.raw);
  port->capabilities() = answer.body();
  const nlohmann::json known = before ? before->capabilities() : nlohmann::json();
  const auto changes = capability_changes(known, port->capabilities());
  if (!changes.empty()) event("capabilities", {{"capabilities", changes}});
  co_return Result<void>();
}

Task<void> Proxy::read_adapter(std::shared_ptr<AdapterPort> port) {
  const auto self = shared_from_this();
  bool silent = true;
  while (true) {
    auto body = co_await port->process().endpoint().read();
    if (!body && port == adapter_ && !leaving_)
      fprintf(stderr, "inpod dap: cannot read from %s: %s\n", port->process().name().c_str(),
              protocol::shown(body.error().to_string()).c_str());
    if (!body || !*body) break;
    silent = false;
    const Message message(std::move(**body));
    on_adapter(*port, message);
    co_await client_->room();
  }
  co_await port->process().end();
  const int status = co_await port->process().wait();
  const std::string ended = "the debug adapter " + port->process().name() + " ended";
  const bool unexpected = port == adapter_ && !leaving_ && phase_ != Phase::over && !ending_ &&
                          !disconnected_ && !terminated_told_;
  const std::string reason = unexpected ? reason_of_end(*port, status, silent) : describe_status(status);
  const std::string text = silent ? ended + ": " + reason : ended;
  for (const auto& open : port->sequence().close_all()) {
    const bool ends = open.command == "disconnect" || open.command == "terminate";
    if (open.on_response)
      open.on_response(nullptr);
    else if (disconnected_)
      continue;  // nor would the adapter
    else if (open.command != "launch" || !launch_ || !launch_->answered_early)
      respond_to(open.origin, open.command, ends, ends ? "" : text);
  }
  if (port == adapter_) adapter_gone(ended + " unexpectedly: " + reason);
}

void Proxy::on_adapter(AdapterPort& port, const Message& message) {
  if (message.envelope.kind == Envelope::Kind::response) return on_adapter_response(port, message);
  if (&port != adapter_.get() || phase_ == Phase::over) return;
  // lldb-dap 19 aborts behind its answer to disconnect, and the dump is not the program's.
  if (leaving_ && launch_ && message.envelope.is(Envelope::Kind::event, "output")) return;
  if (message.envelope.kind == Envelope::Kind::event) return on_adapter_event(port, message);
  if (message.envelope.kind == Envelope::Kind::request) return relay_reverse_request(message);
  relay_to_client(message);
}

void Proxy::on_adapter_response(AdapterPort& port, const Message& message) {
  const auto& envelope = message.envelope;
  const auto request = port.sequence().close(message.part(envelope.request_seq));
  if (request && request->on_response) return request->on_response(&message);
  if (&port != adapter_.get() || phase_ == Phase::over) return;
  if (!request) return relay_to_client(message);
  if (request->command == "initialize" && envelope.success) port.capabilities() = message.body();
  if (resumes(request->command) && envelope.success) motion_ = Motion::running;
  Replacements replacements{{*envelope.request_seq, request->origin}};
  if (request->command == "stackTrace" && session_ && envelope.success) {
    if (auto marked = mark_stack(message, request->origin))
      replacements.emplace_back(*envelope.body, std::move(*marked));
  }
  if (request->command == "launch") return on_launch_response(message, std::move(replacements));
  relay_to_client(message, std::move(replacements));
  if (request->command == "disconnect") {
    ending_.reset();
    disconnected_ = !launch_;
    if (launch_) leave();  // else the adapter decides: some go, some answer on
  }
}

void Proxy::on_adapter_event(AdapterPort& port, const Message& message) {
  const std::string& name = message.envelope.name;
  if (name == "initialized") adapter_initialized_ = true;
  if (name == "initialized" &&
      (phase_ == Phase::launching || (phase_ == Phase::idle && !adapter_is_final_))) {
    // Another adapter may take over, and the breakpoints that the client answers with belong to that one.
    held_initialized_ = message;
    if (phase_ == Phase::idle) run_beside(release_initialized_later(), "waiting for the launch");
    return;
  }
  if (name == "capabilities") {
    if (auto body = message.body(); body.is_object() && body.contains("capabilities"))
      port.capabilities().update(body["capabilities"]);
  } else if (name == "process" && launched_) {
    const auto body = message.body();
    if (body.is_object() && body.contains("systemProcessId") && body["systemProcessId"].is_number_integer())
      know_debuggee(body["systemProcessId"].get<int>());
  } else if (name == "stopped") {
    motion_ = std::exchange(wants_entry_stop_, false) ? Motion::stopped_at_entry : Motion::stopped;
    if (ends_step_in_layer(message)) return run_beside(leave_layer(message), "stepping out of the layer");
  } else if (name == "continued") {
    motion_ = Motion::running;
  } else if (name == "terminated") {
    if (std::exchange(made_end_, false)) return;
    if (session_ && !session_->layer_loaded() && !layer_mapped_)
      say("inpod: the program ended and libinpod.so never loaded: it did not run in the pod", "important");
    terminated_told_ = true;
    end_session();
  }
  relay_to_client(message);
  if (name == "initialized") flush_queue();
}

void Proxy::relay_to_client(const Message& message, Replacements replacements) {
  if (message.envelope.seq)
    replacements.emplace_back(*message.envelope.seq, std::to_string(to_client_.next()));
  client_->send(splice(message.raw, std::move(replacements)));
}

void Proxy::relay_reverse_request(const Message& message) {
  const auto& envelope = message.envelope;
  Replacements replacements;
  if (envelope.name == "runInTerminal" && session_) {
    if (auto arguments = RawObject::parse(message.part(envelope.arguments));
        arguments && environment_file_ &&
        keep_out_of_terminal(*arguments, debuggee_environment_, environment_file_->command()))
      replacements.emplace_back(*envelope.arguments, arguments->text());
  }
  const auto number = to_client_.open({std::string(message.part(envelope.seq)), envelope.name, {}});
  replacements.emplace_back(*envelope.seq, std::to_string(number));
  client_->send(splice(message.raw, std::move(replacements)));
}

void Proxy::release_initialized() {
  if (held_initialized_) relay_to_client(*std::exchange(held_initialized_, std::nullopt));
}

/// Some clients send launch only after `initialized`: they must not wait for long.
Task<void> Proxy::release_initialized_later() {
  const auto self = shared_from_this();
  asio::steady_timer pause(executor_, 500ms);
  co_await pause.async_wait(as_result);
  if (phase_ == Phase::idle) release_initialized();
}

void Proxy::adapter_gone(const std::string& text) {
  if (leaving_ || phase_ == Phase::over) return;
  if (disconnected_) return leave();
  const bool expected = ending_ || terminated_told_;
  if (phase_ == Phase::launching) {
    launch_->cancelled = true;
    cancel_launch_.emit(asio::cancellation_type::terminal);
    fail_launch({0, text, "look at its messages above; try it without inpod"});
    exit_code_ = 1;
    return;
  }
  fail_queue(text);
  phase_ = Phase::over;
  starting_limit_.cancel();
  end_session();
  if (!expected) {
    kill_debuggee();
    exit_code_ = 1;
    fprintf(stderr, "inpod dap: %s\n", protocol::shown(text).c_str());
    say("inpod: " + text, "important");
  }
  if (!std::exchange(terminated_told_, true)) event("terminated", nullptr);
  if (ending_) return leave();
  // The client now says disconnect; one that doesn't is not waited for.
  auto limit = std::make_shared<asio::steady_timer>(executor_, 10s);
  limit->async_wait([self = shared_from_this(), limit](const boost::system::error_code&) { self->leave(); });
}

}  // namespace inpod::dap
