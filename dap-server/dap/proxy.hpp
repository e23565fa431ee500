// Proxy: one client's conversation: between its Endpoint and its debug adapter, with a cluster session where
// a launch asks for one. Without one it changes nothing but sequence numbers.
//
//   proxy.cpp            the client's messages, and the end
//   proxy_admission.cpp  what the client must do before anything is done for it
//   proxy_adapter.cpp    the adapter's messages: starting it, following what it says, its death
//   proxy_launch.cpp     launch: held while the session starts, then rewritten
//   proxy_session.cpp    the session: its events, the layer's handshake, its end
//   proxy_stepping.cpp   the layer's frames, and steps out of them
//
// One executor; call only there. The object lives as long as one of its coroutines does.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "dap/adapter_port.hpp"
#include "dap/adapters/family.hpp"
#include "dap/client_secret.hpp"
#include "dap/launch_request.hpp"
#include "dap/layer_frames.hpp"
#include "dap/serve.hpp"
#include "session/environment_file.hpp"

namespace inpod::dap {

class Proxy : public std::enable_shared_from_this<Proxy> {
 public:
  /// secret: what the client must show; nothing where it needs none.
  Proxy(boost::asio::any_io_executor executor, std::shared_ptr<const ServeOptions> options,
        std::shared_ptr<Endpoint> client, std::optional<ClientSecret> secret);
  /// Runs until both sides are gone and the session has ended. The exit code as `serve` says.
  Task<int> run();
  /// Ends the conversation as if the client had left.
  void stop();

  /// The client has yet to show the secret.
  bool is_stranger() const { return secret_ && !leaving_; }
  bool showed_wrong_secret() const { return showed_wrong_secret_; }
  /// Why the client was turned away before it had shown the secret; nothing when it was not.
  const std::optional<Error>& refusal() const { return refusal_; }

 private:
  enum class Phase {
    idle,       ///< no launch yet
    launching,  ///< a launch is held; requests wait in queue_
    starting,   ///< it went to the adapter, which has not said `initialized`: requests still wait
    relaying,   ///< launch or attach went to the adapter
    over,       ///< the launch failed or the adapter died: the proxy answers by itself
  };
  /// Where the debuggee stands, as the adapter's messages tell.
  enum class Motion { none, running, stopped_at_entry, stopped };

  // -- proxy_admission.cpp
  void begin_admission();
  bool admit(Message& message);
  bool admit_stranger(const Message& message, const std::optional<std::string>& shown);
  void turn_away(const Message& message, const Error& error);

  // -- proxy.cpp
  Task<void> on_client(Message message);
  void on_client_request(Message message);
  void note_initialize(const Message& message);
  Task<void> on_initialize(Message message);
  void on_cancel(const Message& message);
  void on_ending(const Message& message);
  void on_restart(const Message& message);
  void hold(Message message);
  void relay_request(const Message& message);
  void respond(const Message& request, bool success, const std::string& message = {},
               const nlohmann::json& body = nullptr);
  void respond_to(const std::string& origin, const std::string& command, bool success,
                  const std::string& message = {}, const nlohmann::json& body = nullptr);
  void respond_error(const Message& request, const Error& error, bool show_user = true);
  void event(const char* name, const nlohmann::json& body);
  void say(const std::string& text, const char* category = "console");
  void leave();
  Task<void> shut_down();
  void know_debuggee(int pid);
  void kill_debuggee();
  /// Spawns a coroutine of ours; what it throws is told on stderr and ends the conversation.
  void run_beside(Task<void> task, const char* what);

  // -- proxy_adapter.cpp
  Result<AdapterCommand> first_adapter();
  Task<Result<void>> use_adapter(AdapterCommand command);
  Task<void> read_adapter(std::shared_ptr<AdapterPort> port);
  void on_adapter(AdapterPort& port, const Message& message);
  void on_adapter_response(AdapterPort& port, const Message& message);
  void on_adapter_event(AdapterPort& port, const Message& message);
  void relay_to_client(const Message& message, Replacements replacements = {});
  void relay_reverse_request(const Message& message);
  void adapter_gone(const std::string& text);
  void release_initialized();
  Task<void> release_initialized_later();

  // -- proxy_launch.cpp
  void on_launch(Message message);
  Task<void> launch_flow();
  Task<Result<Message>> prepare_launch();
  Task<Result<void>> prepare_cluster();
  /// launch.json's "cluster" on top of the config file, which the client is told about.
  Result<Config> load_config(const nlohmann::json& cluster, const std::string& directory);
  Task<Result<std::shared_ptr<Session>>> start_session(Config config);
  Task<Result<void>> prepare_adapter();
  /// Puts the environment into launch arguments, and where the program will find it.
  Result<LaunchPlan> prepare_launch_arguments(RawObject& arguments);
  void fail_launch(const Error& error);
  /// Answers the launch, before the client gives it up; what goes wrong later is told by `terminated`.
  void answer_launch_in_time();
  void on_launch_response(const Message& message, Replacements replacements);
  void progress(Stage stage, const std::string& text);
  void end_progress();
  void flush_queue();
  void flush_queue_later();
  void fail_queue(const std::string& why);

  // -- proxy_session.cpp
  void on_session_event(const nlohmann::json& happened);
  void tell_session(const char* state);
  void begin_layer_watch();
  Task<void> watch_layer();
  void look_for_debuggee();
  void watch_program_end();
  /// Makes the end of a program that has ended where it stood, if the adapter does not tell it.
  Task<void> make_end(int pid);
  Task<void> stop_program(std::string why);
  void on_stop_request();
  Task<void> stop_by_request();
  Task<void> answer_session_request(Message message);
  void end_session();
  Task<void> stop_session(std::shared_ptr<Session> session);

  // -- proxy_stepping.cpp
  const std::vector<AddressRange>& layer_addresses();
  void note_stepping(const Message& request);
  /// The body of a stackTrace response with the layer's frames marked; nothing where there are none.
  std::optional<std::string> mark_stack(const Message& response, const std::string& origin);
  /// Whether this `stopped` ends a step that began in the layer, and so may have ended in it.
  bool ends_step_in_layer(const Message& stopped);
  /// Steps out of the layer, or tells the client of the stop.
  Task<void> leave_layer(Message stopped);

  boost::asio::any_io_executor executor_;
  std::shared_ptr<const ServeOptions> options_;
  std::shared_ptr<Endpoint> client_;
  Sequence to_client_;
  std::shared_ptr<AdapterPort> adapter_;
  Phase phase_ = Phase::idle;
  int exit_code_ = 0;
  bool leaving_ = false;           ///< the client's reader is to end
  bool terminated_told_ = false;   ///< the client has had a `terminated` event
  bool adapter_is_final_ = false;  ///< named by flag or environment: no launch is likely to change it
  std::size_t beside_ = 0;         ///< coroutines of run_beside that have not ended
  boost::asio::steady_timer beside_ended_;

  std::optional<ClientSecret> secret_;  ///< until the client has shown it
  bool showed_wrong_secret_ = false;
  std::optional<Error> refusal_;
  boost::asio::steady_timer admission_limit_;

  bool initialized_ = false;          ///< the client has sent initialize
  std::string initialize_arguments_;  ///< raw, for another adapter
  std::string client_name_;           ///< its "clientID"
  bool client_shows_progress_ = false;
  std::optional<Message> held_initialized_;
  bool adapter_initialized_ = false;  ///< it has sent `initialized`
  std::optional<Message> ending_;     ///< disconnect that was passed on and is not answered
  bool launched_ = false;             ///< by launch, not attach: the debuggee ends with us
  bool disconnected_ = false;         ///< by an adapter without a session of ours, which may go on answering
  bool leave_debuggee_ = false;       ///< the client disconnected without ending the debuggee
  UniqueFd debuggee_;                 ///< its pidfd
  int debuggee_pid_ = 0;  ///< by the adapter's `process` event, the layer's or the kernel; 0: not known yet
  boost::asio::posix::stream_descriptor program_end_;  ///< debuggee_, too: readable once it has ended
  bool made_end_ = false;                              ///< `terminated` was ours; the adapter's is left out

  struct Launch {
    Message message;
    LaunchRequest request;
    std::string program;  ///< absolute
    std::string progress_id;
    bool progress_open = false, cancelled = false;
    bool answered_early = false;  ///< by us: the adapter's answer goes no further
  };
  std::optional<Launch> launch_;  ///< while Phase::launching, and its request afterwards
  boost::asio::cancellation_signal cancel_launch_;
  std::deque<Message> queue_;
  std::size_t queued_bytes_ = 0;
  boost::asio::steady_timer starting_limit_;   ///< of Phase::starting
  boost::asio::steady_timer launch_patience_;  ///< the client's with its launch

  std::shared_ptr<Session> session_;
  std::string program_;                              ///< of session_
  std::optional<EnvironmentFile> environment_file_;  ///< for the program of the last launch or restart
  DebuggeeEnvironment debuggee_environment_;         ///< what stands in it
  std::shared_ptr<UniqueFd> launch_file_;            ///< LaunchPlan::file
  bool wants_entry_stop_ = false;
  bool no_debug_ = false;  ///< the launch in the cluster said so: breakpoints stay here (no_debug.hpp)
  Motion motion_ = Motion::none;
  bool launch_answered_ = false, configured_ = false;
  std::uint64_t watch_ = 0;    ///< number of the layer watch that counts
  bool layer_mapped_ = false;  ///< the program has loaded the layer, which may not have said so yet

  std::vector<AddressRange> layer_addresses_;           ///< in debuggee_pid_, once known
  std::map<std::string, nlohmann::json> stacks_asked_;  ///< threads of stackTrace requests, by their seq
  nlohmann::json thread_in_layer_;  ///< the one whose top frame, as the client knows it, is the layer's
  nlohmann::json leaving_layer_;    ///< the one that steps out of it; null: none
  int steps_out_ = 0;               ///< of that step
};

}  // namespace inpod::dap
