// AgentProcess: the real inpod-agent executable, started with a record. AgentClient: a client of it, on a
// Link of its own that a thread of its own serves; its calls block, with a bound.
#pragma once

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>
#include <future>
#include <mutex>
#include <stdexcept>
#include <thread>

#include "protocol/link.hpp"
#include "protocol/unique_fd.hpp"
#include "start/start_record.hpp"
#include "support/process.hpp"

namespace inpod::test {

using protocol::Bytes;
using protocol::Message;
using protocol::Task;

class AgentProcess {
 public:
  /// Starts it and waits for the line on stdout. A token is put into the record. wait: REQUIREs that it is
  /// ready. through: a command that executes the one behind it, such as setpriv.
  explicit AgentProcess(agent::StartRecord record, std::vector<std::string> arguments = {}, bool wait = true,
                        std::vector<std::string> through = {});
  /// For a target's pid.
  explicit AgentProcess(pid_t target);

  std::uint16_t port() const { return port_; }
  const std::array<std::uint8_t, 32>& token() const { return record_.token; }
  Process& process() { return *process_; }
  /// Threads and open fds it has now.
  std::size_t threads() const;
  std::size_t fds() const;

 private:
  agent::StartRecord record_;
  std::unique_ptr<Process> process_;
  std::uint16_t port_ = 0;
};

class AgentClient {
 public:
  explicit AgentClient(const AgentProcess& agent);
  ~AgentClient();
  AgentClient(const AgentClient&) = delete;

  /// Connects and shakes hands with the given token; what the agent said. Attaches if it was a Welcome.
  Result<protocol::Welcome> connect(const std::array<std::uint8_t, 32>& token);
  /// Cuts the transport, as a broken network would.
  void cut();

  template <class T>
  T wait(Task<T> task, std::chrono::milliseconds bound = seconds(30)) {
    auto result = boost::asio::co_spawn(io_, std::move(task), boost::asio::use_future);
    if (result.wait_for(bound) != std::future_status::ready)
      throw std::runtime_error("the agent did not answer in time");
    return result.get();
  }
  template <class Answer>
  Result<Answer> ask(Message request, std::chrono::milliseconds bound = seconds(30)) {
    return wait(link_->request_as<Answer>(std::move(request)), bound);
  }
  /// Sends and does not wait.
  std::future<Result<Message>> start(Message request) {
    return boost::asio::co_spawn(io_, link_->request(std::move(request)), boost::asio::use_future);
  }
  /// Everything that comes on a stream until its end, or the reset's errno.
  Result<std::string> drain(std::uint32_t stream);
  std::shared_ptr<protocol::Stream> take(std::uint32_t stream);
  Result<void> write(const std::shared_ptr<protocol::Stream>& stream, const std::string& data,
                     bool datagram = false);
  Result<std::string> read(const std::shared_ptr<protocol::Stream>& stream);
  /// Runs a function on the link's thread.
  void on_link(std::function<void()> work);

  bool closed() const;
  std::vector<Message> events() const;

 private:
  const AgentProcess& agent_;
  boost::asio::io_context io_;
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_;
  std::shared_ptr<protocol::Link> link_;
  std::array<std::uint8_t, 16> session_{};
  UniqueFd socket_;  // a duplicate, to cut it
  mutable std::mutex mutex_;
  std::vector<Message> events_;
  bool closed_ = false;
  std::thread thread_;
};

/// Does what a line for the probe says (probe.cpp), through the agent, and tells it in the same words.
std::string perform(AgentClient& client, const std::string& operation);
/// Does them all on both sides and CHECKs that the answers are the same.
class TestPod;
void compare(AgentClient& client, const TestPod& pod, const std::vector<std::string>& operations);

/// A record for a target's pid, with short times.
agent::StartRecord record_for(pid_t target);

}  // namespace inpod::test
