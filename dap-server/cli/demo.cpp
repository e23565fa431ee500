// `inpod demo up | down | status`: the local pod with a sample service, and the process that keeps it.
//
// `up` leaves a keeper behind (or is it, with --foreground): it owns the demo's processes, which die with it,
// and <runtime root>/demo with state.json (pids, keeper's start time) and the logs.
#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <thread>

#include "cli/command.hpp"
#include "cli/console.hpp"
#include "cli/demo_pod.hpp"
#include "cli/demo_state.hpp"
#include "cli/signals.hpp"
#include "protocol/unique_fd.hpp"
#include "session/paths.hpp"
#include "session/registry.hpp"

namespace inpod::cli {

namespace fs = std::filesystem;

Result<fs::path> demo_directory() {
  TRY_ASSIGN(root, runtime_root());
  return fs::path(root) / "demo";
}

nlohmann::json running_demo(const fs::path& directory) {
  std::ifstream file(directory / "state.json");
  const auto state = nlohmann::json::parse(file, nullptr, false);
  const bool usable = state.is_object() && state.value("keeper", nlohmann::json()).is_number_integer() &&
                      state.value("start_time", nlohmann::json()).is_number_unsigned();
  if (usable && process_start_time(state["keeper"].get<int>()) == state["start_time"].get<std::uint64_t>())
    return state;
  return {};
}

namespace {

Result<std::string> find_web() {
  const auto bin = fs::path(self_path()).parent_path();
  for (const auto& candidate : {bin / "inpod-demo-web", bin / "../lib/inpod/inpod-demo-web"}) {
    std::error_code error;
    if (fs::is_regular_file(candidate, error)) return fs::canonical(candidate, error).string();
  }
  return fail("inpod-demo-web, the demo's service, was not found beside inpod", "install inpod as a whole");
}

void print_state(const nlohmann::json& state, bool json) {
  if (json) {
    print_json(state);
    return;
  }
  const std::string target = state.value("target", "");
  const std::string web = state.value("web", "");
  printf("The demo's pod runs: %s (host name %s, %s:%d).\n", target.c_str(), demo_hostname, demo_pod_address,
         demo_port);
  const std::string log = state.value("log", "");
  printf("A client asks it every second; its answers %s\n\nTry:\n",
         log.empty() ? "follow here." : ("are in " + log + ".").c_str());
  printf("  inpod run -t %s -- cat /etc/web/config.yaml\n", target.c_str());
  printf("  inpod run -t %s -- curl -sS http://web:%d/\n", target.c_str(), demo_port);
  printf("  inpod run -t %s --steal -- %s %d      (the client's requests come to this process)\n",
         target.c_str(), web.c_str(), demo_port);
  printf("  inpod demo down\n");
}

/// Owns the demo until a signal, or the demo's own end.
class Keeper {
 public:
  /// log: the file that the client's answers go to; empty: they go to `answers`.
  Keeper(fs::path directory, std::string web, std::string log, int answers = -1)
      : directory_(std::move(directory)), web_(std::move(web)), log_(std::move(log)), answers_(answers) {}
  ~Keeper() {
    end_demo_pod(pod_);
    std::error_code ignored;
    fs::remove_all(directory_, ignored);
  }

  Result<nlohmann::json> start() {
    std::error_code error;
    fs::create_directories(directory_ / "root", error);
    TRY_ASSIGN(service_log, open_log((directory_ / "service.log").string()));
    TRY_ASSIGN(output, log_.empty() ? Result<UniqueFd>(UniqueFd(dup(answers_))) : open_log(log_));
    TRY_ASSIGN(pod, start_demo_pod(web_, (directory_ / "root").string(), output.get(), service_log.get()));
    pod_ = pod;
    nlohmann::json state = {{"keeper", getpid()},
                            {"start_time", process_start_time(getpid())},
                            {"pid", pod_.pod},
                            {"client", pod_.client},
                            {"target", "local:" + std::to_string(pod_.pod)},
                            {"address", demo_pod_address},
                            {"port", demo_port},
                            {"hostname", demo_hostname},
                            {"log", log_},
                            {"service_log", (directory_ / "service.log").string()},
                            {"web", web_}};
    const auto path = directory_ / "state.json";
    std::ofstream file(path.string() + ".new");
    file << state.dump() << '\n';
    if (!file.flush() || rename((path.string() + ".new").c_str(), path.c_str()) != 0)
      return fail_errno("cannot write " + path.string());
    return state;
  }

  /// block_signals() has run: they come here.
  void wait() const {
    sigset_t set;
    sigemptyset(&set);
    for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGCHLD}) sigaddset(&set, number);
    siginfo_t info{};
    while (sigwaitinfo(&set, &info) < 0 && errno == EINTR) {
    }
  }

 private:
  static Result<UniqueFd> open_log(const std::string& path) {
    UniqueFd file(open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
    if (!file) return fail_errno("cannot write " + path);
    return file;
  }

  fs::path directory_;
  std::string web_, log_;
  int answers_;
  DemoPod pod_;
};

/// As JSON, stdout is the state alone; the client's answers go to stderr.
int keep_in_foreground(const fs::path& directory, const std::string& web, bool json) {
  Keeper keeper(directory, web, "", json ? STDERR_FILENO : STDOUT_FILENO);
  auto state = keeper.start();
  if (!state) return report(state.error());
  print_state(*state, json);
  fflush(stdout);
  keeper.wait();
  return 0;
}

/// Becomes the keeper: of no terminal and no shell. Tells its starter by `report_fd` how it went.
[[noreturn]] void keep_in_background(const fs::path& directory, const std::string& web, int report_fd) {
  setsid();
  const int null = open("/dev/null", O_RDWR);
  for (int fd = 0; fd < 3; ++fd) dup2(null, fd);
  {
    Keeper keeper(directory, web, (directory / "demo.log").string());
    const auto state = keeper.start();
    const nlohmann::json message =
        state ? *state : nlohmann::json{{"error", state.error().text}, {"remedy", state.error().remedy}};
    const auto text = message.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
    if (write(report_fd, text.data(), text.size()) < 0) _exit(1);
    close(report_fd);
    if (state) keeper.wait();
  }
  _exit(0);
}

int up_in_background(const fs::path& directory, const std::string& web, bool json) {
  int fds[2];
  if (pipe2(fds, O_CLOEXEC) != 0) return report(fail_errno("pipe").value());
  const UniqueFd read_end(fds[0]);
  UniqueFd write_end(fds[1]);
  const int keeper = fork();
  if (keeper < 0) return report(fail_errno("fork").value());
  if (keeper == 0) keep_in_background(directory, web, write_end.get());
  write_end.reset();
  std::string text;
  char buffer[4096];
  ssize_t got = 0;
  while ((got = read(read_end.get(), buffer, sizeof buffer)) > 0)
    text.append(buffer, static_cast<std::size_t>(got));
  const auto state = nlohmann::json::parse(text, nullptr, false);
  if (!state.is_object()) return report(Error{0, "the demo ended while it was made", {}});
  if (state.contains("error")) return report(Error{0, state.value("error", ""), state.value("remedy", "")});
  print_state(state, json);
  return 0;
}

int up(bool foreground, bool json) {
  const auto directory = demo_directory();
  if (!directory) return report(directory.error());
  const auto web = find_web();
  if (!web) return report(web.error());
  if (const auto state = running_demo(*directory); !state.is_null()) {
    print_state(state, json);
    return 0;
  }
  // One at a time: the lock goes with this process, and by then state.json is there.
  const UniqueFd lock(open((directory->string() + ".lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!lock || flock(lock.get(), LOCK_EX | LOCK_NB) != 0)
    return report(Error{0, "another `inpod demo up` is at work", "wait a moment"});
  std::error_code error;
  fs::remove_all(*directory, error);
  fs::create_directory(*directory, error);
  if (error) return report(Error{0, "cannot make " + directory->string() + ": " + error.message(), {}});
  block_signals();
  return foreground ? keep_in_foreground(*directory, *web, json) : up_in_background(*directory, *web, json);
}

int down() {
  const auto directory = demo_directory();
  if (!directory) return report(directory.error());
  const auto state = running_demo(*directory);
  if (!state.is_null()) {
    const int keeper = state["keeper"].get<int>();
    const auto start_time = state["start_time"].get<std::uint64_t>();
    const UniqueFd process(static_cast<int>(syscall(SYS_pidfd_open, keeper, 0)));
    for (int tenths = 0; process_start_time(keeper) == start_time && tenths < 100; ++tenths) {
      if (tenths == 0 || tenths == 50)
        syscall(SYS_pidfd_send_signal, process.get(), tenths == 0 ? SIGTERM : SIGKILL, nullptr, 0);
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
    if (process_start_time(keeper) == start_time)
      return report(Error{0, "process " + std::to_string(keeper) + " does not end", {}});
  }
  std::error_code ignored;
  fs::remove_all(*directory, ignored);
  fs::remove(directory->string() + ".lock", ignored);
  say(state.is_null() ? "no demo runs" : "the demo is down");
  return 0;
}

int status(bool json) {
  const auto directory = demo_directory();
  if (!directory) return report(directory.error());
  const auto state = running_demo(*directory);
  if (state.is_null()) {
    say("no demo runs; `inpod demo up` starts it");
    return 1;
  }
  print_state(state, json);
  return 0;
}

}  // namespace

void add_demo(CLI::App& app, Globals& globals) {
  auto* command = app.add_subcommand(
      "demo", "A pod made of namespaces on this machine, with a sample service; no cluster needed");
  command->require_subcommand(0, 1);
  command->footer(
      "Examples:\n  inpod demo up\n  inpod run -t local:$(inpod demo status -o json | jq .pid) -- cat "
      "/etc/web/config.yaml\n  inpod demo down");
  auto format = std::make_shared<std::string>("text");
  auto foreground = std::make_shared<bool>(false);
  const auto add_format = [&](CLI::App* to) {
    to->add_option("-o,--output", *format, "json: one object")->check(CLI::IsMember({"text", "json"}));
  };
  auto* up_command = command->add_subcommand("up", "Start it (if it isn't up) and say how to use it");
  up_command->add_flag("--foreground", *foreground, "Stay, print the client's answers, end with Ctrl-C");
  add_format(up_command);
  up_command->footer("Example:\n  inpod demo up --foreground");
  auto* down_command = command->add_subcommand("down", "End it and remove everything of it");
  auto* status_command =
      command->add_subcommand("status", "Whether it runs, and its pid (exit code 1: it doesn't)");
  add_format(status_command);
  command->callback([=, &globals] {
    globals.action = [=] {
      const bool json = *format == "json";
      if (down_command->parsed()) return down();
      if (status_command->parsed()) return status(json);
      return up(*foreground, json);
    };
  });
}

}  // namespace inpod::cli
