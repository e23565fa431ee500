// `inpod session list | stop | start`: what this user has running, and a session for editors that launch by
// themselves.
#include <unistd.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>

#include "cli/command.hpp"
#include "cli/config_options.hpp"
#include "cli/console.hpp"
#include "cli/json_lines.hpp"
#include "cli/session_agents.hpp"
#include "cli/signals.hpp"
#include "dap/environment.hpp"
#include "protocol/printable.hpp"
#include "protocol/task.hpp"
#include "session/program.hpp"
#include "session/registry.hpp"
#include "session/session.hpp"

namespace inpod::cli {
namespace {

namespace asio = boost::asio;
using namespace asio::experimental::awaitable_operators;
using protocol::Task;

std::string text_of(const nlohmann::json& session, const char* key) {
  const auto value = session.value(key, nlohmann::json());
  return value.is_string() ? value.get<std::string>() : value.is_null() ? "" : value.dump();
}

/// "shop/deployment/web", or what of it is known.
std::string target_text(const nlohmann::json& session) {
  const std::string name_space = text_of(session, "namespace");
  return (name_space.empty() ? "" : name_space + "/") + text_of(session, "target");
}

int list(bool json) {
  const auto sessions = list_sessions();
  if (!sessions) return report(sessions.error());
  if (!json && sessions->empty()) say("no session runs");
  if (!json && !sessions->empty())
    print_row({{"ID", 8}, {"PID", 7}, {"STARTED", 20}, {"TARGET", 32}, {"PROGRAM"}});
  for (const auto& session : *sessions) {
    if (json) {
      print_json(session);
      continue;
    }
    print_row({{text_of(session, "id"), 8},
               {text_of(session, "pid"), 7},
               {text_of(session, "started"), 20},
               {target_text(session), 32},
               {text_of(session, "program")}});
  }
  return 0;
}

int stop(const std::string& id) {
  const auto stopped = stop_session(id);
  if (!stopped) return report(stopped.error());
  say("stopped session " + id + " (" + target_text(*stopped) + ")");
  return 0;
}

nlohmann::json error_line(const Error& error) {
  return {
      {"type", "error"}, {"text", protocol::shown(error.text)}, {"remedy", protocol::shown(error.remedy)}};
}

/// Says it in JSON on stdout, as this command does with everything. Before anything else is said.
int print_error(const Error& error) {
  print_json(error_line(error));
  return exit_failed;
}

constexpr std::size_t longest_request = 64 << 10;  ///< bytes of a line on stdin

/// Hands the lines of stdin to `each`, and ends when stdin does, or with a line that is no request's. A wait
/// on a descriptor that epoll refuses (a plain file) ends at once, as its end is there.
Task<void> read_lines(asio::any_io_executor executor, std::function<void(std::string)> each) {
  asio::posix::stream_descriptor input(executor);
  boost::system::error_code error;
  const int copy = dup(STDIN_FILENO);
  if (copy < 0) co_return;
  input.assign(copy, error);
  if (error) {
    close(copy);
    co_return;
  }
  std::string text;
  while (text.size() < longest_request) {
    char bytes[4096];
    auto [failed, count] = co_await input.async_read_some(asio::buffer(bytes), as_result);
    if (failed || count == 0) co_return;
    text.append(bytes, count);
    for (auto end = text.find('\n'); end != std::string::npos; end = text.find('\n')) {
      each(text.substr(0, end));
      text.erase(0, end + 1);
    }
  }
}

/// Answers a line {"id", "request", "arguments"}.
Task<void> answer(std::shared_ptr<Session> session, std::string line, std::shared_ptr<JsonLines> out) {
  const auto asked = nlohmann::json::parse(line, nullptr, false);
  const bool is_request = asked.is_object() && asked.contains("request") && asked["request"].is_string();
  nlohmann::json response{{"type", "response"},
                          {"id", is_request ? asked.value("id", nlohmann::json()) : nlohmann::json()}};
  Result<nlohmann::json> body =
      fail("a line on stdin is no request", "write {\"id\": 1, \"request\": \"session\", \"arguments\": {}}");
  if (is_request && !session)
    body = fail("the session has not started yet", "wait for the line of type \"ready\"");
  if (is_request && session) {
    auto name = asked["request"].get<std::string>();
    auto arguments = asked.value("arguments", nlohmann::json::object());
    body = co_await session->request(std::move(name), std::move(arguments));
  }
  response["success"] = body.has_value();
  if (body) {
    response["body"] = *body;
  } else {
    response["text"] = protocol::shown(body.error().text);
    response["remedy"] = protocol::shown(body.error().remedy);
  }
  out->print(response);
}

/// The config file as events; those who show notes show its warning.
void print_file(const config::FileReport& report) {
  if (!report.warning.empty())
    print_json({{"type", "event"},
                {"event", "note"},
                {"severity", "warning"},
                {"text", protocol::shown(report.warning)}});
  if (!report.file.empty())
    print_json({{"type", "event"},
                {"event", "config"},
                {"file", report.file},
                {"keys", report.keys},
                {"text", protocol::shown(report.line())}});
}

/// Stays up for an editor: JSON lines out, ends with stdin or a signal.
class Start {
 public:
  Start(asio::any_io_executor executor, Config config, std::string program)
      : executor_(std::move(executor)),
        config_(std::move(config)),
        program_(std::move(program)),
        out_(std::make_shared<JsonLines>(executor_, STDOUT_FILENO)),
        closed_(executor_) {
    closed_.expires_at(asio::steady_timer::time_point::max());
  }

  Task<int> operator()() {
    auto signals = Signals::create(executor_);
    if (!signals) co_return print_error(signals.error());
    // One reader of stdin for the whole time: when the session stands, half a line may have been read.
    auto first = co_await (begin_and_last() || signals->next_end() || requests());
    int code = 0;
    if (first.index() == 0) {
      const auto& lasted = std::get<0>(first);
      code = exit_failed;
      if (!lasted) out_->print(error_line(lasted.error()));
    } else if (session_ && !stands_) {  // it came to stand just as the end was asked for
      session_->take_back();
    }
    if (first.index() == 2 && !stands_) {
      code = exit_failed;
      out_->print(
          error_line(Error{0, "stdin ended before the session had started, and ended the start with it",
                           "keep stdin open for as long as the session is to last"}));
    }
    if (session_) co_await session_->stop();
    co_await out_->flush(std::chrono::seconds(5));
    co_return code;
  }

 private:
  /// Until the session is lost. Error: it did not start.
  Task<Result<void>> begin_and_last() {
    const auto begun = co_await begin();
    if (!begun) co_return begun;
    stands_ = (co_await asio::this_coro::cancellation_state).cancelled() == asio::cancellation_type::none;
    co_await closed_.async_wait(as_result);
    co_return Result<void>();
  }

  Task<void> requests() {
    return read_lines(executor_, [this](std::string line) {
      asio::co_spawn(executor_, answer(session_, std::move(line), out_), asio::detached);
    });
  }

  Task<Result<void>> begin() {
    Session::Options options;
    options.config = config_;
    options.program = program_;
    options.on_progress = [out = out_](Stage stage, const std::string& text) {
      out->print({{"type", "progress"}, {"stage", to_string(stage)}, {"text", text}});
    };
    options.on_event = [this](const nlohmann::json& event) {
      const std::string kind = event.value("event", "");
      auto line = event;
      line["type"] = "event";
      // A reader that is behind misses lines, never the end: it must not hold up the program.
      if (kind == "activity" ? !out_->waiting() : kind == "closed" || !out_->full()) out_->print(line);
      if (kind == "closed") closed_.cancel();
    };
    CO_TRY(session, co_await Session::start(executor_, std::move(options)));
    session_ = std::move(session);
    CO_TRY_VOID(dap::check_injection(
        dap::debuggee_environment(session_->environment(), {}).left_out));  // JSON carries no other bytes
    auto ready = session_->describe();
    const auto& environment = session_->environment();
    ready["type"] = "ready";
    ready["env"] = environment.set;
    ready["unset"] = environment.unset;
    ready["layer"] = environment.layer;
    ready["socket"] = environment.socket;
    out_->print(ready);
    co_return Result<void>();
  }

  asio::any_io_executor executor_;
  Config config_;
  std::string program_;
  std::shared_ptr<JsonLines> out_;
  asio::steady_timer closed_;
  std::shared_ptr<Session> session_;
  bool stands_ = false;  ///< and nobody had asked for its end before
};

int start(const ConfigOptions& options, const std::string& program) {
  auto config = options.load_with_target(print_file);
  if (!config) return print_error(config.error());
  std::string executable;
  if (!program.empty()) {
    const char* path = getenv("PATH");
    const std::string search_path = path == nullptr ? "" : path;
    const auto found = find_program(program, search_path);
    if (!found) return print_error(found.error());
    const auto inspected = inspect_program(*found, search_path, config->intercepts());
    if (!inspected) return print_error(inspected.error());
    executable = inspected->executable;
  }
  block_signals();
  return run_to_end([&](asio::any_io_executor executor) -> Task<int> {
    Start session(executor, std::move(*config), executable);
    co_return co_await session();
  });
}

struct ListOptions {
  ConfigOptions config;
  std::string format = "text", id;
  bool cluster = false, all = false;
};

/// Runs one of the commands that look into the cluster.
template <class Command>
int in_cluster(const ListOptions& options, Command command) {
  auto config = options.config.load(say_warning);
  if (!config) return report(config.error());
  return run_to_end([&](asio::any_io_executor executor) { return command(executor, *config); });
}

void add_list(CLI::App& parent, Globals& globals) {
  auto* command = parent.add_subcommand(
      "list", "The sessions of this user that run; with --cluster, the agents in the cluster");
  auto options = std::make_shared<ListOptions>();
  options->config.add_cluster(*command);
  command->add_flag("--cluster", options->cluster, "This user's agents in the cluster");
  command->add_flag("-A,--all-namespaces", options->all, "With --cluster: of all namespaces");
  command->add_option("-o,--output", options->format, "json: one object per line")
      ->check(CLI::IsMember({"text", "json"}));
  command->footer("Examples:\n  inpod session list -o json\n  inpod session list --cluster -A");
  command->callback([options, &globals] {
    globals.action = [options] {
      const bool json = options->format == "json";
      if (!options->cluster) return list(json);
      return in_cluster(*options, [&](auto executor, Config config) {
        return list_agents(executor, std::move(config), options->all, json);
      });
    };
  });
}

void add_stop(CLI::App& parent, Globals& globals) {
  auto* command =
      parent.add_subcommand("stop", "End a session: the pod gets its traffic back, the program ends");
  auto options = std::make_shared<ListOptions>();
  options->config.add_cluster(*command);
  command->add_option("ID", options->id, "From `inpod session list`")->required();
  command->add_flag("--cluster", options->cluster, "ID is an agent's: delete it from the cluster");
  command->footer(
      "Examples:\n  inpod session stop 3f2a91c0\n  inpod session stop --cluster 8a7710c2e19b04d5 -n shop");
  command->callback([options, &globals] {
    globals.action = [options] {
      if (!options->cluster) return stop(options->id);
      return in_cluster(*options, [&](auto executor, Config config) {
        return stop_agent(executor, std::move(config), options->id);
      });
    };
  });
}

void add_start(CLI::App& parent, Globals& globals) {
  auto* command =
      parent.add_subcommand("start", "A session for an editor: JSON lines on stdout, ends with its stdin");
  auto options = std::make_shared<ConfigOptions>();
  auto program = std::make_shared<std::string>(), format = std::make_shared<std::string>("json");
  options->add_session(*command);
  command
      ->add_option("--program", *program,
                   "The executable that will be injected. Without it, set INPOD_PROGRAM to its real path "
                   "when you launch it")
      ->type_name("FILE");
  command->add_option("-o,--output", *format, "json is the only form")->check(CLI::IsMember({"json"}));
  command->footer(
      "Lines: {\"type\":\"progress\",\"stage\",\"text\"}…, then "
      "{\"type\":\"ready\",\"env\",\"unset\",\"layer\",\"socket\",…} or\n"
      "{\"type\":\"error\",\"text\",\"remedy\"}, then {\"type\":\"event\",…}. A line "
      "{\"id\",\"request\",\"arguments\"} on\n"
      "stdin is answered by {\"type\":\"response\",\"id\",\"success\",…}: docs/dap-extensions.md.\n"
      "Example:\n  inpod session start -t deployment/web --program ./build/web");
  command->callback([options, program, format, &globals] {
    globals.action = [options, program] { return start(*options, *program); };
  });
}

}  // namespace

void add_session(CLI::App& app, Globals& globals) {
  auto* command = app.add_subcommand("session", "List, stop or start sessions");
  command->require_subcommand(1);
  command->footer(
      "Examples:\n  inpod session list\n  inpod session stop 3f2a91c0\n  inpod session start -t local:4242 "
      "--program /bin/cat");
  add_list(*command, globals);
  add_stop(*command, globals);
  add_start(*command, globals);
}

}  // namespace inpod::cli
