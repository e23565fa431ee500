// PodThreads: one thread that entered the pod's root (PodRoot::enter_thread) and starts all others that work
// in there. They inherit what it became, so that no thread of the agent has to keep the rights to enter.
#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>

#include "files/pod_root.hpp"

namespace inpod::agent {

class PodThreads {
 public:
  /// An error if the root can't be entered: no thread is left then.
  static Result<std::unique_ptr<PodThreads>> create(const PodRoot& root);
  /// Threads that were started run on.
  ~PodThreads();
  PodThreads(const PodThreads&) = delete;
  PodThreads& operator=(const PodThreads&) = delete;

  /// Runs `body` on a new, detached thread. False: no more threads can be had. Any thread may call it.
  bool start(std::function<void()> body);

 private:
  PodThreads() = default;
  void serve();

  std::mutex starting_, mutex_;
  std::condition_variable changed_;
  std::function<void()> body_;  // to be started
  bool started_ = false;        // whether the last one could be
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace inpod::agent
