// Starting, reaching and ending the local agent.
#include "session/local_agent.hpp"

#include <fcntl.h>
#include <pwd.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <filesystem>

#include "config/check.hpp"
#include "log/log.hpp"
#include "protocol/task.hpp"
#include "protocol/unique_fd.hpp"
#include "session/child.hpp"
#include "session/client_name.hpp"
#include "session/paths.hpp"
#include "start/start_record.hpp"

namespace inpod {
namespace {

namespace asio = boost::asio;
/// Where the agent finds its listening socket after exec.
constexpr int agent_socket_fd = 3;

constexpr const char* permission_remedy =
    "The namespaces of this process belong to another user. Run inpod as root (sudo), or take a process that "
    "your own "
    "user's container runs (rootless podman, `inpod demo`)";

Result<UniqueFd> listen_at(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) return fail(path + ": too long for a unix socket");
  memcpy(address.sun_path, path.c_str(), path.size());
  UniqueFd listener(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!listener || bind(listener.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 ||
      listen(listener.get(), 8) != 0) {
    return fail_errno("cannot listen at " + path);
  }
  return listener;
}

/// Passes the agent's log on until its end, so that it never waits for a reader.
Task<void> keep_log(std::shared_ptr<asio::posix::stream_descriptor> source) {
  std::string text(4096, '\0');
  while (true) {
    auto [error, count] = co_await source->async_read_some(asio::buffer(text), as_result);
    if (error) co_return;
    std::string_view lines(text.data(), count);
    while (!lines.empty() && lines.back() == '\n') lines.remove_suffix(1);
    log_debug("inpod-agent: " + std::string(lines));
  }
}

class LocalAgent : public AgentAccess {
 public:
  LocalAgent(asio::any_io_executor executor, int target, Token token, std::string socket_path)
      : executor_(std::move(executor)),
        target_(target),
        token_(token),
        socket_path_(std::move(socket_path)),
        output_(executor_),
        errors_(std::make_shared<asio::posix::stream_descriptor>(executor_)) {}
  ~LocalAgent() override { end(); }

  Result<void> launch(const std::string& executable) {
    TRY_ASSIGN(listener, listen_at(socket_path_));
    agent::StartRecord record;
    record.token = token_;
    record.pid = static_cast<std::uint32_t>(target_);
    record.socket = agent_socket_fd;
    record.lease_seconds = 0;
    record.first_client_seconds = 30;
    record.client = client_name();
    TRY_ASSIGN(bytes, agent::encode_start_record(record));
    ChildOptions options;
    options.command = {executable, "--local"};
    options.environment = {"PATH=/usr/bin:/bin", "LANG=C.UTF-8"};
    options.inherit = {{listener.get(), agent_socket_fd}};
    TRY_ASSIGN(child, Child::start(std::move(options)));
    child_ = std::move(child);
    if (!child_.write_input(bytes.data(), bytes.size())) return fail_errno("cannot talk to " + executable);
    output_.assign(child_.take_output());
    errors_->assign(child_.take_errors());
    return {};
  }

  /// Waits for its "ready" line.
  Task<Result<void>> wait_until_ready(std::chrono::seconds bound) {
    using namespace asio::experimental::awaitable_operators;
    asio::steady_timer timer(executor_, bound);
    auto outcome = co_await (read_line() || timer.async_wait(as_result));
    if (outcome.index() == 1)
      co_return fail("inpod-agent was not ready in time", "raise agent.startup_seconds");
    auto line = std::get<0>(std::move(outcome));
    if (line.rfind("inpod-agent ready", 0) == 0) {
      asio::co_spawn(executor_, keep_log(errors_), [](const std::exception_ptr&) {});
      co_return Result<void>();
    }
    co_return Failed(start_error(line, co_await read_errors()));
  }

  Task<Result<std::unique_ptr<protocol::ByteTransport>>> open() override {
    asio::local::stream_protocol::socket socket(executor_);
    const asio::local::stream_protocol::endpoint endpoint(socket_path_);
    auto [error] = co_await socket.async_connect(endpoint, as_result);
    if (error) co_return fail("cannot reach inpod-agent: " + error.message());
    asio::generic::stream_protocol::socket generic(std::move(socket));
    co_return protocol::make_socket_transport(std::move(generic));
  }

  Task<std::optional<Error>> gone() override {
    if (!child_.ended()) co_return std::nullopt;
    if (kill(target_, 0) != 0 && errno == ESRCH) {
      co_return Error{0, "process " + std::to_string(target_) + ", the target, has ended",
                      "start it and launch again"};
    }
    co_return Error{0, "inpod-agent has ended (" + child_.status_text() + ")", "launch again"};
  }

  void keep() override {}  // it ends with us

  Task<void> release(bool) override {
    end();
    co_return;
  }

  const Token& token() const override { return token_; }
  nlohmann::json describe() const override {
    return {{"target", "local:" + std::to_string(target_)},
            {"namespace", ""},
            {"agent", "process " + std::to_string(child_.pid())}};
  }
  const std::vector<protocol::Probe>& probes() const override { return probes_; }

 private:
  Task<std::string> read_line() {
    std::string line;
    char byte = 0;
    while (line.size() < 4096) {
      auto [error, count] = co_await output_.async_read_some(asio::buffer(&byte, 1), as_result);
      if (error || count == 0 || byte == '\n') break;
      line += byte;
    }
    co_return line;
  }

  /// The rest of its stderr, at most 4 KiB; it has ended or is about to.
  Task<std::string> read_errors() {
    using namespace asio::experimental::awaitable_operators;
    asio::steady_timer timer(executor_, std::chrono::seconds(1));
    std::string text(4096, '\0');
    auto outcome =
        co_await (errors_->async_read_some(asio::buffer(text), as_result) || timer.async_wait(as_result));
    text.resize(outcome.index() == 0 ? std::get<1>(std::get<0>(outcome)) : 0);
    while (!text.empty() && text.back() == '\n') text.pop_back();
    co_return text;
  }

  Error start_error(const std::string& line, const std::string& errors) const {
    static const std::string failed = "inpod-agent failed: ";
    return local_agent_error(target_, line.rfind(failed, 0) == 0 ? line.substr(failed.size())
                                      : errors.empty()           ? "it ended without a word"
                                                                 : errors);
  }

  void end() {
    boost::system::error_code ignored;
    output_.close(ignored);
    errors_->close(ignored);
    child_.end(std::chrono::milliseconds(2000));
  }

  asio::any_io_executor executor_;
  int target_;
  Token token_;
  std::string socket_path_;
  Child child_;
  asio::posix::stream_descriptor output_;
  std::shared_ptr<asio::posix::stream_descriptor> errors_;
  std::vector<protocol::Probe> probes_;
};

}  // namespace

Result<Token> random_token() {
  Token token;
  if (getrandom(token.data(), token.size(), 0) != static_cast<ssize_t>(token.size()))
    return fail_errno("getrandom");
  return token;
}

Error local_agent_error(int target, std::string why) {
  Error error;
  // The agent's remedy speaks of capabilities that a pod can be given: here it is a matter of whose process
  // it is.
  const bool refused =
      why.find(strerror(EPERM)) != std::string::npos || why.find(strerror(EACCES)) != std::string::npos;
  if (refused) {
    error.code = EPERM;
    error.remedy = permission_remedy;
    why.resize(std::min(why.find("; the agent needs"), why.size()));
  }
  for (const std::string twice : {"cannot enter the target's ", "cannot open the target's "})
    if (why.starts_with(twice)) why.replace(0, twice.size(), "its ");
  error.text = "cannot enter the namespaces of process " + std::to_string(target) + ": " + why;
  return error;
}

Result<int> local_pid(const std::string& target) {
  const auto number = config::parse_number(target.substr(std::string("local:").size()));
  if (!number || *number == 0 || *number > 0x7fffffff) {
    return fail("target \"" + target + "\": expected local:PID with the number of a process",
                "for example local:4711; nothing may follow the number");
  }
  const int pid = static_cast<int>(*number);
  if (pid == getpid())
    return fail("target \"" + target + "\" is inpod itself", "name a process in the container that you mean");
  if (kill(pid, 0) != 0 && errno == ESRCH) {
    return fail("target \"" + target + "\": there is no process " + std::to_string(pid),
                "`inpod targets` and `inpod demo status` show what there is");
  }
  return pid;
}

Task<Result<std::shared_ptr<AgentAccess>>> start_local_agent(asio::any_io_executor executor,
                                                             const Config& config, std::string directory,
                                                             Progress progress) {
  CO_TRY(pid, local_pid(config.target));
  CO_TRY(executable, find_agent(config.agent.path));
  CO_TRY(token, random_token());
  progress(Stage::agent, "Entering the namespaces of process " + std::to_string(pid));
  auto agent = std::make_shared<LocalAgent>(executor, pid, token, directory + "/agent");
  CO_TRY_VOID(agent->launch(executable));
  CO_TRY_VOID(co_await agent->wait_until_ready(std::chrono::seconds(config.agent.startup_seconds)));
  std::shared_ptr<AgentAccess> access = std::move(agent);
  co_return access;
}

}  // namespace inpod
