// See worker_pool.hpp. One mutex guards all; it is never held while a job runs. The interrupting signal is
// SIGUSR2 with an empty handler and without SA_RESTART: a blocked system call returns EINTR. It is sent again
// until the job is back, because a signal that arrives just before the call blocks is lost.
#include "files/worker_pool.hpp"

#include <pthread.h>
#include <signal.h>

#include <algorithm>
#include <boost/asio/async_result.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <condition_variable>
#include <deque>
#include <list>
#include <mutex>
#include <optional>
#include <thread>

namespace inpod::agent {
namespace {
constexpr auto idle_time = std::chrono::seconds(10);
constexpr auto interrupt_interval = std::chrono::milliseconds(50);
constexpr auto longest_goodbye = std::chrono::seconds(1);

void install_interrupt_handler() {
  struct sigaction action {};
  action.sa_handler = [](int) {};
  sigemptyset(&action.sa_mask);
  ::sigaction(SIGUSR2, &action, nullptr);
}

bool start_detached(std::function<void()> body) {
  try {
    std::thread(std::move(body)).detach();
    return true;
  } catch (const std::system_error&) {
    return false;
  }
}
}  // namespace

class WorkerPool::Group {
 public:
  std::size_t running = 0, waiting = 0;
  bool cancelled = false;
};

struct WorkerPool::Shared : std::enable_shared_from_this<Shared> {
  struct Item {
    std::shared_ptr<Group> group;
    Job job;
    Completion completion;
  };
  struct Thread {
    pthread_t id{};
    std::shared_ptr<Group> busy_for;
  };

  boost::asio::any_io_executor io;
  Options options;
  std::optional<boost::asio::steady_timer>
      interrupt_timer;        // goes with the pool: threads may outlive the io_context
  bool interrupting = false;  // io thread only
  std::mutex mutex;
  std::condition_variable work_came, thread_left;
  std::deque<Item> queue;
  std::list<Thread> threads;
  std::size_t idle = 0;
  bool stopping = false, gone = false;

  Shared(boost::asio::any_io_executor executor, Options given)
      : io(std::move(executor)), options(std::move(given)), interrupt_timer(std::in_place, io) {}

  // First queued item whose group is below its share.
  std::deque<Item>::iterator runnable() {
    return std::find_if(queue.begin(), queue.end(),
                        [this](const Item& item) { return item.group->running < options.group_most; });
  }

  void complete(Completion completion, bool done) {
    boost::asio::post(io, [completion = std::move(completion), done] { completion(done); });
  }

  void thread_main(std::list<Thread>::iterator self) {
    std::unique_lock lock(mutex);
    self->id = ::pthread_self();
    while (true) {
      auto item = runnable();
      if (item == queue.end()) {
        if (stopping) break;
        ++idle;
        bool woken =
            work_came.wait_for(lock, idle_time, [this] { return stopping || runnable() != queue.end(); });
        --idle;
        if (!woken && threads.size() > options.kept) break;
        continue;
      }
      Item mine = std::move(*item);
      queue.erase(item);
      --mine.group->waiting;
      ++mine.group->running;
      self->busy_for = mine.group;
      lock.unlock();
      mine.job();
      mine.job = nullptr;  // what it owns ends here, not under the lock
      lock.lock();
      self->busy_for.reset();
      --mine.group->running;
      if (!gone) complete(std::move(mine.completion), true);
    }
    threads.erase(self);
    thread_left.notify_all();
  }

  // Called with the mutex held.
  void add_thread_if_needed() {
    if (idle >= queue.size() || threads.size() >= options.most) {
      work_came.notify_one();
      return;
    }
    auto self = threads.emplace(threads.end());
    auto body = [shared = shared_from_this(), self] { shared->thread_main(self); };
    // No more threads for this process: the job waits for one of ours.
    if (!(options.start_thread ? options.start_thread(body) : start_detached(body))) threads.erase(self);
  }

  // Sends the signal to every thread that works for a cancelled group; true if there was one.
  bool interrupt() {
    std::lock_guard lock(mutex);
    bool any = false;
    for (Thread& thread : threads) {
      if (!thread.busy_for || !(thread.busy_for->cancelled || stopping)) continue;
      ::pthread_kill(thread.id, SIGUSR2);
      any = true;
    }
    return any;
  }

  void keep_interrupting() {
    interrupting = interrupt();
    if (!interrupting) return;
    interrupt_timer->expires_after(interrupt_interval);
    interrupt_timer->async_wait([weak = weak_from_this()](const boost::system::error_code& failure) {
      if (auto shared = weak.lock(); shared && !failure) shared->keep_interrupting();
    });
  }
};

WorkerPool::WorkerPool(boost::asio::any_io_executor io, Options options)
    : shared_(std::make_shared<Shared>(std::move(io), std::move(options))) {
  install_interrupt_handler();
}

WorkerPool::~WorkerPool() {
  auto until = std::chrono::steady_clock::now() + longest_goodbye;
  std::deque<Shared::Item> dropped;
  {
    std::lock_guard lock(shared_->mutex);
    shared_->stopping = true;
    dropped.swap(shared_->queue);
    shared_->work_came.notify_all();
  }
  while (std::chrono::steady_clock::now() < until) {
    shared_->interrupt();
    std::unique_lock lock(shared_->mutex);
    if (shared_->thread_left.wait_for(lock, interrupt_interval, [this] { return shared_->threads.empty(); }))
      break;
  }
  std::lock_guard lock(shared_->mutex);
  shared_->gone = true;
  shared_->interrupt_timer.reset();
}

std::shared_ptr<WorkerPool::Group> WorkerPool::make_group() {
  return std::make_shared<Group>();
}

void WorkerPool::submit(const std::shared_ptr<Group>& group, Job job, Completion completion) {
  std::unique_lock lock(shared_->mutex);
  if (group->cancelled || shared_->stopping || group->waiting >= shared_->options.group_queue) {
    lock.unlock();
    shared_->complete(std::move(completion), false);
    return;
  }
  ++group->waiting;
  shared_->queue.push_back({group, std::move(job), std::move(completion)});
  shared_->add_thread_if_needed();
}

void WorkerPool::cancel(const std::shared_ptr<Group>& group) {
  std::vector<Shared::Item> dropped;  // destroyed after the lock is released
  {
    std::lock_guard lock(shared_->mutex);
    group->cancelled = true;
    auto first = std::stable_partition(shared_->queue.begin(), shared_->queue.end(),
                                       [&](const Shared::Item& item) { return item.group != group; });
    std::move(first, shared_->queue.end(), std::back_inserter(dropped));
    shared_->queue.erase(first, shared_->queue.end());
    group->waiting = 0;
  }
  for (auto& item : dropped) shared_->complete(std::move(item.completion), false);
  if (!shared_->interrupting) shared_->keep_interrupting();
}

protocol::Task<void> WorkerPool::wait_for(std::shared_ptr<Group> group, Job job) {
  auto start = [this](auto handler, std::shared_ptr<Group> for_group, Job work) {
    // std::function wants copyable things; the handler is not.
    auto shared_handler = std::make_shared<decltype(handler)>(std::move(handler));
    submit(for_group, std::move(work), [shared_handler](bool) { std::move (*shared_handler)(); });
  };
  co_await boost::asio::async_initiate<const boost::asio::use_awaitable_t<>, void()>(
      std::move(start), boost::asio::use_awaitable, std::move(group), std::move(job));
}

}  // namespace inpod::agent
