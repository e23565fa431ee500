// The client's side of the proxy: routing its messages, answering what the proxy must answer itself, and the
// end. See proxy.hpp.
#include "dap/proxy.hpp"

#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <csignal>
#include <cstdio>

#include "dap/no_debug.hpp"
#include "dap/program_check.hpp"
#include "protocol/printable.hpp"
#include "protocol/task.hpp"

namespace inpod::dap {
namespace asio = boost::asio;
using namespace std::chrono_literals;

namespace {

constexpr std::size_t max_queued = 64u << 20;  ///< bytes of requests held during a launch
constexpr int error_id = 7001;                 ///< id of our error bodies; any number will do

/// Where the member `key` of the object at `object` stands in `raw`.
std::optional<Span> member_at(std::string_view raw, const std::optional<Span>& object, std::string_view key) {
  if (!object) return std::nullopt;
  std::optional<Span> found;
  for (const auto& member : members_of(object->of(raw)).value_or(std::vector<Member>()))
    if (member.key == key) found = Span{object->begin + member.value.begin, object->begin + member.value.end};
  return found;
}

bool names_progress(const nlohmann::json& arguments, const std::string& id) {
  return arguments.is_object() && arguments.contains("progressId") && arguments["progressId"] == id;
}

}  // namespace

Proxy::Proxy(asio::any_io_executor executor, std::shared_ptr<const ServeOptions> options,
             std::shared_ptr<Endpoint> client, std::optional<ClientSecret> secret)
    : executor_(executor),
      options_(std::move(options)),
      client_(std::move(client)),
      beside_ended_(executor),
      secret_(std::move(secret)),
      admission_limit_(executor),
      program_end_(executor),
      starting_limit_(executor),
      launch_patience_(executor) {}

Task<int> Proxy::run() {
  const auto self = shared_from_this();
  begin_admission();
  while (!leaving_) {
    auto body = co_await client_->read();
    if (!body) {
      const Error error = body.error().context("cannot read from the client");
      if (secret_)
        refusal_ = error;
      else
        fprintf(stderr, "inpod dap: %s\n", protocol::shown(error.to_string()).c_str());
      exit_code_ = 125;
      break;
    }
    if (!*body) break;
    try {
      Message message(std::move(**body));
      if (admit(message)) co_await on_client(std::move(message));
    } catch (const std::exception& error) {
      fprintf(stderr, "inpod dap: internal error: %s\n", protocol::shown(error.what()).c_str());
      exit_code_ = 125;
      break;
    }
    if (const auto port = adapter_) co_await port->process().endpoint().room();
  }
  co_await shut_down();
  co_return exit_code_;
}

void Proxy::stop() {
  leaving_ = true;
  client_->close();
}

Task<void> Proxy::on_client(Message message) {
  const auto& envelope = message.envelope;
  if (envelope.is(Envelope::Kind::request, "initialize")) {
    co_await on_initialize(std::move(message));
  } else if (envelope.kind == Envelope::Kind::request) {
    on_client_request(std::move(message));
  } else if (adapter_ && envelope.kind == Envelope::Kind::response) {
    const auto request = to_client_.close(message.part(envelope.request_seq));
    if (request)
      adapter_->relay_response(message, request->origin);
    else
      adapter_->relay_unknown(message);
  } else if (adapter_) {
    adapter_->relay_unknown(message);
  }
}

void Proxy::on_client_request(Message message) {
  const std::string& command = message.envelope.name;
  if (phase_ == Phase::over) {
    const bool ends = command == "disconnect" || command == "terminate" || command == "cancel";
    respond(message, ends, ends ? "" : "the debug session is over");
    if (command == "disconnect") leave();
  } else if (command == "cancel") {
    on_cancel(message);
  } else if (command == "disconnect" || command == "terminate") {
    on_ending(message);
  } else if (command.starts_with("inpod/")) {
    run_beside(answer_session_request(std::move(message)), "answering a request to the session");
  } else if (command == "launch" || command == "attach") {
    on_launch(std::move(message));
  } else if (phase_ == Phase::launching || phase_ == Phase::starting) {
    hold(std::move(message));
  } else if (!adapter_) {
    respond(message, false, "no debug adapter runs yet: send initialize and launch first");
  } else if (const auto unset = no_debug_ ? without_breakpoints(message) : std::nullopt) {
    respond(message, true, {}, *unset);
  } else if (command == "restart") {
    on_restart(message);
  } else {
    relay_request(message);
  }
}

void Proxy::note_initialize(const Message& message) {
  initialized_ = true;
  initialize_arguments_ = message.part(message.envelope.arguments);
  const auto arguments = message.arguments();
  client_shows_progress_ =
      arguments.is_object() && arguments.value("supportsProgressReporting", nlohmann::json()) == true;
  const auto name = arguments.is_object() ? arguments.value("clientID", nlohmann::json()) : nlohmann::json();
  client_name_ = name.is_string() ? name.get<std::string>() : std::string();
}

Task<void> Proxy::on_initialize(Message message) {
  const auto self = shared_from_this();
  note_initialize(message);
  if (adapter_) {
    adapter_->relay_request(message);
    co_return;
  }
  const auto command = first_adapter();
  if (!command && adapter_is_final_) {
    respond_error(message, command.error());
    co_return;
  }
  if (!command) {
    // The launch request may still name one; if not, it says what to install.
    respond(message, true, {}, {{"supportsConfigurationDoneRequest", true}});
    co_return;
  }
  AdapterCommand copy = *command;
  auto started = co_await AdapterProcess::start(executor_, copy.argv);
  if (!started) {
    respond_error(message, started.error());
    co_return;
  }
  adapter_ = std::make_shared<AdapterPort>(executor_, std::move(copy), std::move(*started));
  adapter_->relay_request(message);
  run_beside(read_adapter(adapter_), "reading the debug adapter");
}

void Proxy::on_cancel(const Message& message) {
  const auto id = member_at(message.raw, message.envelope.arguments, "requestId");
  const std::string origin(id ? id->of(message.raw) : std::string_view());
  const auto held = std::find_if(queue_.begin(), queue_.end(),
                                 [&](const Message& m) { return m.part(m.envelope.seq) == origin; });
  if (held != queue_.end()) {
    respond(*held, false, "cancelled");
    queued_bytes_ -= held->raw.size();
    queue_.erase(held);
    return respond(message, true);
  }
  if (phase_ == Phase::launching) {
    const bool by_progress =
        launch_->progress_open && names_progress(message.arguments(), launch_->progress_id);
    if (by_progress || origin == launch_->message.part(launch_->message.envelope.seq)) {
      respond(message, true);
      launch_->cancelled = true;
      cancel_launch_.emit(asio::cancellation_type::terminal);
      fail_launch({ECANCELED, "cancelled", {}});
      return;
    }
  }
  // The capability may have been announced by us alone, for the launch.
  if (!adapter_ || (launch_ && launch_->request.cluster && !adapter_->can("supportsCancelRequest"))) {
    respond(message, true);
    return;
  }
  Replacements also;
  // What is answered already can't be cancelled: 0 is nobody's number.
  if (id) also.emplace_back(*id, std::to_string(adapter_->sequence().find(origin).value_or(0)));
  adapter_->relay_request(message, std::move(also));
}

void Proxy::on_ending(const Message& message) {
  const bool disconnect = message.envelope.name == "disconnect";
  if (phase_ == Phase::launching) {
    launch_->cancelled = true;
    cancel_launch_.emit(asio::cancellation_type::terminal);
    fail_launch({ECANCELED, "cancelled", {}});
  } else if (adapter_) {
    flush_queue();
    // The program may end in its own way, with the pod around it, or not at all: its `terminated` is the
    // session's end.
    if (!disconnect) return adapter_->relay_request(message);
    const auto arguments = message.arguments();
    leave_debuggee_ =
        arguments.is_object() && arguments.value("terminateDebuggee", nlohmann::json()) == false;
    if (leave_debuggee_) adapter_->process().guard_no_more(debuggee_pid_);
    ending_ = message;
    adapter_->relay_request(message);
    if (!launch_) return;  // all the rest is between the client and the adapter
    adapter_->process().silence();
    end_session();
    auto limit = std::make_shared<asio::steady_timer>(executor_, 5s);
    limit->async_wait([self = shared_from_this(), limit](const boost::system::error_code&) {
      if (!self->ending_ || self->leaving_) return;
      self->respond(*self->ending_, true);
      self->ending_.reset();
      self->leave();
    });
    return;
  }
  respond(message, true);
  if (disconnect) leave();
}

void Proxy::on_restart(const Message& message) {
  const auto at = member_at(message.raw, message.envelope.arguments, "arguments");
  auto request = at ? LaunchRequest::read(at->of(message.raw)) : std::nullopt;
  const bool in_cluster = (request && request->cluster) || (launch_ && launch_->request.cluster);
  if (in_cluster && launched_ && !session_) {  // the debugger would run the program on this machine
    return respond_error(
        message, Error{0, "a restart needs the cluster session, and there is none any more", "launch again"});
  }
  Replacements also;
  if (request && session_) {
    const auto program = locate_program(request->text("program"), request->text("cwd"));
    if (program && *program != program_) {
      return respond_error(message, Error{0,
                                          "a restart can't change the program (" + *program +
                                              ") in the cluster session of " + program_,
                                          "end this one and launch again"});
    }
    no_debug_ = request->no_debug();
    if (no_debug_) without_entry_stop(request->arguments);
    if (const auto plan = prepare_launch_arguments(request->arguments); !plan)
      return respond_error(message, plan.error());
  }
  if (request && (session_ || request->concerns_us())) also.emplace_back(*at, request->arguments.text());
  adapter_->relay_request(message, std::move(also));
  if (!session_) return;
  session_->expect_layer(program_);
  motion_ = Motion::running;  // the program that ends now has a successor
  wants_entry_stop_ = launch_ && launch_->request.stops_on_entry();
  begin_layer_watch();
}

void Proxy::hold(Message message) {
  if (queued_bytes_ + message.raw.size() > max_queued)
    return respond(message, false, "too many requests while the launch is under way");
  queued_bytes_ += message.raw.size();
  queue_.push_back(std::move(message));
}

void Proxy::relay_request(const Message& message) {
  if (message.envelope.name == "configurationDone") configured_ = true;
  note_stepping(message);
  adapter_->relay_request(message);
}

void Proxy::respond(const Message& request, bool success, const std::string& message,
                    const nlohmann::json& body) {
  respond_to(std::string(request.part(request.envelope.seq)), request.envelope.name, success, message, body);
}

void Proxy::respond_to(const std::string& origin, const std::string& command, bool success,
                       const std::string& message, const nlohmann::json& body) {
  std::string text = R"({"seq":)" + std::to_string(to_client_.next()) +
                     R"(,"type":"response","request_seq":)" + origin + R"(,"success":)" +
                     (success ? "true" : "false") + R"(,"command":)" + to_text(command);
  if (!message.empty()) text += R"(,"message":)" + to_text(protocol::shown(message));
  if (!body.is_null()) text += R"(,"body":)" + to_text(body);
  client_->send(text + "}");
}

void Proxy::respond_error(const Message& request, const Error& error, bool show_user) {
  respond(request, false, error.text,
          {{"error",
            {{"id", error_id},
             {"format", protocol::shown(error.to_string())},
             {"showUser", show_user && error.code != ECANCELED}}}});
}

void Proxy::event(const char* name, const nlohmann::json& body) {
  // It makes the user confirm each event that it does not know.
  if (client_name_ == "vimspector" && std::string_view(name).starts_with("inpod/")) return;
  std::string text =
      R"({"seq":)" + std::to_string(to_client_.next()) + R"(,"type":"event","event":)" + to_text(name);
  if (!body.is_null()) text += R"(,"body":)" + to_text(body);
  client_->send(text + "}");
}

void Proxy::say(const std::string& text, const char* category) {
  event("output", {{"category", category}, {"output", protocol::shown(text) + "\n"}});
}

void Proxy::leave() {
  if (std::exchange(leaving_, true)) return;
  run_beside(
      [](std::shared_ptr<Proxy> self) -> Task<void> {
        if (const auto port = self->adapter_) co_await port->process().end();
        co_await self->client_->flush(2s);
        self->client_->close();
      }(shared_from_this()),
      "leaving");
}

Task<void> Proxy::shut_down() {
  leaving_ = true;
  if (phase_ == Phase::launching) {
    launch_->cancelled = true;
    cancel_launch_.emit(asio::cancellation_type::terminal);
  }
  phase_ = Phase::over;
  admission_limit_.cancel();
  starting_limit_.cancel();
  launch_patience_.cancel();
  boost::system::error_code ignored;
  program_end_.close(ignored);
  end_session();
  if (const auto port = adapter_) co_await port->process().end();
  kill_debuggee();
  const auto limit = asio::steady_timer::clock_type::now() + 10s;
  while (beside_ > 0 && asio::steady_timer::clock_type::now() < limit) {
    beside_ended_.expires_at(limit);
    co_await beside_ended_.async_wait(as_result);
  }
  co_await client_->flush(1s);
  client_->close();
}

void Proxy::know_debuggee(int pid) {
  debuggee_pid_ = pid;
  debuggee_.reset(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
  if (adapter_) adapter_->process().guard(pid);
  layer_addresses_.clear();
  watch_program_end();
}

/// Adapters end what they launched when they end; this is for those that were killed, and their helpers.
void Proxy::kill_debuggee() {
  if (debuggee_ && !leave_debuggee_) syscall(SYS_pidfd_send_signal, debuggee_.get(), SIGKILL, nullptr, 0);
}

void Proxy::run_beside(Task<void> task, const char* what) {
  ++beside_;
  asio::co_spawn(executor_, std::move(task),
                 [self = shared_from_this(), what](const std::exception_ptr& thrown) {
                   --self->beside_;
                   self->beside_ended_.cancel();
                   if (!thrown) return;
                   try {
                     std::rethrow_exception(thrown);
                   } catch (const std::exception& error) {
                     fprintf(stderr, "inpod dap: internal error while %s: %s\n", what,
                             protocol::shown(error.what()).c_str());
                   }
                   self->exit_code_ = 125;
                   self->stop();
                 });
}

}  // namespace inpod::dap
