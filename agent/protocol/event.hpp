// Event: where coroutines of one executor wait until something may have changed. There is no memory: the
// waiter looks at its condition, waits, looks again; nothing runs between its look and its wait. Its owner
// must stay alive while somebody waits (waiting coroutines hold a shared_ptr to it).
#pragma once

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>

#include "protocol/task.hpp"

namespace inpod::protocol {

class Event {
 public:
  explicit Event(const boost::asio::any_io_executor& executor)
      : timer_(executor, boost::asio::steady_timer::time_point::max()) {}
  /// Wakes everybody who waits now.
  void notify() { timer_.cancel(); }
  /// False if the waiting coroutine itself was cancelled; it must not wait again then.
  boost::asio::awaitable<bool> wait() {
    co_await timer_.async_wait(as_result);
    auto cancellation = co_await boost::asio::this_coro::cancellation_state;
    co_return cancellation.cancelled() == boost::asio::cancellation_type::none;
  }

 private:
  boost::asio::steady_timer timer_;
};

}  // namespace inpod::protocol
