// `inpod dap` with a made-up cluster session, for tests of the proxy alone: it sets an environment and
// preloads the test layer, and does what its target says:
//   fake          starts at once        slow       takes 30 s, and leaves SLOW.stopped when it is cancelled
//   refused       fails                 nolayer    preloads nothing
//   deaf          ignores a cancel for 2 s, then starts       late       fails after 2 s
//   hostile       fails with words that would be obeyed by a terminal or an editor
// Environment: FAKE_LAYER the layer's path, FAKE_LOG where it tells of itself; FAKE_LOG.stopped appears on
// stop(), FAKE_LOG.taken_back on take_back(); FAKE_SECRET_TIMEOUT milliseconds that a client has for the
// secret. Usage: fake_inpod [--listen HOST:PORT] [--secret-file FILE] [--debugger NAME] [-- ADAPTER…]
#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cstdlib>
#include <cstring>
#include <fstream>

#include "dap/serve.hpp"
#include "session/environment_file.hpp"

using namespace inpod;
using namespace std::chrono_literals;
namespace asio = boost::asio;

namespace {

std::string variable(const char* name) {
  const char* value = getenv(name);
  return value ? value : "";
}

std::size_t loads(const std::string& program) {
  std::ifstream log(variable("FAKE_LOG"));
  std::size_t count = 0;
  for (std::string pid, executable; log >> pid && std::getline(log >> std::ws, executable);)
    count += executable == program;
  return count;
}

void leave_mark(const char* suffix) {
  std::ofstream(variable("FAKE_LOG") + suffix) << "1\n";
}

class FakeSession : public Session {
 public:
  FakeSession(asio::any_io_executor executor, Options options)
      : executor_(std::move(executor)), options_(std::move(options)) {
    if (options_.config.target != "nolayer") environment_.set["LD_PRELOAD"] = variable("FAKE_LAYER");
    environment_.set["INPOD_SOCKET"] = variable("FAKE_LOG");
    environment_.set["INPOD_PROGRAM"] = options_.program;
    environment_.set["POD_VALUE"] = "of the pod";
    environment_.set["POD_LINES"] = "one\n\"two\" \\ $three 'four'";
    environment_.set["BASH_FUNC_exec%%"] =
        "() { touch '" + variable("FAKE_LOG") + ".ran'; builtin exec \"$@\"; }";
    environment_.set["POD_QUOTES"] = "`date` 'a' \"b\" \\ $HOME %s";
    environment_.set["BINARY"] = "\xff\xfe";
    environment_.set["REQUEST_VALUE"] = "of the pod too";
    for (const char* name : {"MODE", "PID_FILE", "GATE"})
      if (!variable(name).empty()) environment_.set[name] = variable(name);
    environment_.unset = {"UNSET_ME"};
    environment_.layer = variable("FAKE_LAYER");
    expected_ = loads(options_.program);
  }

  const LaunchEnvironment& environment() const override { return environment_; }
  nlohmann::json describe() const override {
    return {{"id", "fake-1"},
            {"target", options_.config.target},
            {"pod", "web-1"},
            {"container", "app"},
            {"mode", "mirror"}};
  }
  bool layer_loaded() const override {
    return loads(program_.empty() ? options_.program : program_) > expected_;
  }
  void expect_layer(const std::string& program) override {
    program_ = program;
    expected_ = loads(program);
  }
  Task<Result<void>> wait_for_layer(std::chrono::milliseconds timeout) override {
    const auto until = std::chrono::steady_clock::now() + timeout;
    asio::steady_timer pause(executor_);
    while (!layer_loaded()) {
      if (std::chrono::steady_clock::now() > until)
        co_return fail("the program never loaded the layer", "is it a test?");
      pause.expires_after(10ms);
      co_await pause.async_wait(asio::use_awaitable);
    }
    options_.on_event({{"event", "activity"}, {"kind", "handshake"}, {"text", "layer loaded"}});
    co_return Result<void>();
  }
  Task<Result<nlohmann::json>> request(std::string name, nlohmann::json arguments) override {
    if (name == "stop") options_.on_stop_request();  // as `inpod session stop` does
    if (name == "refuse") co_return fail("the session said no", "ask it nicely");
    nlohmann::json body{{"request", name}, {"arguments", arguments}};
    co_return body;
  }
  void take_back() override { leave_mark(".taken_back"); }
  Task<void> stop() override {
    leave_mark(".stopped");
    co_return;
  }

 private:
  asio::any_io_executor executor_;
  Options options_;
  LaunchEnvironment environment_;
  std::string program_;
  std::size_t expected_ = 0;
};

Task<Result<std::shared_ptr<Session>>> start(asio::any_io_executor executor, Session::Options options) {
  const std::string target = options.config.target;
  options.on_progress(Stage::agent, "waiting for the agent");
  asio::steady_timer pause(executor);
  if (target == "slow") {
    pause.expires_after(30s);
    try {
      co_await pause.async_wait(asio::use_awaitable);
    } catch (const boost::system::system_error&) {
      leave_mark(".cancelled");
      throw;
    }
  }
  if (target == "deaf" || target == "late") {
    co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
    pause.expires_after(2s);
    co_await pause.async_wait(asio::use_awaitable);
  }
  if (target == "refused" || target == "late") co_return fail("the cluster said no", "ask its owner");
  if (target == "hostile")
    co_return fail("it said \x1b[2J[Fix](command:x)\ninpod: all is well", "ask its owner");
  std::shared_ptr<Session> session = std::make_shared<FakeSession>(executor, std::move(options));
  co_return session;
}

}  // namespace

int main(int argc, char** argv) {
  if (const auto code = exec_with_environment({argv + 1, argv + argc})) _exit(*code);
  dap::ServeOptions options;
  for (int i = 1; i < argc; ++i) {
    const std::string flag = argv[i];
    if (flag == "--") {
      options.adapter.assign(argv + i + 1, argv + argc);
      break;
    }
    if (flag == "--listen" && i + 1 < argc)
      options.listen = argv[++i];
    else if (flag == "--secret-file" && i + 1 < argc)
      options.secret_file = argv[++i];
    else if (flag == "--debugger" && i + 1 < argc)
      options.debugger = argv[++i];
  }
  options.start_session = start;
  options.layer_timeout = 8s;
  options.layer_timeout_stopped = 1s;
  options.launch_patience = {{"hasty", 300ms}};
  if (const auto bound = variable("FAKE_SECRET_TIMEOUT"); !bound.empty())
    options.secret_timeout = std::chrono::milliseconds(std::stoi(bound));
  asio::io_context context(1);
  int code = 125;
  asio::co_spawn(context, dap::serve(context.get_executor(), std::move(options)),
                 [&](const std::exception_ptr& thrown, int result) {
                   if (!thrown) code = result;
                   context.stop();
                 });
  context.run();
  return code;
}
