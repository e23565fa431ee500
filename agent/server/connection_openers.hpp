// ConnectionOpeners: answers which connections of the pod's own the target's container has opened. What is
// asked while one look goes on shares the next: a look takes as long for a hundred connections as for one. Io
// thread only.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <functional>
#include <memory>
#include <vector>

#include "files/worker_pool.hpp"
#include "protocol/event.hpp"
#include "target/socket_openers.hpp"

namespace inpod::agent {

class ConnectionOpeners {
 public:
  /// look: opened_inside or what stands for it; runs on a thread of `workers`.
  using Look = std::function<std::vector<std::uint8_t>(const std::vector<TcpEnds>&)>;
  ConnectionOpeners(boost::asio::any_io_executor io, WorkerPool& workers, Look look)
      : io_(std::move(io)), workers_(workers), look_(std::move(look)), answered_(io_) {}

  /// False where it can't be told.
  protocol::Task<bool> is_targets(TcpEnds ends);

 private:
  struct Question {
    TcpEnds ends;
    bool answered = false, yes = false;
  };
  protocol::Task<void> answer_all();

  boost::asio::any_io_executor io_;
  WorkerPool& workers_;
  Look look_;
  std::vector<std::shared_ptr<Question>> questions_;
  bool looking_ = false;
  protocol::Event answered_;
};

}  // namespace inpod::agent
