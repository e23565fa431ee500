// Session::start and what holds a running session together: directory, agent, connection, relay, environment.
#include "session/session.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <ctime>

#include "log/log.hpp"
#include "protocol/printable.hpp"
#include "protocol/task.hpp"
#include "relay/answer_checks.hpp"
#include "relay/relay.hpp"
#include "session/cluster_agent.hpp"
#include "session/connection.hpp"
#include "session/environment.hpp"
#include "session/layer_check.hpp"
#include "session/local_agent.hpp"
#include "session/paths.hpp"
#include "session/registry.hpp"
#include "session/requests.hpp"

namespace inpod {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;

constexpr auto longest_settling = 4s;  // of what programs wrote, when the session ends

std::string utc_now() {
  const time_t now = time(nullptr);
  tm parts{};
  gmtime_r(&now, &parts);
  char text[32];
  strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
  return text;
}

class SessionImpl : public Session, public std::enable_shared_from_this<SessionImpl> {
 public:
  SessionImpl(asio::any_io_executor executor, Options options)
      : executor_(std::move(executor)), options_(std::move(options)), stop_requests_(executor_) {}

  Task<Result<void>> begin() {
    if (options_.config.interception == "syscalls")
      co_return fail("interception: syscalls is not in this version of inpod", "use `auto` or `preload`");
    std::string layer;
    if (options_.config.intercepts()) {
      CO_TRY(found, find_layer());
      layer = std::move(found);
    }
    if (!layer.empty() && !options_.program.empty()) {
      const auto loads = co_await check_layer_loads(layer, options_.program);
      if (!loads) co_return loads;
    }
    CO_TRY(directory, SessionDirectory::create());
    directory_ = std::move(directory);
    CO_TRY_VOID(co_await reach_agent());
    CO_TRY_VOID(co_await enter_pod(layer));
    CO_TRY_VOID(take_stop_requests());
    CO_TRY_VOID(publish());
    access_->keep();
    if (layer.empty()) {
      note_warning(
          "interception: none: the environment is the pod's; files, names and connections are this "
          "machine's");
    }
    co_return Result<void>();
  }

  const LaunchEnvironment& environment() const override { return environment_; }

  nlohmann::json describe() const override {
    nlohmann::json description = access_ ? access_->describe() : nlohmann::json::object();
    description["id"] = directory_ ? directory_->id() : "";
    description["mode"] = !options_.config.intercepts()                                    ? "environment"
                          : !options_.config.incoming.enabled                              ? "off"
                          : options_.config.incoming.mode == protocol::IncomingMode::steal ? "steal"
                                                                                           : "mirror";
    description["program"] = options_.program;
    description["hostname"] = hostname_;
    description["requests"] = request_names();
    description["lease_seconds"] = connection_ ? connection_->lease_seconds() : 0;
    const bool linked = connection_ && connection_->link();
    description["round_trip_us"] = linked ? connection_->link()->round_trip().count() : 0;
    return description;
  }

  void expect_layer(const std::string& program) override {
    options_.program = program;
    if (!environment_.layer.empty()) environment_.set["INPOD_PROGRAM"] = program;
    handshakes_before_ = relay_ ? relay_->handshakes() : 0;
  }

  bool layer_loaded() const override {
    return !options_.config.intercepts() || (relay_ && relay_->handshakes() > handshakes_before_);
  }

  Task<Result<void>> wait_for_layer(std::chrono::milliseconds timeout) override {
    const auto self = shared_from_this();
    const auto end = std::chrono::steady_clock::now() + timeout;
    asio::steady_timer timer(executor_);
    while (!layer_loaded()) {
      if (stopped_) co_return fail("the session has ended");
      if (std::chrono::steady_clock::now() >= end) co_return Failed(layer_missing());
      timer.expires_after(10ms);
      auto [error] = co_await timer.async_wait(as_result);
      if (error) co_return fail("cancelled");
    }
    co_return Result<void>();
  }

  Task<Result<nlohmann::json>> request(std::string name, nlohmann::json arguments) override {
    const auto self = shared_from_this();
    if (!relay_ || stopped_) co_return fail("the session has ended");
    auto description = describe();
    description["environment"] = pod_variables_;
    co_return co_await answer_request(relay_, std::move(description), std::move(name), std::move(arguments));
  }

  void take_back() override { taken_back_ = true; }

  Task<void> stop() override {
    const auto self = shared_from_this();
    if (std::exchange(stopped_, true)) co_return;
    boost::system::error_code ignored;
    stop_requests_.close(ignored);
    if (relay_) co_await relay_->settle(longest_settling);
    if (relay_ && relay_->lost_output())
      event({{"event", "note"},
             {"severity", "error"},
             {"text", "not all that was written to redirected output has reached the pod"},
             {"lostOutput", true}});
    // The Bye goes first: the pod gets its traffic back before anything here takes time.
    if (connection_) co_await connection_->close();
    if (relay_) relay_->close();
    if (access_) co_await access_->release(taken_back_);
    directory_.reset();
  }

 private:
  void progress(Stage stage, const std::string& said) const {
    const auto text = protocol::shown_line(said);
    log_debug(std::string(to_string(stage)) + ": " + text);
    if (options_.on_progress) options_.on_progress(stage, text);
  }
  /// Texts of events may be the agent's or the cluster's: all that hear them get what can be shown.
  void event(nlohmann::json value) const {
    for (const char* key : {"text", "error", "remedy"})
      if (value.contains(key) && value[key].is_string())
        value[key] = protocol::shown(value[key].get<std::string>());
    log_debug(value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
    if (options_.on_event) options_.on_event(value);
  }

  void note_warning(const std::string& text) const {
    event({{"event", "note"}, {"severity", "warning"}, {"text", text}});
  }

  Task<Result<void>> reach_agent() {
    const std::string& target = options_.config.target;
    if (target.empty())
      co_return fail("no target given",
                     "set \"target\": deployment/NAME, pod/NAME, … (`inpod targets` lists what there is)");
    const auto self = shared_from_this();
    Progress report = [self](Stage stage, const std::string& text) { self->progress(stage, text); };
    if (target.rfind("local:", 0) == 0) {
      CO_TRY(access,
             co_await start_local_agent(executor_, options_.config, directory_->path(), std::move(report)));
      co_return co_await connect(std::move(access));
    }
    CO_TRY(cluster, co_await ClusterTarget::resolve(executor_, options_.config, report));
    if (auto access = cluster->leased()) {
      progress(Stage::agent, "Connecting to the agent of an earlier launch");
      const auto connected = co_await connect(std::move(access));
      if (connected) co_return Result<void>();
      cluster->forget();
    }
    std::function<void(const std::string&)> warn = [self](const std::string& text) {
      self->note_warning(text);
    };
    CO_TRY(access, co_await cluster->start(std::move(report), std::move(warn)));
    cluster.reset();
    co_return co_await connect(std::move(access));
  }

  Task<Result<void>> connect(std::shared_ptr<AgentAccess> access) {
    access_ = std::move(access);
    const std::weak_ptr<SessionImpl> weak = weak_from_this();
    Connection::Handlers handlers;
    handlers.on_event = [weak](protocol::Message message) {
      if (auto self = weak.lock()) self->agent_event(std::move(message));
    };
    handlers.on_change = [weak](const std::string& state, const std::string& text) {
      if (auto self = weak.lock()) self->event({{"event", "agent"}, {"state", state}, {"text", text}});
    };
    handlers.on_closed = [weak](Error why) {
      if (auto self = weak.lock()) self->lost(std::move(why));
    };
    connection_ = std::make_shared<Connection>(executor_, access_, std::move(handlers));
    co_return co_await connection_->open();
  }

  Task<Result<void>> enter_pod(const std::string& layer) {
    progress(Stage::environment, "Reading the pod's environment");
    protocol::Message question = protocol::GetPod{};
    CO_TRY(pod, co_await connection_->link()->request_as<protocol::Pod>(std::move(question)));
    if (const char* fault = relay::fault_in(pod))
      co_return fail(
          "the agent's answer about the pod was refused: it has " + std::string(fault),
          "whoever controls the pod or the agent may be trying to reach this machine: look at the pod");
    hostname_ = pod.hostname;
    const auto pod_environment = pod.environment;
    Relay::Options options;
    options.config = options_.config;
    options.directory = directory_->path();
    options.pod = std::move(pod);
    options.probes = access_->probes();
    const std::weak_ptr<SessionImpl> weak = weak_from_this();
    options.on_event = [weak](const nlohmann::json& value) {
      if (auto self = weak.lock()) self->event(value);
    };
    CO_TRY(relay, Relay::create(executor_, connection_->link(), std::move(options)));
    relay_ = std::move(relay);
    const char* preload = getenv("LD_PRELOAD");
    environment_ =
        build_environment(options_.config.environment, pod_environment, layer, relay_->socket_path(),
                          options_.program, preload == nullptr ? "" : preload);
    if (const auto note = left_out_note(environment_, options_.config.environment))
      event({{"event", "note"}, {"severity", "warning"}, {"text", *note}});
    for (const auto& [name, value] : environment_.set)
      if (name != "LD_PRELOAD" && !name.starts_with("INPOD_")) pod_variables_.push_back(name);
    co_return Result<void>();
  }

  Result<void> take_stop_requests() {
    if (!options_.on_stop_request) return {};
    TRY_ASSIGN(fifo, directory_->stop_requests());
    stop_requests_.assign(fifo.release());
    stop_requests_.async_wait(asio::posix::stream_descriptor::wait_read,
                              [weak = weak_from_this()](const boost::system::error_code& error) {
                                const auto self = weak.lock();
                                if (self && !error) self->options_.on_stop_request();
                              });
    return {};
  }

  Result<void> publish() const {
    auto description = describe();
    description["started"] = utc_now();
    description["socket"] = environment_.socket;
    return directory_->publish(std::move(description));
  }

  void agent_event(protocol::Message message) {
    if (const auto* leaving = std::get_if<protocol::Leaving>(&message)) {
      leaving_ = protocol::shown_line(leaving->reason);
      event({{"event", "agent"}, {"state", "leaving"}, {"text", "The agent leaves: " + leaving_}});
      return;
    }
    if (relay_) relay_->on_agent_event(std::move(message));
  }

  /// The link is over, and we did not end it: remote operations of the debuggee fail from here on.
  void lost(Error why) {
    if (!leaving_.empty()) why = Error{why.code, leaving_, "launch again"};
    event({{"event", "closed"}, {"error", why.text}, {"remedy", why.remedy}});
    if (relay_) relay_->close();
  }

  Error layer_missing() const {
    return {0,
            options_.program +
                " runs, but never loaded the layer (libinpod.so), so nothing of it would have been the pod's",
            "It may be static, gain rights when it starts, or clear LD_PRELOAD. `inpod check` tests the "
            "layer with a trivial "
            "program"};
  }

  asio::any_io_executor executor_;
  Options options_;
  std::optional<SessionDirectory> directory_;
  asio::posix::stream_descriptor stop_requests_;
  std::shared_ptr<AgentAccess> access_;
  std::shared_ptr<Connection> connection_;
  std::shared_ptr<Relay> relay_;
  LaunchEnvironment environment_;
  std::string hostname_, leaving_;
  std::vector<std::string>
      pod_variables_;  ///< names alone: values may be secrets, and the client has no need of them
  std::uint64_t handshakes_before_ = 0;
  bool stopped_ = false, taken_back_ = false;
};

}  // namespace

const char* to_string(Stage stage) {
  switch (stage) {
    case Stage::cluster:
      return "cluster";
    case Stage::agent:
      return "agent";
    case Stage::environment:
      return "environment";
    case Stage::debugger:
      return "debugger";
  }
  return "";
}

Task<Result<std::shared_ptr<Session>>> Session::start(asio::any_io_executor executor, Options options) {
  auto session = std::make_shared<SessionImpl>(std::move(executor), std::move(options));
  Result<void> outcome;
  std::exception_ptr thrown;
  try {
    outcome = co_await session->begin();
  } catch (...) {
    thrown = std::current_exception();
  }
  if (outcome && !thrown) {
    std::shared_ptr<Session> started = std::move(session);
    co_return started;
  }
  // Also after a cancellation: what was begun is taken back, undisturbed.
  co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
  co_await session->stop();
  if (thrown) std::rethrow_exception(thrown);
  co_return Failed(outcome.error());
}

}  // namespace inpod
