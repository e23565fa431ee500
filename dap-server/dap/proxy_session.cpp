// The session's side of the proxy: what it tells the client, the layer's handshake, its end. See proxy.hpp.
#include <fcntl.h>
#include <poll.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>

#include "dap/proxy.hpp"
#include "protocol/task.hpp"
#include "session/descendants.hpp"
#include "session/layer_check.hpp"

namespace inpod::dap {
namespace asio = boost::asio;
using namespace std::chrono_literals;

namespace {

constexpr auto watch_interval = 50ms;

std::string text_of(const nlohmann::json& object, const char* key) {
  return object.is_object() && object.contains(key) && object[key].is_string()
             ? object[key].get<std::string>()
             : std::string();
}

bool has_ended(const UniqueFd& process) {
  pollfd look{process.get(), POLLIN, 0};
  return poll(&look, 1, 0) > 0;
}

}  // namespace

void Proxy::on_session_event(const nlohmann::json& happened) {
  if (leaving_) return;
  const std::string kind = text_of(happened, "event");
  if (kind == "activity") {
    if (!client_->full())
      event("inpod/activity", happened);  // a client that does not read misses lines, not memory
  } else if (kind == "note") {
    event("inpod/note", happened);
    const std::string severity = text_of(happened, "severity");
    if (severity == "warning" || severity == "error") say("inpod: " + text_of(happened, "text"), "important");
  } else {
    event("inpod/session", happened);
    const std::string state = kind == "agent" ? text_of(happened, "state") : "";
    if (state == "waiting" || state == "replaced") say("inpod: " + text_of(happened, "text"), "important");
    // Not every adapter tells the process, and none that of a restart.
    const bool is_program = kind == "process" && text_of(happened, "what") == "start" &&
                            text_of(happened, "executable") == program_;
    if (is_program && (!debuggee_ || has_ended(debuggee_))) know_debuggee(happened.value("pid", 0));
    if (kind == "closed" && session_) {
      const Error error{0, text_of(happened, "error"), text_of(happened, "remedy")};
      say("inpod: the connection to the pod is over: " + error.to_string(), "important");
    }
  }
}

void Proxy::tell_session(const char* state) {
  nlohmann::json body = session_->describe();
  const std::string target = text_of(body, "target"), pod = text_of(body, "pod"),
                    container = text_of(body, "container"), mode = text_of(body, "mode");
  std::string line = "inpod: running in " + (target.empty() ? "the cluster" : target);
  if (!pod.empty()) line += " (pod " + pod + (container.empty() ? "" : ", container " + container) + ")";
  say(line + (mode.empty() ? "" : ", " + mode));
  body["event"] = "session";
  body["state"] = state;
  event("inpod/session", body);
}

void Proxy::begin_layer_watch() {
  ++watch_;
  layer_mapped_ = false;
  run_beside(watch_layer(), "waiting for the layer");
}

/// Not every adapter tells the process; what it starts stands below it, save in a terminal.
void Proxy::look_for_debuggee() {
  if (debuggee_ && !has_ended(debuggee_)) return;
  const int pid = find_debuggee(adapter_->process().pid(), program_);
  if (pid != 0) know_debuggee(pid);
}

/// The kernel tells at once when the loader has left the layer out. While the process is not known, or runs
/// another program, the clock decides: it runs while the program does, and faster once it stands at a
/// breakpoint, where its libraries must be loaded; not before it may run, nor while it stands at its entry.
/// Of the program itself it tells nothing: that may stand before its libraries are set up for hours.
Task<void> Proxy::watch_layer() {
  const auto self = shared_from_this();
  const auto session = session_;
  const auto mine = watch_;
  auto running = options_->layer_timeout, stopped = options_->layer_timeout_stopped;
  const auto current = [&] { return session_ == session && watch_ == mine && phase_ != Phase::over; };
  while (current()) {
    asio::steady_timer pause(executor_, watch_interval);
    const auto loaded = co_await session->wait_for_layer(watch_interval);
    if (loaded || !current()) co_return;
    look_for_debuggee();
    const auto seen = check_layer_in(debuggee_pid_, program_, session->environment().layer);
    if (!seen && !session->layer_loaded()) {
      co_await stop_program(seen.error().to_string());
      co_return;
    }
    layer_mapped_ = layer_mapped_ || (seen && *seen == LayerSeen::loaded);
    co_await pause.async_wait(as_result);
    if (seen && *seen != LayerSeen::other_program) continue;
    const bool may_run =
        launch_answered_ && (configured_ || !adapter_->can("supportsConfigurationDoneRequest"));
    if (!may_run || motion_ == Motion::stopped_at_entry) continue;
    auto& left = motion_ == Motion::stopped ? stopped : running;
    left -= watch_interval;
    if (left > 0ms) continue;
    co_await stop_program(loaded.error().to_string());
    co_return;
  }
}

void Proxy::watch_program_end() {
  boost::system::error_code ignored;
  program_end_.close(ignored);
  const int process = session_ && debuggee_ ? fcntl(debuggee_.get(), F_DUPFD_CLOEXEC, 3) : -1;
  if (process < 0) return;
  program_end_.assign(process);
  program_end_.async_wait(
      asio::posix::stream_descriptor::wait_read,
      [weak = weak_from_this(), pid = debuggee_pid_](const boost::system::error_code& error) {
        const auto self = weak.lock();
        if (!error && self) self->run_beside(self->make_end(pid), "waiting for the debugger's word");
      });
}

/// gdb 16 tells nothing of a program that is killed while it stands at a stop.
Task<void> Proxy::make_end(int pid) {
  const auto self = shared_from_this();
  asio::steady_timer pause(executor_);
  for (int tries = 0; tries < 40; ++tries) {
    const bool stands = motion_ == Motion::stopped || motion_ == Motion::stopped_at_entry;
    if (!session_ || !stands || debuggee_pid_ != pid || terminated_told_ || leaving_) co_return;
    pause.expires_after(watch_interval);
    co_await pause.async_wait(as_result);
  }
  look_for_debuggee();  // a restart by a command
  if (debuggee_pid_ != pid) co_return;
  say("inpod: the program was killed while it stood in the debugger", "important");
  made_end_ = terminated_told_ = true;
  event("terminated", nullptr);
  end_session();
}

Task<void> Proxy::stop_program(std::string why) {
  const auto self = shared_from_this();
  const auto port = adapter_;
  say("inpod: the program was stopped: " + why, "important");
  end_session();
  co_await port->ask("disconnect", R"({"terminateDebuggee":true})", 2s);
  kill_debuggee();
  phase_ = Phase::over;
  co_await port->process().end();
  if (!std::exchange(terminated_told_, true)) event("terminated", nullptr);
}

/// `inpod session stop`: this conversation's session ends, and its program; others that this process serves
/// go on.
void Proxy::on_stop_request() {
  const char* why = "`inpod session stop` ended the session";
  if (phase_ == Phase::launching) {
    launch_->cancelled = true;
    cancel_launch_.emit(asio::cancellation_type::terminal);
    fail_launch({0, why, {}});
  } else if (session_ && adapter_ && !leaving_) {
    run_beside(stop_by_request(), why);
  }
}

/// A client leaves once the program has ended; one that does not is left.
Task<void> Proxy::stop_by_request() {
  const auto self = shared_from_this();
  co_await stop_program("`inpod session stop` ended its session");
  asio::steady_timer pause(executor_);
  for (int tries = 0; tries < 100 && !leaving_; ++tries) {
    pause.expires_after(50ms);
    co_await pause.async_wait(as_result);
  }
  if (!leaving_) stop();
}

/// Never held back, and no business of the debugger's (lldb-dap 19 leaves on a command that it does not
/// know): the session answers while the program stands still, too.
Task<void> Proxy::answer_session_request(Message message) {
  const auto self = shared_from_this();
  const auto session = session_;
  if (!session) {
    respond_error(message, Error{0, "no cluster session runs here", "launch with \"cluster\""}, false);
    co_return;
  }
  std::string name = message.envelope.name.substr(std::string_view("inpod/").size());
  const auto answer = co_await session->request(std::move(name), message.arguments());
  if (answer)
    respond(message, true, {}, *answer);
  else
    respond_error(message, answer.error(), false);
}

void Proxy::end_session() {
  if (!session_) return;
  event("inpod/session", {{"event", "session"}, {"state", "ended"}});
  run_beside(stop_session(std::exchange(session_, nullptr)), "ending the session");
}

/// Bounded: a cluster that does not answer keeps nobody here; the agent notices the lost connection by
/// itself.
Task<void> Proxy::stop_session(std::shared_ptr<Session> session) {
  const auto self = shared_from_this();
  const auto limit = std::make_shared<asio::steady_timer>(executor_, 5s);
  asio::co_spawn(executor_, session->stop(),
                 [session, limit](const std::exception_ptr&) { limit->cancel(); });
  co_await limit->async_wait(as_result);
}

}  // namespace inpod::dap
