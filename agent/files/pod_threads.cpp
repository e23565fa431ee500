// See pod_threads.hpp.
#include "files/pod_threads.hpp"

#include <future>
#include <system_error>

namespace inpod::agent {

Result<std::unique_ptr<PodThreads>> PodThreads::create(const PodRoot& root) {
  std::unique_ptr<PodThreads> threads(new PodThreads);
  std::promise<Result<void>> promise;
  auto entered = promise.get_future();
  threads->thread_ = std::thread([&root, self = threads.get(), promise = std::move(promise)]() mutable {
    auto result = root.enter_thread();
    const bool good = bool(result);
    promise.set_value(std::move(result));
    if (good) self->serve();
  });
  if (auto result = entered.get(); !result) return Failed(result.error());
  return threads;
}

PodThreads::~PodThreads() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void PodThreads::serve() {
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [this] { return stopping_ || body_; });
    if (stopping_) return;
    try {
      std::thread(std::exchange(body_, nullptr)).detach();
      started_ = true;
    } catch (const std::system_error&) {
      started_ = false;
    }
    changed_.notify_all();
  }
}

bool PodThreads::start(std::function<void()> body) {
  std::lock_guard one_at_a_time(starting_);
  std::unique_lock lock(mutex_);
  body_ = std::move(body);
  changed_.notify_all();
  changed_.wait(lock, [this] { return !body_; });
  return started_;
}

}  // namespace inpod::agent
