// Writes and reads at the same time: a container that dies while it is fed has its reason in the output.
#include "kube/agent_stream.hpp"

#include <algorithm>
#include <array>

#include "config/check.hpp"
#include "kube/container_log.hpp"
#include "kube/gather.hpp"

namespace inpod::kube {
namespace {

constexpr std::size_t kept_output = 4096;

/// Without a word of its own it may not have run at all: EAGAIN.
Error ended_early(const std::string& lines, const std::string& how) {
  Error error{lines.empty() ? EAGAIN : 0, "the agent ended before it was ready", {}};
  if (!how.empty()) error.text += " (" + how + ")";
  if (!lines.empty()) error.text += "; it said:" + lines;
  return error;
}

Task<Result<void>> write_text(std::shared_ptr<RemoteCommand> command, const std::string& text) {
  co_return co_await command->write({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
}

/// Error: that of the check alone. What ends the writing ends the reading, which knows the reason.
Task<Result<std::uint16_t>> write_input(std::shared_ptr<RemoteCommand> command,
                                        std::shared_ptr<const AgentInput> input,
                                        std::function<Task<Result<void>>()> check) {
  std::vector<Task<Result<void>>> tasks;
  tasks.push_back(write_text(command, input->program));
  tasks.push_back(check());
  const auto results = co_await gather(std::move(tasks));
  if (results.size() != 2) co_return Failed(Error{ECANCELED, "cancelled", {}});
  if (!results[1]) {
    command->close();
    co_return Failed(results[1].error());
  }
  if (results[0]) (void)co_await write_text(command, input->record);
  co_return std::uint16_t{0};
}

Task<Result<std::uint16_t>> read_until_ready(std::shared_ptr<RemoteCommand> command) {
  std::array<std::uint8_t, 4096> buffer;
  std::string said;
  std::size_t line = 0;  // start of the line that isn't complete yet
  for (;;) {
    auto output = co_await command->read(buffer);
    if (!output || !*output) {
      command->close();  // ends the writer
      co_return Failed(ended_early(last_lines(said), output ? std::string() : output.error().text));
    }
    said.append(buffer.begin(), buffer.begin() + static_cast<std::ptrdiff_t>((*output)->size));
    for (auto end = said.find('\n', line); end != std::string::npos; end = said.find('\n', line)) {
      if (const auto port = ready_port(said.substr(line, end - line))) {
        command->close();
        co_return port;
      }
      line = end + 1;
    }
    if (said.size() > kept_output) {
      const auto cut = said.size() - kept_output;
      said.erase(0, cut);
      line = line > cut ? line - cut : 0;
    }
  }
}

}  // namespace

std::uint16_t ready_port(const std::string& line) {
  constexpr std::string_view start = "inpod-agent ready port=";
  if (line.rfind(start, 0) != 0) return 0;
  const auto end = line.find_first_of(" \r", start.size());
  return config::parse_port(line.substr(start.size(), end == std::string::npos ? end : end - start.size()))
      .value_or(0);
}

Task<Result<std::uint16_t>> feed_agent(std::shared_ptr<RemoteCommand> command,
                                       std::shared_ptr<const AgentInput> input,
                                       std::function<Task<Result<void>>()> check,
                                       std::chrono::steady_clock::time_point deadline) {
  const auto executor = co_await boost::asio::this_coro::executor;
  const auto late = std::make_shared<bool>(false);
  boost::asio::steady_timer timer(executor, deadline);
  timer.async_wait(
      [weak = std::weak_ptr<RemoteCommand>(command), late](const boost::system::error_code& cancelled) {
        const auto alive = weak.lock();
        if (cancelled || !alive) return;
        *late = true;
        alive->close();
      });
  std::vector<Task<Result<std::uint16_t>>> tasks;
  tasks.push_back(write_input(command, input, std::move(check)));
  tasks.push_back(read_until_ready(command));
  auto results = co_await gather(std::move(tasks));
  timer.cancel();
  if (results.size() != 2) co_return Failed(Error{ECANCELED, "cancelled", {}});
  if (*late) co_return Failed(Error{ETIMEDOUT, "the agent was started, but did not get ready in time", {}});
  co_return results[0] ? results[1] : results[0];
}

}  // namespace inpod::kube
