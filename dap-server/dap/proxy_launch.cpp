// Launch: held while the adapter is chosen and the session starts, then rewritten and passed on, or failed
// with nothing launched. See proxy.hpp.
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/steady_timer.hpp>
#include <filesystem>

#include "config/load.hpp"
#include "dap/editor_macros.hpp"
#include "dap/no_debug.hpp"
#include "dap/program_check.hpp"
#include "dap/proxy.hpp"
#include "protocol/task.hpp"

namespace inpod::dap {
namespace asio = boost::asio;
using namespace std::chrono_literals;

namespace {

/// "type" of a nested configuration where it names an adapter beyond doubt.
bool names_adapter(const std::string& type) {
  static const std::array known{"lldb-dap", "lldb-vscode",     "codelldb", "lldb",
                                "cppdbg",   "cdt-gdb-adapter", "gdbtarget"};
  return std::find(known.begin(), known.end(), type) != known.end();
}

std::string joined(const std::vector<std::string>& names) {
  std::string out;
  for (const auto& name : names) out.append(out.empty() ? "" : ", ").append(name);
  return out;
}

}  // namespace

void Proxy::on_launch(Message message) {
  if (phase_ == Phase::launching) return respond(message, false, "another launch is under way");
  auto request = LaunchRequest::read(message);
  launch_answered_ = configured_ = false;
  no_debug_ = layer_mapped_ = made_end_ = disconnected_ = terminated_told_ = false;
  motion_ = Motion::none;
  launched_ = message.envelope.name == "launch";
  if (launched_ && request && !request->cluster && request->text("type") == "inpod")
    say("inpod: the launch has no \"cluster\", so the program runs on this machine alone. To run it in a "
        "pod: \"cluster\": {\"target\": \"deployment/NAME\"}",
        "important");
  if (adapter_ && (!request || !request->concerns_us())) {
    launch_.reset();
    adapter_->relay_request(message);
    phase_ = Phase::relaying;
    return release_initialized();
  }
  Launch launch{std::move(message), request ? std::move(*request) : LaunchRequest(), {}, {}};
  launch_.emplace(std::move(launch));
  phase_ = Phase::launching;
  if (launch_->request.cluster) answer_launch_in_time();
  run_beside(launch_flow(), "launching");
}

Task<void> Proxy::launch_flow() {
  const auto self = shared_from_this();
  auto ready = co_await prepare_launch();
  if (launch_->cancelled || phase_ != Phase::launching) {
    if (session_) session_->take_back();
    end_session();  // whoever cancelled has answered the client
    co_return;
  }
  if (!ready) {
    fail_launch(ready.error());
    co_return;
  }
  end_progress();
  if (session_) session_->expect_layer(program_);
  adapter_->relay_request(*ready);
  phase_ = Phase::starting;
  release_initialized();
  if (session_) begin_layer_watch();
  if (adapter_initialized_)
    flush_queue();
  else
    flush_queue_later();
}

Task<Result<Message>> Proxy::prepare_launch() {
  const Message& message = launch_->message;
  const LaunchRequest& request = launch_->request;
  // Before the secret was shown, initialize started no adapter.
  std::optional<Result<AdapterCommand>> first;
  if (!adapter_) first = first_adapter();
  const std::string named = request.nested && !adapter_is_final_ ? request.text("type") : std::string();
  if (!request.debugger.is_null()) {
    CO_TRY(command, adapter_from_json(request.debugger));
    CO_TRY_VOID(co_await use_adapter(std::move(command)));
  } else if (names_adapter(named)) {
    CO_TRY(command, adapter_from_name(named));
    CO_TRY_VOID(co_await use_adapter(std::move(command)));
  }
  if (!adapter_) {
    CO_TRY(command, std::move(*first));
    CO_TRY_VOID(co_await use_adapter(std::move(command)));
  }
  if (request.cluster && message.envelope.name == "attach")
    say("inpod: a process that runs already can't be moved into the cluster; attaching to it as it is",
        "important");
  else if (request.cluster)
    CO_TRY_VOID(co_await prepare_cluster());
  if (!request.concerns_us() || !message.envelope.arguments) co_return message;
  if (!request.nested && !request.cluster) co_return message;
  co_return Message(splice(message.raw, {{*message.envelope.arguments, request.arguments.text()}}));
}

Task<Result<void>> Proxy::prepare_cluster() {
  auto& launch = *launch_;
  CO_TRY_VOID(tidy_macros(launch.request.arguments));
  CO_TRY(program, locate_program(launch.request.text("program"), launch.request.text("cwd")));
  launch.program = program;
  CO_TRY(family, find_family(adapter_->command(), adapter_->capabilities()));
  CO_TRY_VOID(family->check(adapter_->command(), launch.request.arguments));
  std::string directory = launch.request.text("cwd");
  if (directory.empty()) directory = std::filesystem::path(program).parent_path().string();
  CO_TRY(config, load_config(*launch.request.cluster, directory));
  CO_TRY_VOID(check_program(program, config.intercepts()));
  CO_TRY(session, co_await start_session(std::move(config)));
  session_ = std::move(session);
  program_ = program;
  if (launch.cancelled) co_return fail("cancelled");
  progress(Stage::debugger, "starting " + std::filesystem::path(program).filename().string());
  no_debug_ = launch.request.no_debug();
  if (no_debug_) without_entry_stop(launch.request.arguments);
  CO_TRY_VOID(co_await prepare_adapter());
  wants_entry_stop_ = launch.request.stops_on_entry();
  tell_session("running");
  co_return Result<void>();
}

Result<Config> Proxy::load_config(const nlohmann::json& cluster, const std::string& directory) {
  if (options_->load_config) return options_->load_config(cluster, directory);
  Config config;
  TRY_ASSIGN(file, config::load_found(directory, options_->trusted_folder, config));
  if (!file.warning.empty()) say("inpod: " + file.warning, "important");
  if (!file.file.empty()) say("inpod: " + file.line());
  TRY_VOID(config::apply_json(cluster, "launch.json: cluster", config));
  return config;
}

Task<Result<std::shared_ptr<Session>>> Proxy::start_session(Config config) {
  if (session_) {
    co_await stop_session(std::exchange(session_, nullptr));  // of an earlier launch on this connection
  }
  launch_->progress_id = "inpod-launch-" + std::string(launch_->message.part(launch_->message.envelope.seq));
  progress(Stage::cluster, config.target.empty() ? "connecting" : "connecting to " + config.target);
  Session::Options options;
  options.config = std::move(config);
  options.program = launch_->program;
  options.on_progress = [weak = weak_from_this()](Stage stage, const std::string& text) {
    if (const auto self = weak.lock(); self && self->phase_ == Phase::launching) self->progress(stage, text);
  };
  options.on_event = [weak = weak_from_this()](const nlohmann::json& happened) {
    if (const auto self = weak.lock()) self->on_session_event(happened);
  };
  options.on_stop_request = [weak = weak_from_this()] {
    if (const auto self = weak.lock()) self->on_stop_request();
  };
  auto task = options_->start_session(executor_, std::move(options));
  auto [thrown, session] = co_await asio::co_spawn(
      executor_, std::move(task), asio::bind_cancellation_slot(cancel_launch_.slot(), as_result));
  if (launch_->cancelled && thrown) co_return fail("cancelled");
  if (thrown) {
    std::string what;
    try {
      std::rethrow_exception(thrown);
    } catch (const std::exception& error) {
      what = error.what();
    }
    co_return fail("the session could not be started: " + what);
  }
  co_return std::move(session);
}

Task<Result<void>> Proxy::prepare_adapter() {
  CO_TRY(plan, prepare_launch_arguments(launch_->request.arguments));
  for (const auto& command : plan.commands) {
    const auto port = adapter_;
    const nlohmann::json arguments{{"expression", command}, {"context", "repl"}};
    CO_TRY(answer, co_await port->ask("evaluate", to_text(arguments), 10s));
    if (!answer.envelope.success)
      co_return fail("the debugger refuses \"" + command.substr(0, command.find(' ', 4)) +
                         "\", which keeps the layer out of it: " + answer.raw,
                     "try another \"debugger\"");
  }
  if (!plan.debuggee.left_out.empty())
    say("inpod: variables of the pod left out (not UTF-8; with launchCommands, of several lines): " +
            joined(plan.debuggee.left_out),
        "important");
  co_return Result<void>();
}

Result<LaunchPlan> Proxy::prepare_launch_arguments(RawObject& arguments) {
  TRY_ASSIGN(family, find_family(adapter_->command(), adapter_->capabilities()));
  TRY_VOID(family->check(adapter_->command(), arguments));
  if (!environment_file_) {
    TRY_ASSIGN(file, EnvironmentFile::create());
    environment_file_.emplace(std::move(file));
  }
  const auto host = environment_without_layer(environ);
  const auto starter = environment_file_->command();
  TRY_ASSIGN(plan,
             family->prepare(arguments, {session_->environment(), host, adapter_->capabilities(), starter}));
  TRY_VOID(check_injection(plan.debuggee.left_out));
  launch_file_ = plan.file;
  debuggee_environment_ = plan.debuggee;
  auto set = plan.debuggee.set;
  set.insert(plan.debuggee.injection.begin(), plan.debuggee.injection.end());
  TRY_VOID(environment_file_->write(set, plan.debuggee.unset));
  return plan;
}

void Proxy::fail_launch(const Error& error) {
  end_progress();
  held_initialized_.reset();
  phase_ = Phase::over;
  launch_patience_.cancel();
  if (launch_->answered_early)
    say("inpod: the launch failed: " + error.to_string(), "important");
  else
    respond_error(launch_->message, error);
  fail_queue("the launch failed");
  if (!std::exchange(terminated_told_, true)) event("terminated", nullptr);
  if (session_ && launch_->cancelled) session_->take_back();
  end_session();
  if (const auto port = adapter_)
    run_beside([](std::shared_ptr<AdapterPort> last) -> Task<void> { co_await last->process().end(); }(port),
               "ending the debug adapter");
}

void Proxy::answer_launch_in_time() {
  const auto patience = options_->launch_patience.find(client_name_);
  if (patience == options_->launch_patience.end()) return;
  launch_patience_.expires_after(patience->second);
  launch_patience_.async_wait([weak = weak_from_this()](const boost::system::error_code& error) {
    const auto self = weak.lock();
    if (error || !self || !self->launch_ || self->phase_ == Phase::over || self->leaving_) return;
    self->launch_->answered_early = true;
    self->respond(self->launch_->message, true);
  });
}

void Proxy::on_launch_response(const Message& message, Replacements replacements) {
  launch_patience_.cancel();
  launch_answered_ = message.envelope.success;
  const bool answered = launch_ && launch_->answered_early;
  if (!answered) relay_to_client(message, std::move(replacements));
  if (launch_answered_) return;
  if (answered) {
    const auto error = RawObject::parse(message.raw).value_or(RawObject()).get("message");
    say("inpod: the debugger failed to launch: " +
            (error.is_string() ? error.get<std::string>() : message.raw),
        "important");
    if (!std::exchange(terminated_told_, true)) event("terminated", nullptr);
  }
  end_session();
  flush_queue();
}

void Proxy::progress(Stage stage, const std::string& text) {
  auto& launch = *launch_;
  if (!client_shows_progress_) return say("inpod: " + text);
  const int percentage = 25 * static_cast<int>(stage);
  if (std::exchange(launch.progress_open, true)) {
    event("progressUpdate",
          {{"progressId", launch.progress_id}, {"message", text}, {"percentage", percentage}});
    return;
  }
  // Cancel must be on offer even where the adapter knows none.
  if (!adapter_->can("supportsCancelRequest"))
    event("capabilities", {{"capabilities", {{"supportsCancelRequest", true}}}});
  nlohmann::json body{{"progressId", launch.progress_id},
                      {"title", "Run in Cluster"},
                      {"cancellable", true},
                      {"message", text},
                      {"percentage", percentage}};
  body["requestId"] = nlohmann::json::parse(launch.message.part(launch.message.envelope.seq), nullptr, false);
  event("progressStart", body);
}

void Proxy::end_progress() {
  if (launch_->progress_open) event("progressEnd", {{"progressId", launch_->progress_id}});
  launch_->progress_open = false;
}

/// An adapter that is busy with the launch may refuse what comes before its `initialized` (cdt-gdb-adapter),
/// so that event opens the way; or a failed launch; or some time, should it have no need of the event.
void Proxy::flush_queue_later() {
  starting_limit_.expires_after(30s);
  starting_limit_.async_wait([self = shared_from_this()](const boost::system::error_code& error) {
    if (!error) self->flush_queue();
  });
}

/// All of it goes out before anything that the client sends from now on: nothing here waits.
void Proxy::flush_queue() {
  if (phase_ != Phase::starting) return;
  phase_ = Phase::relaying;
  starting_limit_.cancel();
  queued_bytes_ = 0;
  for (auto& held : std::exchange(queue_, {})) on_client_request(std::move(held));
}

void Proxy::fail_queue(const std::string& why) {
  for (const auto& held : std::exchange(queue_, {})) respond(held, false, why);
  queued_bytes_ = 0;
}

}  // namespace inpod::dap
