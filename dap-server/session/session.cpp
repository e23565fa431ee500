// Session::start and what holds a running session together: directory, agent, connection, relay, environment.
#include "session/session.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
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
/// How long a program waits for the successor of its pod: a rollout that pulls an image, a node that is
/// drained.
constexpr auto successor_bound = 120s;

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
    set_program(environment_, program);
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
    co_await stop_following();
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
    if (options_.on_progress && !following_)  // a program runs: it has the terminal
      options_.on_progress(stage, text);
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
    CO_TRY(cluster, co_await ClusterTarget::resolve(executor_, options_.config, std::move(report)));
    co_return co_await connect_in(std::move(cluster));
  }

  /// By the agent of an earlier launch, else by a new one.
  Task<Result<void>> connect_in(std::shared_ptr<ClusterTarget> cluster) {
    const auto self = shared_from_this();
    if (auto access = cluster->leased()) {
      progress(Stage::agent, "Connecting to the agent of an earlier launch");
      const auto connected = co_await connect(std::move(access));
      if (connected) co_return Result<void>();
      co_await cluster->forget();
    }
    Progress report = [self](Stage stage, const std::string& text) { self->progress(stage, text); };
    std::function<void(const std::string&)> warn = [self](const std::string& text) {
      self->note_warning(text);
    };
    CO_TRY(access, co_await cluster->start(std::move(report), std::move(warn)));
    cluster.reset();
    co_return co_await connect(std::move(access));
  }

  Task<Result<void>> connect(std::shared_ptr<AgentAccess> access) {
    access_ = std::move(access);
    if (!connection_ || connection_->is_over()) replace_connection();
    co_return co_await connection_->open(access_);
  }

  /// From now on what is asked of the agent waits for the connection's first transport.
  void replace_connection() {
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
    connection_ = Connection::create(executor_, std::move(handlers));
    if (relay_) relay_->replace_link(connection_->link());
  }

  Task<Result<protocol::Pod>> ask_pod() {
    protocol::Message question = protocol::GetPod{};
    CO_TRY(pod, co_await connection_->link()->request_as<protocol::Pod>(std::move(question)));
    if (const char* fault = relay::fault_in(pod))
      co_return fail(
          "the agent's answer about the pod was refused: it has " + std::string(fault),
          "whoever controls the pod or the agent may be trying to reach this machine: look at the pod");
    hostname_ = pod.hostname;
    co_return pod;
  }

  Task<Result<void>> enter_pod(const std::string& layer) {
    progress(Stage::environment, "Reading the pod's environment");
    CO_TRY(pod, co_await ask_pod());
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
      if (!is_of_layer(name)) pod_variables_.push_back(name);
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
    description["started"] = started_;
    description["socket"] = environment_.socket;
    return directory_->publish(std::move(description));
  }

  void agent_event(protocol::Message message) {
    if (const auto* leaving = std::get_if<protocol::Leaving>(&message)) {
      leaving_ = protocol::shown_line(leaving->reason);
      if (!may_follow())  // else the line about what follows says it
        event({{"event", "agent"}, {"state", "leaving"}, {"text", "The agent leaves: " + leaving_}});
      return;
    }
    if (relay_) relay_->on_agent_event(std::move(message));
  }

  bool may_follow() const { return relay_ && !stopped_ && access_ && access_->has_successor(); }

  /// The link is over, and we did not end it.
  void lost(Error why) {
    if (!leaving_.empty()) why = Error{why.code, std::exchange(leaving_, {}), "launch again"};
    if (following_) return;  // it notices, and tries again
    if (!may_follow()) return end(why);
    following_ = true;
    auto finished = [self = shared_from_this()](const std::exception_ptr&) { self->following_ = false; };
    asio::co_spawn(executor_, follow(std::move(why)),
                   asio::bind_cancellation_slot(stop_following_.slot(), std::move(finished)));
  }

  /// Remote operations of the debuggee fail from here on.
  void end(const Error& why) {
    event({{"event", "closed"}, {"error", why.text}, {"remedy", why.remedy}});
    if (relay_) relay_->close();
  }

  /// The program goes on in the target's successor, if one comes in time. What it asks meanwhile waits.
  Task<void> follow(Error why) {
    const auto self = shared_from_this();
    const auto end_of_wait = std::chrono::steady_clock::now() + successor_bound;
    const bool too_often = comes_too_often();
    if (!too_often) {
      event({{"event", "agent"},
             {"state", "waiting"},
             {"text", "The pod is lost (" + why.text + "): the program waits for its successor"}});
      replace_connection();
    }
    Error last = why;
    asio::steady_timer timer(executor_);
    while (!too_often && !stopped_) {
      const auto outcome = co_await enter_successor(why);
      if (outcome) following_ = false;
      if (outcome || stopped_) co_return;
      last = outcome.error();
      if (last.code == ECANCELED || std::chrono::steady_clock::now() > end_of_wait) break;
      timer.expires_after(1s);
      co_await timer.async_wait(as_result);
    }
    if (stopped_) co_return;
    connection_->link()->close();
    if (too_often) last.remedy = "it happens again and again: see what ends the pod or the agent";
    if (last.text != why.text) why.text += "; no successor came: " + last.text;
    end({why.code, why.text, last.remedy.empty() ? why.remedy : last.remedy});
  }

  /// An agent that always ends soon after its start would be started for ever.
  bool comes_too_often() {
    const auto now = std::chrono::steady_clock::now();
    std::erase_if(followed_, [now](auto when) { return now - when > 10min; });
    followed_.push_back(now);
    return followed_.size() > 5;
  }

  Task<Result<void>> enter_successor(Error why) {
    const auto before = access_;
    Result<void> entered;
    std::exception_ptr thrown;
    try {
      entered = co_await try_successor(std::move(why));
    } catch (...) {
      thrown = std::current_exception();
    }
    if (entered && !thrown) co_return Result<void>();
    // Also after a cancellation: what was begun is taken back, undisturbed.
    co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
    if (access_ != before) co_await std::exchange(access_, before)->release(true);
    if (thrown) std::rethrow_exception(thrown);
    co_await asio::this_coro::reset_cancellation_state(asio::enable_terminal_cancellation());
    co_return entered;
  }

  Task<Result<void>> try_successor(Error why) {
    const auto was = access_->describe();
    Progress quiet = [](Stage stage, const std::string& text) {
      log_debug(std::string(to_string(stage)) + ": " + text);
    };
    CO_TRY(cluster, co_await access_->successor(std::move(why), std::move(quiet)));
    CO_TRY_VOID(co_await connect_in(std::move(cluster)));
    CO_TRY(pod, co_await ask_pod());
    relay_->enter_pod(std::move(pod), access_->probes());
    access_->keep();
    CO_TRY_VOID(publish());
    event({{"event", "agent"}, {"state", "replaced"}, {"text", moved_text(was, access_->describe())}});
    co_return Result<void>();
  }

  static std::string moved_text(const nlohmann::json& was, const nlohmann::json& is) {
    const auto pod = is.value("pod", ""), old = was.value("pod", "");
    if (pod.empty() || pod == old)
      return "The program goes on by a new agent" + (pod.empty() ? "" : " in pod " + pod) +
             "; its connections were reset";
    return "The program goes on in pod " + pod + ", which has replaced " + old +
           "; its connections were reset, its environment is still that of " + old;
  }

  Task<void> stop_following() {
    stop_following_.emit(asio::cancellation_type::terminal);
    asio::steady_timer timer(executor_);
    for (int tries = 0; following_ && tries < 500; ++tries) {
      timer.expires_after(10ms);
      co_await timer.async_wait(as_result);
    }
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
  const std::string started_ = utc_now();
  asio::cancellation_signal stop_following_;
  std::vector<std::chrono::steady_clock::time_point> followed_;
  bool following_ = false;
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
