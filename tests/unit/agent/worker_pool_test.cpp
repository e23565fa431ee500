// Threads for blocking work: one that hangs holds up nobody, cancelling interrupts, bounds hold.
#include "files/worker_pool.hpp"

#include <unistd.h>

#include <atomic>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <thread>

#include "catch.hpp"
#include "protocol/unique_fd.hpp"

using namespace inpod;
using namespace inpod::agent;
using namespace std::chrono_literals;

namespace {
struct Fixture {
  boost::asio::io_context io;
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work{io.get_executor()};
  UniqueFd read_end, write_end;  // a read from it blocks
  Fixture() {
    int ends[2];
    REQUIRE(::pipe(ends) == 0);
    read_end.reset(ends[0]);
    write_end.reset(ends[1]);
  }
  template <class Done>
  bool run_until(Done done, std::chrono::milliseconds bound = 5000ms) {
    auto end = std::chrono::steady_clock::now() + bound;
    while (!done() && std::chrono::steady_clock::now() < end) io.run_one_for(20ms);
    return done();
  }
};
}  // namespace

TEST_CASE_METHOD(Fixture, "Jobs that block do not hold up others", "[workers]") {
  WorkerPool::Options options;
  options.kept = 2;
  options.most = 8;
  WorkerPool pool(io.get_executor(), options);
  auto group = pool.make_group();
  int blocked_ended = 0, quick = 0;
  for (int i = 0; i < 4; ++i)
    pool.submit(
        group,
        [this] {
          char c;
          (void)!::read(read_end.get(), &c, 1);
        },
        [&](bool) { ++blocked_ended; });
  for (int i = 0; i < 20; ++i)
    pool.submit(
        group, [] {}, [&](bool done) { quick += done; });
  CHECK(run_until([&] { return quick == 20; }));
  CHECK(blocked_ended == 0);
  pool.cancel(group);
  CHECK(run_until([&] { return blocked_ended == 4; }));
}

TEST_CASE_METHOD(Fixture, "One group can't take all threads, and its queue is bounded", "[workers]") {
  WorkerPool::Options options;
  options.kept = 1;
  options.most = 4;
  options.group_most = 3;
  options.group_queue = 10;
  WorkerPool pool(io.get_executor(), options);
  auto greedy = pool.make_group(), other = pool.make_group();
  int refused = 0, cancelled = 0;
  std::atomic<int> started{0};
  for (int i = 0; i < 30; ++i) {
    pool.submit(
        greedy,
        [&] {
          ++started;
          char c;
          (void)!::read(read_end.get(), &c, 1);
        },
        [&](bool done) { done ? ++cancelled : ++refused; });
    if (i < 3)
      CHECK(run_until([&] { return started == i + 1; }));  // so that the count of waiting ones is exact
  }
  CHECK(run_until([&] { return refused == 17; }));
  bool served = false;
  pool.submit(
      other, [] {}, [&](bool done) { served = done; });
  CHECK(run_until([&] { return served; }));
  CHECK(started == 3);
  pool.cancel(greedy);
  CHECK(run_until([&] { return refused == 27 && cancelled == 3; }));
}

TEST_CASE_METHOD(Fixture, "A pool's end interrupts what runs", "[workers]") {
  std::atomic<bool> runs = false;
  auto begin = std::chrono::steady_clock::now();
  {
    WorkerPool pool(io.get_executor(), {});
    auto group = pool.make_group();
    pool.submit(
        group,
        [&] {
          runs = true;
          char c;
          (void)!::read(read_end.get(), &c, 1);
        },
        [](bool) {});
    while (!runs && std::chrono::steady_clock::now() - begin < 10s) std::this_thread::yield();
    REQUIRE(runs);
    begin = std::chrono::steady_clock::now();
  }
  CHECK(std::chrono::steady_clock::now() - begin < 900ms);
}
