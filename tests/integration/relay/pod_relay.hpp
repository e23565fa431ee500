// PodRelay: a pod made of namespaces, the real inpod-agent in it, and a Relay whose Link goes to that agent,
// on a thread of its own. Sockets can be made in the network of the pod or of the world beside it.
#pragma once

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>
#include <functional>
#include <future>
#include <mutex>
#include <thread>

#include "agent_client.hpp"
#include "pod.hpp"
#include "relay/relay.hpp"
#include "unit/relay/relay_client.hpp"

namespace inpod::test {

class PodRelay {
 public:
  explicit PodRelay(Config config = {});
  ~PodRelay();

  RelayClient client() const { return RelayClient(directory_.path() + "/relay"); }
  const TestPod& pod() const { return pod_; }
  /// A socket in the network namespace of the pod or of the world.
  UniqueFd socket_in_pod(int domain, int type) const { return socket_of(pod_.pid(), domain, type); }
  UniqueFd socket_in_world(int domain, int type) const { return socket_of(pod_.world(), domain, type); }
  std::vector<nlohmann::json> events() const;
  Result<FileContent> read_file(const std::string& path, std::uint64_t limit) {
    return wait(relay_->read_file(path, limit));
  }
  Result<void> set_mode(std::uint16_t port, protocol::IncomingMode mode) {
    return wait(relay_->set_incoming_mode(port, mode));
  }
  void close();

 private:
  /// Runs it on the relay's thread.
  template <class T>
  T wait(protocol::Task<T> task) {
    auto done = boost::asio::co_spawn(loop_, std::move(task), boost::asio::use_future);
    if (done.wait_for(std::chrono::seconds(30)) != std::future_status::ready) std::abort();
    return done.get();
  }
  static UniqueFd socket_of(pid_t process, int domain, int type);
  protocol::Task<Result<void>> connect();

  TestPod pod_;
  AgentProcess agent_;
  TemporaryDirectory directory_;
  boost::asio::io_context loop_{1};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> guard_;
  std::shared_ptr<protocol::Link> link_;
  std::shared_ptr<Relay> relay_;
  mutable std::mutex mutex_;
  std::vector<nlohmann::json> events_;
  std::thread thread_;
};

}  // namespace inpod::test
