// Both ends of the talk between a debuggee that is about to run and the process that holds its session.
#include "cli/debug_session.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/write.hpp>
#include <deque>
#include <filesystem>
#include <set>

#include "cli/command.hpp"
#include "cli/console.hpp"
#include "cli/launcher.hpp"
#include "cli/signals.hpp"
#include "cli/started_process.hpp"
#include "config/load.hpp"
#include "dap/environment.hpp"
#include "kube/file_limit.hpp"
#include "protocol/printable.hpp"
#include "protocol/task.hpp"
#include "protocol/utf8.hpp"
#include "session/program.hpp"
#include "session/session.hpp"

extern char** environ;

namespace inpod::cli {
namespace {

namespace asio = boost::asio;
using namespace asio::experimental::awaitable_operators;
using namespace std::chrono_literals;
using asio::local::stream_protocol;
using protocol::Task;

constexpr std::size_t longest_line = 8 << 20;
/// While a session starts there is progress to report; this is for a holder that hangs.
constexpr int silence_ms = 5 * 60 * 1000;

bool same_user(int socket) {
  ucred peer{};
  socklen_t length = sizeof peer;
  return getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &length) == 0 && peer.uid == geteuid();
}

int peer_pid(int socket) {
  ucred peer{};
  socklen_t length = sizeof peer;
  return getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &length) == 0 ? peer.pid : 0;
}

std::pair<sockaddr_un, socklen_t> address_of(const std::string& name) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::size_t length = std::min(name.size(), sizeof address.sun_path - 1);
  memcpy(address.sun_path + 1, name.data(), length);  // the leading zero byte makes it abstract
  return {address, static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + length)};
}

/// What the user changed for the program: entries of its environment that `debugger` has not, or not so, and
/// the names that it takes out.
dap::Variables changed_by_user(const nlohmann::json& question, const std::vector<std::string>& debugger) {
  std::map<std::string, std::string> before;
  for (const auto& entry : debugger) {
    const auto equals = entry.find('=');
    if (equals != std::string::npos) before.emplace(entry.substr(0, equals), entry.substr(equals + 1));
  }
  dap::Variables changed;
  for (const auto& name : question.value("unset", std::vector<std::string>())) changed[name] = std::nullopt;
  const auto program = question.value("environment", nlohmann::json::object());
  for (const auto& [name, value] : program.items()) {
    const auto old = before.find(name);
    if (old == before.end() || old->second != value) changed[name] = value.get<std::string>();
  }
  // gdb tells its programs the terminal's size.
  changed.erase("LINES");
  changed.erase("COLUMNS");
  return changed;
}

/// A process's own stderr: this process has no terminal, and the debugger's streams are its editor's.
UniqueFd stderr_of(int pid) {
  return UniqueFd(open(("/proc/" + std::to_string(pid) + "/fd/2").c_str(),
                       O_WRONLY | O_NOCTTY | O_CLOEXEC | O_NONBLOCK | O_APPEND));
}

void tell(const UniqueFd& terminal, const std::string& text) {
  const std::string line = "inpod: " + protocol::shown(text) + "\n";
  if (terminal && write(terminal.get(), line.data(), line.size()) < 0) return;  // it has gone
}

nlohmann::json utf8_object(const std::map<std::string, std::string>& variables) {
  nlohmann::json object = nlohmann::json::object();
  for (const auto& [name, value] : variables)
    if (is_utf8(name) && is_utf8(value)) object[name] = value;
  return object;
}

// Answers. Made outside the coroutines: g++ 12 can't keep initializer lists across a suspension.
nlohmann::json off() {
  return {{"type", "off"}};
}
nlohmann::json text_line(const std::string& text) {
  return {{"type", "text"}, {"text", text}};
}
nlohmann::json refusal(const Error& error) {
  return {{"type", "error"}, {"text", error.text}, {"remedy", error.remedy}};
}
nlohmann::json ready(const std::string& path, dap::DebuggeeEnvironment debuggee) {
  debuggee.set.insert(debuggee.injection.begin(), debuggee.injection.end());
  return {{"type", "ready"}, {"path", path}, {"set", debuggee.set}, {"unset", debuggee.unset}};
}

class DebugSession : public std::enable_shared_from_this<DebugSession> {
 public:
  DebugSession(asio::any_io_executor executor, UniqueFd listener, Debugger debugger,
               std::vector<std::string> environment)
      : executor_(executor),
        acceptor_(executor),
        arrived_(executor),
        debugger_(executor),
        debugger_pid_(debugger.pid),
        environment_(std::move(environment)) {
    acceptor_.assign(stream_protocol(), listener.release());
    debugger_.assign(debugger.process.release());
    arrived_.expires_at(asio::steady_timer::time_point::max());
  }

  Task<int> operator()() {
    const auto self = shared_from_this();
    auto signals = Signals::create(executor_);
    if (!signals) co_return 125;
    co_await (accept_all() || answer_all() || guard() ||
              debugger_.async_wait(asio::posix::stream_descriptor::wait_read, as_result) ||
              signals->next_end());
    co_await stop();
    co_return 0;
  }

 private:
  struct Asked {
    stream_protocol::socket client;
    nlohmann::json question;
  };

  /// A session, and the programs that have got its environment. A debugger may run several programs at once.
  struct Held {
    std::shared_ptr<Session> session;
    std::string key;  ///< program and target; empty once the session has ended
    std::vector<int> debuggees;
    std::vector<std::string> notes;  ///< of a session that is starting, for who waits for it

    bool is_used() const {
      return std::any_of(debuggees.begin(), debuggees.end(), [](int pid) { return kill(pid, 0) == 0; });
    }
  };

  Task<void> accept_all() {
    while (true) {
      auto [error, client] = co_await acceptor_.async_accept(as_result);
      if (error) co_return;
      if (same_user(client.native_handle()))
        asio::co_spawn(executor_, read_question(shared_from_this(), std::move(client)), asio::detached);
    }
  }

  /// Each client for itself: one that stands in the debugger before it has asked holds up nobody else.
  static Task<void> read_question(std::shared_ptr<DebugSession> self, stream_protocol::socket client) {
    std::string line;
    auto [error, length] =
        co_await asio::async_read_until(client, asio::dynamic_buffer(line, longest_line), '\n', as_result);
    if (error) co_return;
    auto question = nlohmann::json::parse(line.substr(0, length), nullptr, false);
    if (!question.is_object()) co_return;
    self->asked_.push_back({std::move(client), std::move(question)});
    self->arrived_.cancel();
  }

  /// One after the other: they share the session.
  Task<void> answer_all() {
    while (true) {
      while (asked_.empty()) {
        co_await arrived_.async_wait(as_result);
        if ((co_await asio::this_coro::cancellation_state).cancelled() != asio::cancellation_type::none)
          co_return;
      }
      Asked next = std::move(asked_.front());
      asked_.pop_front();
      co_await answer(next.question, next.client);
    }
  }

  Task<void> answer(const nlohmann::json& question, stream_protocol::socket& client) {
    auto done = co_await (prepare(question, client) || gone(client));
    if (done.index() == 1) co_return;  // killed meanwhile; what was being started is taken back
    const auto& prepared = std::get<0>(done);
    nlohmann::json reply = prepared ? *prepared : refusal(prepared.error());
    co_await say(client, reply);
  }

  Task<void> gone(stream_protocol::socket& client) {
    char byte = 0;
    co_await client.async_read_some(asio::buffer(&byte, 1), as_result);
  }

  static Task<void> say(stream_protocol::socket& client, nlohmann::json value) {
    const std::string line = json_line(value);
    co_await asio::async_write(client, asio::buffer(line), as_result);
  }

  Task<Result<nlohmann::json>> prepare(const nlohmann::json& question, stream_protocol::socket& client) {
    CO_TRY(asked, config_for(question));
    auto& [config, file] = asked;
    if (!file.warning.empty()) co_await say(client, text_line(file.warning));
    if (config.target.empty()) co_return off();
    if (!file.file.empty()) co_await say(client, text_line(file.line()));
    CO_TRY(path, find_program(question.value("program", ""), ""));
    CO_TRY(program, inspect_program(path, "", config.intercepts()));
    const std::string key = program.executable + "\n" + config.namespace_ + "\n" + config.target;
    auto held = find_session(key);
    if (!held) {
      co_await stop_unused();
      CO_TRY(started, co_await start(std::move(config), program.executable, client));
      held = std::move(started);
      held->key = key;
      held_.push_back(held);
      for (const auto& note : std::exchange(held->notes, {})) {
        const auto line = text_line(note);
        co_await say(client, line);
      }
    }
    held->session->expect_layer(program.executable);
    const auto variables = changed_by_user(question, environment_);
    auto debuggee = dap::debuggee_environment(held->session->environment(), variables);
    CO_TRY_VOID(dap::check_injection(debuggee.left_out));
    for (const auto& name : debuggee.left_out) {
      const auto line = text_line("the pod's variable " + name + " is not UTF-8 and was left out");
      co_await say(client, line);
    }
    held->debuggees.push_back(peer_pid(client.native_handle()));
    co_return ready(program.path, std::move(debuggee));
  }

  /// INPOD_TARGET and INPOD_NAMESPACE are the program's own: whoever starts it names them.
  static Result<std::pair<Config, config::FileReport>> config_for(const nlohmann::json& question) {
    Config config;
    const std::string directory = question.value("directory", "/");
    TRY_ASSIGN(file, config::load_found(directory, {}, config));
    if (file.file.empty() && file.warning.empty()) {
      const auto beside = std::filesystem::path(question.value("program", "/")).parent_path().string();
      auto second = config::load_found(beside, {}, config);
      if (!second) return Failed(second.error());
      file = std::move(*second);
    }
    const auto environment = question.value("environment", nlohmann::json::object());
    config.target = environment.value("INPOD_TARGET", config.target);
    config.namespace_ = environment.value("INPOD_NAMESPACE", config.namespace_);
    return std::pair(std::move(config), std::move(file));
  }

  Task<Result<std::shared_ptr<Held>>> start(Config config, const std::string& program,
                                            stream_protocol::socket& client) {
    const auto held = std::make_shared<Held>();
    Session::Options options;
    options.config = std::move(config);
    options.program = program;
    // The answers of the start are few and small: they fit the socket's buffer, so a blocking write does not
    // block.
    options.on_progress = [&client](Stage, const std::string& text) {
      const std::string line = json_line(text_line(text + " …"));
      boost::system::error_code ignored;
      asio::write(client, asio::buffer(line), ignored);
    };
    options.on_event = [weak = std::weak_ptr(held)](const nlohmann::json& event) {
      if (const auto self = weak.lock()) on_event(*self, event);
    };
    CO_TRY(session, co_await Session::start(executor_, std::move(options)));
    held->session = std::move(session);
    co_return held;
  }

  static void on_event(Held& held, const nlohmann::json& event) {
    const int debuggee = held.debuggees.empty() ? 0 : held.debuggees.back();
    const std::string kind = event.value("event", "");
    if (kind == "note" && event.value("severity", "") != "info") {
      const std::string text = event.value("text", "");
      if (debuggee != 0)
        tell(stderr_of(debuggee), text);
      else
        held.notes.push_back(text);
    }
    const std::string state = kind == "agent" ? event.value("state", "") : "";
    if (state == "waiting" || state == "replaced") tell(stderr_of(debuggee), event.value("text", ""));
    if (kind != "closed") return;
    tell(stderr_of(debuggee), "the session has ended: " + event.value("error", ""));
    held.key.clear();  // the next start is a new session
  }

  /// Fail closed: a program without the layer would act on this machine. By all that the debugger starts, not
  /// by who has asked: what a debugger is told later can lead past us. No verdict by the clock: a program may
  /// stand in the debugger.
  Task<void> guard() {
    constexpr auto quick = 1ms, slow = 25ms;
    asio::steady_timer timer(executor_);
    std::chrono::nanoseconds pause = quick;
    std::vector<StartedProcess> before;
    std::set<int> settled;
    while (true) {
      auto processes = started_by(debugger_pid_);
      // A start goes through several programs in milliseconds, and waits for nobody.
      pause = processes == before ? std::min<std::chrono::nanoseconds>(pause * 17 / 16, slow) : quick;
      std::set<int> still;
      for (const auto& process : processes)
        if (settled.contains(process.pid) || is_settled(process)) still.insert(process.pid);
      settled = std::move(still);
      before = std::move(processes);
      timer.expires_after(pause);
      co_await timer.async_wait(as_result);
      if ((co_await asio::this_coro::cancellation_state).cancelled() != asio::cancellation_type::none)
        co_return;
    }
  }

  /// Whether there is no more to watch about a process. One that runs on this machine alone where it should
  /// not is stopped.
  bool is_settled(const StartedProcess& process) {
    if (is_on_its_way(process)) return false;
    // What a debugger starts is traced before it is executed. This one runs by `shell` or Python, and the
    // user may attach to it as to any other program of this machine.
    if (process.tracer == 0) return is_traced(process);
    const auto environment = started_with(process);
    if (!environment) return false;
    const auto judged = judge(process, *environment);
    if (judged) return *judged;
    stop_stray(process, judged.error());
    return true;
  }

  void stop_stray(const StartedProcess& process, const Error& why) {
    const UniqueFd handle(static_cast<int>(syscall(SYS_pidfd_open, process.pid, 0)));
    // A server reads what the program says, up to the program's end; then this line would be lost.
    auto terminal = stderr_of(process.tracer == debugger_pid_ ? process.pid : debugger_pid_);
    if (handle && is_traced(process))  // else the number may be another's by now
      syscall(SYS_pidfd_send_signal, handle.get(), SIGKILL, nullptr, 0);
    if (!terminal) terminal = stderr_of(debugger_pid_);  // it has ended by itself
    tell(terminal, "the program " + process.executable + " was stopped: " + why.to_string());
  }

  Result<bool> judge(const StartedProcess& process,
                     const std::map<std::string, std::string>& environment) const {
    const auto socket = environment.find("INPOD_SOCKET");
    if (socket != environment.end()) {
      for (const auto& held : held_)
        if (socket->second == held->session->environment().socket)
          return has_layer(process, environment, held->session->environment());
      return true;  // a session of the editor's plug-in
    }
    for (const auto& held : held_)
      if (held->session->environment().layer.empty()) return true;
    std::error_code error;
    const auto directory =
        std::filesystem::read_symlink("/proc/" + std::to_string(process.pid) + "/cwd", error);
    TRY_ASSIGN(found, config_for({{"directory", directory.string()},
                                  {"program", process.executable},
                                  {"environment", utf8_object(environment)}}));
    const std::string& target = found.first.target;
    if (target.empty()) return true;
    return fail(
        "the debugger started it without the pod's environment and the layer, so it would have run on "
        "this machine, not in " +
            target,
        "undo what was changed in the debugger (gdb: exec-wrapper, startup-with-shell; lldb: "
        "target.env-vars), or start it anew");
  }

  std::shared_ptr<Held> find_session(const std::string& key) const {
    for (const auto& held : held_)
      if (held->key == key) return held;
    return nullptr;
  }

  /// Those whose programs have ended: what is started next may want the same traffic.
  Task<void> stop_unused() {
    const auto all = std::exchange(held_, {});
    for (const auto& held : all)
      if (held->is_used()) held_.push_back(held);
    for (const auto& held : all)
      if (!held->is_used()) co_await held->session->stop();
  }

  Task<void> stop() {
    const auto all = std::exchange(held_, {});
    for (const auto& held : all) co_await held->session->stop();
  }

  asio::any_io_executor executor_;
  stream_protocol::acceptor acceptor_;
  std::deque<Asked> asked_;
  asio::steady_timer arrived_;  ///< cancelled when one more has asked
  asio::posix::stream_descriptor debugger_;
  int debugger_pid_;
  std::vector<std::string> environment_;
  std::vector<std::shared_ptr<Held>> held_;
};

Result<std::string> read_line(int socket, std::string& rest) {
  while (true) {
    if (const auto end = rest.find('\n'); end != std::string::npos) {
      std::string line = rest.substr(0, end);
      rest.erase(0, end + 1);
      return line;
    }
    if (rest.size() > longest_line) return fail("the process that holds the session sent too long an answer");
    pollfd ready{socket, POLLIN, 0};
    const int count = poll(&ready, 1, silence_ms);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return fail("the process that holds the session does not answer");
    char buffer[4096];
    const ssize_t got = read(socket, buffer, sizeof buffer);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return fail("the process that holds the session has gone", "start the debugger anew");
    rest.append(buffer, static_cast<std::size_t>(got));
  }
}

std::map<std::string, std::string> own_variables() {
  std::map<std::string, std::string> variables;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string text = *entry;
    if (const auto equals = text.find('='); equals != std::string::npos && equals > 0)
      variables[text.substr(0, equals)] = text.substr(equals + 1);
  }
  return variables;
}

}  // namespace

Result<DebugSocket> make_debug_socket() {
  unsigned char random[8];
  if (getrandom(random, sizeof random, 0) != static_cast<ssize_t>(sizeof random))
    return fail_errno("getrandom");
  DebugSocket socket;
  socket.name = debug_socket_prefix + std::to_string(getpid()) + "-";
  for (const unsigned char byte : random) socket.name += "0123456789abcdef"[byte & 15];
  socket.listener.reset(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const auto [address, length] = address_of(socket.name);
  if (!socket.listener ||
      bind(socket.listener.get(), reinterpret_cast<const sockaddr*>(&address), length) != 0 ||
      listen(socket.listener.get(), 4) != 0)
    return fail_errno("cannot listen on a unix socket");
  return socket;
}

int serve_debug_session(UniqueFd listener, Debugger debugger, std::vector<std::string> environment) {
  block_signals();
  signal(SIGPIPE, SIG_IGN);
  kube::raise_file_limit();
  return run_to_end([&](asio::any_io_executor executor) -> Task<int> {
    const auto session = std::make_shared<DebugSession>(executor, std::move(listener), std::move(debugger),
                                                        std::move(environment));
    co_return co_await (*session)();
  });
}

Result<DebuggeeAnswer> ask_debug_session(const std::string& name, const std::string& program,
                                         const std::vector<std::string>& unset,
                                         const std::function<void(const std::string&)>& on_text) {
  const UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const auto [address, length] = address_of(name);
  if (!socket || connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), length) != 0)
    return fail("the process that holds the session has gone", "start the debugger anew");
  if (!same_user(socket.get())) return fail("the process that holds the session is another user's");
  std::error_code error;
  const auto directory = std::filesystem::current_path(error);
  const std::string question = json_line({{"program", program},
                                          {"directory", directory.string()},
                                          {"environment", utf8_object(own_variables())},
                                          {"unset", unset}});
  for (std::size_t sent = 0; sent < question.size();) {
    const ssize_t count = send(socket.get(), question.data() + sent, question.size() - sent, MSG_NOSIGNAL);
    if (count < 0 && errno != EINTR) return fail_errno("cannot ask for the session");
    if (count > 0) sent += static_cast<std::size_t>(count);
  }
  std::string rest;
  while (true) {
    TRY_ASSIGN(line, read_line(socket.get(), rest));
    const auto answer = nlohmann::json::parse(line, nullptr, false);
    if (!answer.is_object()) return fail("the process that holds the session sent nonsense");
    const std::string type = answer.value("type", "");
    if (type == "text") on_text(answer.value("text", ""));
    if (type == "off") return DebuggeeAnswer{};
    if (type == "error") return fail(answer.value("text", ""), answer.value("remedy", ""));
    if (type != "ready") continue;
    return DebuggeeAnswer{true, answer.value("path", ""),
                          answer.value("set", std::map<std::string, std::string>()),
                          answer.value("unset", std::vector<std::string>())};
  }
}

}  // namespace inpod::cli
