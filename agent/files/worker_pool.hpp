// WorkerPool: threads for work that may block (the pod's file system, connecting unix sockets), so that the
// io thread never does. It keeps a few threads, adds one whenever all are busy, up to a bound, and lets idle
// extra ones go: a job that hangs (open of a FIFO, a dead NFS server) holds one thread and nobody else.
//
// Every job belongs to a Group (a client). A group runs at most its share of the threads and queues a bounded
// number; cancelling it drops what waits and interrupts what runs, by a signal, until it has returned. Use
// pool and groups on the io thread only. Jobs run on the threads, completions on the io thread.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <functional>
#include <memory>
#include <optional>

#include "protocol/link.hpp"

namespace inpod::agent {

class WorkerPool {
 public:
  struct Options {
    std::size_t kept = 4;            ///< threads that stay when idle
    std::size_t most = 64;           ///< threads at most
    std::size_t group_most = 48;     ///< of them for one group
    std::size_t group_queue = 4096;  ///< jobs of one group that wait; more are refused
    /// Runs a thread's body on a new thread, or says that no more can be had; std::thread where it is empty.
    std::function<bool(std::function<void()>)> start_thread;
  };
  class Group;
  using Job = std::function<void()>;
  /// done: the job ran (false: it was cancelled or refused before it started).
  using Completion = std::function<void(bool done)>;

  WorkerPool(boost::asio::any_io_executor io, Options options);
  /// Interrupts what runs and waits for it, at most a second; then leaves such threads to themselves.
  ~WorkerPool();

  std::shared_ptr<Group> make_group();
  void submit(const std::shared_ptr<Group>& group, Job job, Completion completion);
  /// Drops the group's waiting jobs (their completions say false) and interrupts the running ones.
  void cancel(const std::shared_ptr<Group>& group);

  /// Runs `job` on a thread; nothing if it was cancelled or refused. `job` must own all that it uses: the
  /// coroutine may go away while it runs.
  template <class Function>
  protocol::Task<std::optional<std::invoke_result_t<Function>>> run(std::shared_ptr<Group> group,
                                                                    Function job) {
    auto result = std::make_shared<std::optional<std::invoke_result_t<Function>>>();
    Job work = [result, job = std::move(job)]() mutable { result->emplace(job()); };
    co_await wait_for(std::move(group), std::move(work));
    co_return std::move(*result);
  }

 private:
  protocol::Task<void> wait_for(std::shared_ptr<Group> group, Job job);
  struct Shared;
  std::shared_ptr<Shared> shared_;
};

}  // namespace inpod::agent
