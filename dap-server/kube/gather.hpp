// gather: runs several coroutines at once and waits for all; cancelling the waiter cancels them.
#pragma once

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <exception>
#include <memory>
#include <vector>

#include "protocol/link.hpp"
#include "protocol/task.hpp"

namespace inpod::kube {

/// Results in the order of the tasks. An exception of one of them is thrown on once all have ended.
template <class T>
protocol::Task<std::vector<T>> gather(std::vector<protocol::Task<T>> tasks) {
  namespace asio = boost::asio;
  struct State {
    explicit State(const asio::any_io_executor& executor, std::size_t count)
        : left(count),
          results(count),
          stops(count),
          changed(executor, asio::steady_timer::time_point::max()) {}
    std::size_t left;
    std::vector<T> results;
    std::vector<asio::cancellation_signal> stops;
    std::exception_ptr thrown;
    asio::steady_timer changed;
  };
  const auto executor = co_await asio::this_coro::executor;
  const auto state = std::make_shared<State>(executor, tasks.size());
  for (std::size_t i = 0; i < tasks.size(); ++i) {
    asio::co_spawn(
        executor, std::move(tasks[i]),
        asio::bind_cancellation_slot(state->stops[i].slot(), [state, i](std::exception_ptr thrown, T result) {
          if (thrown) state->thrown = thrown;
          state->results[i] = std::move(result);
          if (--state->left == 0) state->changed.cancel();
        }));
  }
  if (state->left > 0) {
    const auto [woken] = co_await state->changed.async_wait(as_result);
    (void)woken;
    if (state->left > 0) {  // we were cancelled: the next co_await of ours throws
      for (auto& stop : state->stops) stop.emit(asio::cancellation_type::terminal);
      co_return std::vector<T>();
    }
  }
  if (state->thrown) std::rethrow_exception(state->thrown);
  co_return std::move(state->results);
}

}  // namespace inpod::kube
