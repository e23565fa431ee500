// `inpod run`: a program in the pod's context, without a debugger.
#include <signal.h>
#include <sys/wait.h>

#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/steady_timer.hpp>

#include "cli/command.hpp"
#include "cli/config_options.hpp"
#include "cli/console.hpp"
#include "cli/launcher.hpp"
#include "cli/orphans.hpp"
#include "cli/signals.hpp"
#include "session/environment.hpp"
#include "session/layer_check.hpp"
#include "session/program.hpp"
#include "session/session.hpp"

namespace inpod::cli {
namespace {

using namespace boost::asio::experimental::awaitable_operators;
using namespace std::chrono_literals;
using protocol::Task;

/// The handshake comes before main; only a machine under heavy load takes seconds to get there.
constexpr auto layer_bound = 20s;

/// A program that is not there or can't be run: env(1)'s codes.
int program_error(const Error& error) {
  report(error);
  return error.code == ENOENT ? 127 : error.code == EACCES || error.code == ENOEXEC ? 126 : exit_failed;
}

/// The PATH that the program will have.
std::string search_path(const Config& config) {
  const auto own = config.environment.set.find("PATH");
  if (own != config.environment.set.end()) return own->second;
  const char* path = getenv("PATH");
  return path == nullptr ? "/usr/local/bin:/usr/bin:/bin" : path;
}

void show_event(const nlohmann::json& event, ProgressLine& line) {
  const std::string kind = event.value("event", "");
  if (kind == "closed") {
    line.clear();
    report(Error{0,
                 "the session has ended: " + event.value("error", "") +
                     "; the program still runs, on this machine alone",
                 event.value("remedy", "")});
  } else if (kind == "agent" || kind == "note") {
    line.clear();
    say(event.value("text", ""));
  }
}

class Run {
 public:
  Run(boost::asio::any_io_executor executor, Globals& globals, Config config, Program program)
      : executor_(std::move(executor)),
        globals_(globals),
        config_(std::move(config)),
        program_(std::move(program)),
        line_(globals.verbose) {}

  Task<int> operator()() {
    auto signals = Signals::create(executor_);
    if (!signals) co_return report(signals.error());
    auto first = co_await (start_session() || interruption(*signals));
    line_.clear();
    int code = 0;
    if (first.index() == 1 || interrupted_by_ != 0) {  // the latter: the start ended at the same moment
      code = 128 + interrupted_by_;
      if (session_) session_->take_back();
    } else if (auto& started = std::get<0>(first); !started) {
      code = report(started.error());
    } else {
      code = co_await run_program(*signals);
    }
    if (session_) co_await session_->stop();
    if (code == 0 && lost_output_)
      code = report(Error{
          0,
          "not all that " + program_.path + " wrote has reached the pod: exit code 125 instead of its own, 0",
          {}});
    co_return code;
  }

 private:
  Task<Result<void>> start_session() {
    Session::Options options;
    options.config = config_;
    options.program = program_.executable;
    options.on_progress = [this](Stage, const std::string& text) { line_.show(text); };
    options.on_event = [this](const nlohmann::json& event) {
      lost_ = lost_ || event.value("event", "") == "closed";
      lost_output_ = lost_output_ || event.value("lostOutput", false);
      show_event(event, line_);
    };
    CO_TRY(session, co_await Session::start(executor_, std::move(options)));
    session_ = std::move(session);
    co_return Result<void>();
  }

  /// A first signal ends the start, and what was begun is taken back. A second one ends inpod as it is: a
  /// cluster that does not answer keeps nobody.
  Task<void> interruption(Signals& signals) {
    interrupted_by_ = (co_await signals.next_end()).number;
    if (interrupted_by_ != 0) let_signals_end_us();
  }

  Task<int> run_program(Signals& signals) {
    const auto environment = merged_environment(session_->environment().set, session_->environment().unset);
    session_->expect_layer(program_.executable);
    Orphans orphans;
    const auto pid = launch(program_.path, globals_.command, environment, globals_.inherited_files);
    if (!pid) co_return program_error(pid.error());
    pid_ = *pid;
    auto first = co_await (wait_end(signals, orphans) || wait_for_layer());
    if (status_ && !session_->layer_loaded()) co_return ended();
    if (first.index() == 1 && !std::get<1>(first)) co_return refuse(std::get<1>(first).error());
    if (!status_) co_await wait_end(signals, orphans);
    co_await outlive(signals, orphans);
    co_return code_at_end();
  }

  /// Waits for the program's end and passes on what inpod is sent meanwhile.
  Task<void> wait_end(Signals& signals, Orphans& orphans) {
    int status = 0;
    while (waitpid(pid_, &status, WNOHANG) != pid_) {
      const Signal signal = co_await signals.next();
      if (signal.number == SIGCHLD) orphans.reap();
      if (signal.number != SIGCHLD) told_to_end_by_ = signal.number;
      // Ctrl-C and hang-up of a terminal reach the program without us: it is in the same process group.
      if (signal.number != 0 && signal.number != SIGCHLD && !signal.from_terminal) kill(pid_, signal.number);
    }
    status_ = status;
  }

  /// A server that has put itself into the background (daemon(3)) is what was to be run: the session stays
  /// for it. The first signal is passed on to all of its processes, a second one ends the session.
  Task<void> outlive(Signals& signals, Orphans& orphans) {
    boost::asio::steady_timer timer(executor_);
    auto living = orphans.living();
    // A daemon's first parent ends before the daemon has made its session.
    for (int look = 0; look < 25 && living.daemons.empty() && !living.others.empty(); ++look) {
      timer.expires_after(20ms);
      co_await timer.async_wait(as_result);
      living = orphans.living();
    }
    const bool stays = exit_code(*status_) == 0 && !living.daemons.empty();
    if (!stays) living.others.insert(living.others.end(), living.daemons.begin(), living.daemons.end());
    if (!living.others.empty())
      say(program_.path + " has ended, and " + processes(living.others) +
          " that it left in the background will not reach the pod any more");
    if (!stays) co_return;
    say(program_.path + " has put " + processes(living.daemons) +
        " into the background: inpod stays as long; Ctrl-C ends both");
    for (int told = 0; told < 2 && !lost_ && !living.daemons.empty(); living = orphans.living()) {
      timer.expires_after(200ms);
      auto first = co_await (signals.next_end() || timer.async_wait(as_result));
      orphans.reap();
      if (first.index() == 1) continue;
      ++told;
      for (const int pid : living.daemons) kill(pid, std::get<0>(first).number);
    }
  }

  static std::string processes(const std::vector<int>& pids) {
    std::string text = pids.size() == 1 ? "the process " : "the processes ";
    for (const int pid : pids) text += (pid == pids.front() ? "" : ", ") + std::to_string(pid);
    return text;
  }

  /// Until the layer is at work. Fails as soon as it is clear that it never will be.
  Task<Result<void>> wait_for_layer() {
    const auto end = std::chrono::steady_clock::now() + layer_bound;
    while (true) {
      CO_TRY(seen, check_layer_in(pid_, program_.executable, session_->environment().layer));
      const auto loaded = co_await session_->wait_for_layer(20ms);
      const bool late = std::chrono::steady_clock::now() > end;
      // Until the program's libraries are set up, the clock proves nothing.
      if (loaded || (late && seen == LayerSeen::other_program)) co_return loaded;
    }
  }

  int ended() const {
    const int code = exit_code(*status_);
    // By Ctrl-C, so early that it had done nothing.
    if (WIFSIGNALED(*status_) && WTERMSIG(*status_) == told_to_end_by_) return code;
    return report(Error{
        0,
        program_.path + " ended (code " + std::to_string(code) + ") without loading the layer, libinpod.so",
        "Its own messages may say why. `inpod check` tests the layer with a trivial program"});
  }

  /// The program's own, but a success that the session did not live to see is none: what it left out or
  /// failed to do in the pod may not have mattered to it.
  int code_at_end() const {
    const int code = exit_code(*status_);
    if (!lost_ || code != 0) return code;
    return report(Error{
        0, "the session was lost while " + program_.path + " ran: exit code 125 instead of its own, 0", {}});
  }

  /// Fail closed: a program without the layer would act on this machine.
  int refuse(const Error& error) const {
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
    return report(error);
  }

  boost::asio::any_io_executor executor_;
  Globals& globals_;
  Config config_;
  Program program_;
  ProgressLine line_;
  std::shared_ptr<Session> session_;
  int pid_ = 0;
  bool lost_ = false;          ///< the session ended before the program
  bool lost_output_ = false;   ///< not all that it wrote has reached the pod
  int interrupted_by_ = 0;     ///< the signal that came before the session stood
  int told_to_end_by_ = 0;     ///< the last signal that came while the program ran
  std::optional<int> status_;  ///< once the program has ended
};

int run(const ConfigOptions& options, Globals& globals) {
  if (globals.command.empty())
    return report(Error{0, "no program given", "inpod run -t TARGET -- PROGRAM ARGUMENTS…"});
  auto config = options.load_with_target(say_file);
  if (!config) return report(config.error());
  const std::string path = search_path(*config);
  const auto found = find_program(globals.command[0], path);
  if (!found) return program_error(found.error());
  auto program = inspect_program(*found, path, config->intercepts());
  if (!program) return program_error(program.error());
  block_signals();
  return run_to_end([&](boost::asio::any_io_executor executor) -> Task<int> {
    Run run(executor, globals, std::move(*config), std::move(*program));
    co_return co_await run();
  });
}

}  // namespace

void add_run(CLI::App& app, Globals& globals) {
  auto* command = app.add_subcommand(
      "run", "Run a program in the pod's context: inpod run [OPTIONS] -- PROGRAM [ARGUMENTS…]");
  auto options = std::make_shared<ConfigOptions>();
  options->add_session(*command);
  command->prefix_command();
  command->footer(
      "Examples:\n"
      "  inpod run -t deployment/checkout -n shop -- ./build/checkout --port 8080\n"
      "  inpod run -t local:4242 -- curl -sS http://web/\n"
      "  inpod run -t pod/web-0 --steal -e LOG_LEVEL=debug -- python3 app.py\n"
      "Exit code: the program's own (128 + N when signal N ended it), 125 when inpod failed or the session "
      "was lost, or output\n"
      "to a file of the pod, while the program ran to a success, 126 when the program can't be run, 127 when "
      "it is not found.");
  command->callback([command, options, &globals] {
    const auto rest = command->remaining();
    globals.command.insert(globals.command.begin(), rest.begin(), rest.end());
    globals.action = [options, &globals] { return run(*options, globals); };
  });
}

}  // namespace inpod::cli
